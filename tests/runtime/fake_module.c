/* SPDX-License-Identifier: Apache-2.0
 * A module as the compiler would make it, written by hand: y = 2 x + 1 for x of shape (n, 3), and the sum of y. Each thread takes its share
 * of the rows; the shares' sums meet in the arena, behind a barrier. The tests also build it with faults (see modules.cmake). */
#include "tensorwright/artifact.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION TW_ARTIFACT_VERSION
#endif
#ifndef FAKE_SIZE
#define FAKE_SIZE sizeof(tw_module_descriptor)
#endif

#ifndef FAKE_WITHOUT_SYMBOL
enum { columns = 3 };

static const tw_dimension x_dimensions[] = {{0, 0, 0}, {columns, TW_FIXED, 0}};
static const tw_symbol symbols[] = {{"n", 1, 64, 1}};
static const tw_launch launches[] = {{"scale_and_sum", "mul1+add1+sum1", "{}x3 -> {}x3", 0, 0, 0}};
static const _Alignas(64) float constants[16] = {2, 1};

static void describe(const int64_t* values, int64_t* sizes, double* amounts) {
  sizes[0] = sizes[1] = values[0];
  amounts[0] = 3.0 * columns * (double)values[0];
}

static int64_t plan(const int64_t* values, int64_t* offsets) {
  (void)values;
  offsets[0] = 64;
  return 64 + 1024 * (int64_t)sizeof(float);
}

enum { base_of_x, base_of_y, base_of_sums, base_of_rows, base_count };

static void scale_and_sum(tw_run* run, const int64_t* values, int32_t thread, int32_t threads, unsigned char* scratch) {
  (void)scratch;
  const float* x = (const float*)values[0];
  float *y = (float*)values[1], *sums = (float*)values[2];
  const int64_t rows = values[3], begin = rows * thread / threads, end = rows * (thread + 1) / threads;
  const float* scale_and_shift = (const float*)run->weights;
  float sum = 0;
  for (int64_t i = begin * columns; i < end * columns; ++i) sum += y[i] = x[i] * scale_and_shift[0] + scale_and_shift[1];
  sums[thread] = sum;
}

static const tw_operand operands[] = {{base_of_x, 0}, {base_of_y, 0}, {base_of_sums, 0}, {base_of_rows, 0}};
static const tw_step steps[] = {{scale_and_sum, operands, 4, 0, 1, 0}, {0, 0, 0, 0, 1, 0}};

static int32_t entry(tw_run* run, int32_t thread) {
  const tw_services* services = run->services;
  const float* sums = (const float*)(run->arena + run->offsets[0]);
  const int64_t bases[base_count] = {(int64_t)run->inputs[0], (int64_t)run->outputs[0], (int64_t)sums, run->symbols[0]};
  int64_t values[4];
  if (services->walk(run, thread, steps, 2, bases, values) != 0) return 1;
  if (thread == 0) {
    float* total = services->output(run, 1, 0, NULL);
    if (total == NULL) return 1;
    *total = 0;
    for (int32_t other = 0; other < run->threads; ++other) *total += sums[other];
  }
  return 0;
}

static const tw_port inputs[] = {{"x", {2, 32, 1}, 2, x_dimensions}};
static const tw_port outputs[] = {{"y", {2, 32, 1}, 2, x_dimensions}, {"total", {2, 32, 1}, 0, NULL}};

extern const tw_module_descriptor tensorwright_module;
__attribute__((visibility("default"))) const tw_module_descriptor tensorwright_module = {
    .version = FAKE_VERSION,
    .size = FAKE_SIZE,
    .name = "fake",
    .target = "x86-64",
    .features = "",
    .producer = "by hand",
    .input_count = 1,
    .output_count = 2,
    .symbol_count = 1,
    .launch_count = 1,
    .offset_count = 1,
    .slot_count = 0,
    .inputs = inputs,
    .outputs = outputs,
    .symbols = symbols,
    .launches = launches,
    .weights = (const unsigned char*)constants,
    .weight_bytes = sizeof constants,
    .scratch_bytes = 64,
    .predict = 0,
    .describe = describe,
    .plan = plan,
    .entry = entry,
};
#endif
