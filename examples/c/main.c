/* SPDX-License-Identifier: Apache-2.0
 * Runs a compiled module from C: prints what goes in and out, runs it once, and prints the first values of each output.
 *
 *   ./run model.so                     all inputs are zeros
 *   ./run model.so x=image.raw         input x comes from a file with its bytes, row major
 *   ./run model.so n=4 x=image.raw     the symbolic dimension n is 4; without a value it is the smallest that is allowed
 *
 * All it needs is tensorwright/module.h and libtensorwright_runtime.so. */
#include "tensorwright/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { shown_values = 8 };

/* The text behind "name=" among the arguments, or NULL. */
static const char* value_of(int count, char** arguments, const char* name) {
  const size_t length = strlen(name);
  for (int i = 2; i < count; ++i)
    if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') return arguments[i] + length + 1;
  return NULL;
}

static int64_t symbol_value(const tw_symbol* symbol, int count, char** arguments) {
  const char* text = value_of(count, arguments, symbol->name);
  const int64_t multiple = symbol->multiple > 1 ? symbol->multiple : 1, least = symbol->minimum > 0 ? symbol->minimum : 1;
  return text != NULL ? strtoll(text, NULL, 10) : (least + multiple - 1) / multiple * multiple;
}

static const char* type_name(tw_dtype type) {
  switch (type.code) {
  case 0: return "int";
  case 1: return "uint";
  case 2: return "float";
  case 4: return "bfloat";
  case 6: return "bool";
  default: return "type";
  }
}

static void print_port(const char* kind, const tw_port* port, const tw_symbol* symbols) {
  printf("%s %s: %s%d (", kind, port->name, type_name(port->dtype), port->dtype.bits);
  for (int32_t i = 0; i < port->rank; ++i) {
    const tw_dimension* dimension = &port->dimensions[i];
    if (i > 0) printf(", ");
    if (dimension->symbol >= 0) printf("%s", symbols[dimension->symbol].name);
    else if (dimension->symbol == TW_COMPUTED) printf("?");
    else printf("%lld", (long long)dimension->size);
  }
  printf(")\n");
}

/* Fills the tensor's bytes from the file. Returns 0 when the file has just as many. */
static int read_file(const char* path, void* data, size_t bytes) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "cannot open '%s': %s\n", path, strerror(errno));
    return 1;
  }
  const size_t found = fread(data, 1, bytes, file);
  const int more = found == bytes && fgetc(file) != EOF;
  fclose(file);
  if (found == bytes && !more) return 0;
  fprintf(stderr, "'%s': expected %zu bytes, found %s\n", path, bytes, more ? "more" : "less");
  return 1;
}

/* Memory for one input, of zeros or from a file. Returns 0 when all went well. */
static int make_input(const tw_port* port, const tw_symbol* symbols, int count, char** arguments, tw_tensor* tensor) {
  size_t bytes = port->dtype.bits / 8;
  memset(tensor, 0, sizeof *tensor);
  tensor->device_type = 1;
  tensor->dtype = port->dtype;
  tensor->ndim = port->rank;
  tensor->shape = calloc((size_t)port->rank + 1, sizeof(int64_t));
  for (int32_t i = 0; tensor->shape != NULL && i < port->rank; ++i) {
    const tw_dimension* dimension = &port->dimensions[i];
    tensor->shape[i] = dimension->symbol >= 0 ? symbol_value(&symbols[dimension->symbol], count, arguments) : dimension->size;
    if (tensor->shape[i] < 0 || __builtin_mul_overflow(bytes, (size_t)tensor->shape[i], &bytes)) {
      fprintf(stderr, "input '%s': dimension %d cannot be %lld\n", port->name, i, (long long)tensor->shape[i]);
      return 1;
    }
  }
  tensor->data = calloc(bytes + 1, 1);
  if (tensor->data == NULL || tensor->shape == NULL) {
    fprintf(stderr, "input '%s': no memory for %zu bytes\n", port->name, bytes);
    return 1;
  }
  const char* path = value_of(count, arguments, port->name);
  return path != NULL ? read_file(path, tensor->data, bytes) : 0;
}

static void print_value(const tw_tensor* tensor, int64_t index) {
  const void* data = tensor->data;
  const int bits = tensor->dtype.bits, code = tensor->dtype.code;
  if (code == 2 && bits == 32) printf(" %g", ((const float*)data)[index]);
  else if (code == 2 && bits == 64) printf(" %g", ((const double*)data)[index]);
  else if (code == 0 && bits == 64) printf(" %lld", (long long)((const int64_t*)data)[index]);
  else if (code == 0 && bits == 32) printf(" %d", ((const int32_t*)data)[index]);
  else {
    printf(" ");
    for (int byte = bits / 8 - 1; byte >= 0; --byte) printf("%02x", ((const unsigned char*)data)[index * (bits / 8) + byte]);
  }
}

static void print_output(const tw_port* port, const tw_tensor* tensor) {
  int64_t count = 1;
  printf("%s (", port->name);
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    printf(i > 0 ? ", %lld" : "%lld", (long long)tensor->shape[i]);
    count *= tensor->shape[i];
  }
  printf(") =");
  for (int64_t i = 0; i < count && i < shown_values; ++i) print_value(tensor, i);
  printf(count > shown_values ? " ...\n" : "\n");
}

/* Prints the runtime's words for the last failure. */
static int failed(void) {
  fprintf(stderr, "%s\n", tw_last_error());
  return 1;
}

static int run(tw_module* module, int count, char** arguments) {
  const tw_module_descriptor* about = tw_module_describe(module);
  tw_tensor* inputs = calloc((size_t)about->input_count + 1, sizeof *inputs);
  tw_tensor* outputs = calloc((size_t)about->output_count + 1, sizeof *outputs); /* no data: the session provides the memory */
  tw_session* session = NULL;
  int status = inputs == NULL || outputs == NULL;
  for (int32_t i = 0; i < about->input_count && status == 0; ++i) {
    print_port("input", &about->inputs[i], about->symbols);
    status = make_input(&about->inputs[i], about->symbols, count, arguments, &inputs[i]);
  }
  for (int32_t i = 0; i < about->output_count && status == 0; ++i) print_port("output", &about->outputs[i], about->symbols);
  if (status == 0 && tw_session_create(module, NULL, &session) != TW_OK) status = failed();
  if (status == 0 && tw_session_run(session, inputs, about->input_count, outputs, about->output_count) != TW_OK) status = failed();
  for (int32_t i = 0; i < about->output_count && status == 0; ++i) print_output(&about->outputs[i], &outputs[i]);
  tw_session_destroy(session); /* the outputs' memory goes with it */
  for (int32_t i = 0; inputs != NULL && i < about->input_count; ++i) {
    free(inputs[i].data);
    free(inputs[i].shape);
  }
  free(inputs);
  free(outputs);
  return status;
}

int main(int count, char** arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: %s MODULE [INPUT=FILE | SYMBOL=SIZE]...\n", arguments[0]);
    return 1;
  }
  tw_module* module;
  if (tw_module_load(arguments[1], &module) != TW_OK) return failed();
  printf("module %s, runtime %s\n", tw_module_describe(module)->name, tw_runtime_version());
  const int status = run(module, count, arguments);
  tw_module_release(module);
  return status;
}
