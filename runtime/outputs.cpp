// SPDX-License-Identifier: Apache-2.0
// Outputs: in the user's memory where he gave some, else in the session's. An output that lies over an input is written beside it and
// copied at the end, since generated code reads inputs until then.
#include "runtime/session.h"
#include "runtime/tensors.h"

#include <algorithm>

namespace tw::runtime {
namespace {

const tw_port& port_of(const tw_session& session, int32_t index) { return session.descriptor.outputs[index]; }

// The size of a dimension as far as it is known before the run.
int64_t known_size(const tw_session& session, const tw_dimension& dimension) {
  if (dimension.symbol >= 0) return session.symbols[static_cast<size_t>(dimension.symbol)];
  return dimension.symbol == TW_FIXED ? dimension.size : -1;
}

unsigned char* first_byte(const tw_tensor& tensor) { return static_cast<unsigned char*>(tensor.data) + tensor.byte_offset; }

bool overlap(const tw_tensor& a, const tw_tensor& b) {
  for (const tw_tensor* tensor : {&a, &b})
    for (int64_t size : shape_of(*tensor))
      if (size == 0) return false;
  const auto extent_a = extent(item_bytes(a.dtype), shape_of(a), a.strides), extent_b = extent(item_bytes(b.dtype), shape_of(b), b.strides);
  if (!extent_a || !extent_b) return true;
  const auto at_a = reinterpret_cast<intptr_t>(first_byte(a)), at_b = reinterpret_cast<intptr_t>(first_byte(b));
  return at_a + extent_a->begin < at_b + extent_b->end && at_b + extent_b->begin < at_a + extent_a->end;
}

bool writable_directly(const tw_session& session, const tw_tensor& tensor) {
  if (!is_dense(shape_of(tensor), tensor.strides)) return false;
  if (reinterpret_cast<uintptr_t>(first_byte(tensor)) % item_bytes(tensor.dtype) != 0) return false;
  return std::none_of(session.user_inputs.begin(), session.user_inputs.end(),
                      [&](const tw_tensor& input) { return overlap(tensor, input); });
}

void check_user_output(const tw_session& session, int32_t index, const tw_tensor& tensor) {
  const tw_port& port = port_of(session, index);
  check_tensor(tensor, "output", port.name);
  bool fits = same_dtype(tensor.dtype, port.dtype) && tensor.ndim == port.rank;
  for (int32_t i = 0; fits && i < port.rank; ++i) {
    const int64_t known = known_size(session, port.dimensions[i]);
    fits = known < 0 || known == tensor.shape[i];
  }
  if (fits) return;
  std::string values;
  for (int32_t i = 0; i < session.descriptor.symbol_count; ++i)
    values += text("; ", session.descriptor.symbols[i].name, " is ", session.symbols[static_cast<size_t>(i)]);
  throw Failure(TW_USER_ERROR, text("output '", port.name, "': expected memory for ", port_text(port, session.descriptor.symbols),
                                    ", found ", shape_text(tensor.dtype, shape_of(tensor)), values));
}

bool shape_is_known(const tw_port& port) {
  for (int32_t i = 0; i < port.rank; ++i)
    if (port.dimensions[i].symbol == TW_COMPUTED) return false;
  return true;
}

// That generated code and descriptor agree is the compiler's duty: an internal error.
void check_computed_shape(const tw_session& session, int32_t index, std::span<const int64_t> shape) {
  const tw_port& port = port_of(session, index);
  bool fits = shape.size() == static_cast<size_t>(port.rank);
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    const int64_t known = known_size(session, port.dimensions[i]);
    fits = shape[i] >= 0 && (known < 0 || known == shape[i]);
  }
  if (!fits)
    throw Failure(TW_INTERNAL_ERROR, text("output '", port.name, "': expected ", port_text(port, session.descriptor.symbols), ", computed ",
                                          shape_text(port.dtype, shape)));
}

} // namespace

void begin_outputs(tw_session& session, std::span<tw_tensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto index = static_cast<int32_t>(i);
    Output& output = session.outputs[i];
    output.user = outputs[i].data != nullptr ? &outputs[i] : nullptr;
    output.produced = output.copied = false;
    output.data = session.output_data[i] = nullptr;
    if (output.user != nullptr) {
      check_user_output(session, index, outputs[i]);
      output.copied = !writable_directly(session, outputs[i]);
    }
    const tw_port& port = port_of(session, index);
    if (!shape_is_known(port)) continue;
    int64_t shape[TW_MAX_RANK];
    for (int32_t d = 0; d < port.rank; ++d) shape[d] = known_size(session, port.dimensions[d]);
    prepare_output(session, index, {shape, static_cast<size_t>(port.rank)});
  }
}

void* prepare_output(tw_session& session, int32_t index, std::span<const int64_t> shape) {
  if (index < 0 || index >= session.descriptor.output_count)
    throw Failure(TW_INTERNAL_ERROR,
                  text("expected an output from 0 to ", session.descriptor.output_count - 1, ", the module asked for ", index));
  const tw_port& port = port_of(session, index);
  Output& output = session.outputs[static_cast<size_t>(index)];
  check_computed_shape(session, index, shape);
  if (output.user != nullptr && !std::equal(shape.begin(), shape.end(), output.user->shape))
    throw Failure(TW_USER_ERROR, text("output '", port.name, "': expected memory for ", shape_text(port.dtype, shape), ", found ",
                                      shape_text(port.dtype, shape_of(*output.user)),
                                      "; its shape is known only during the run: pass no data to let the session provide memory"));
  const auto bytes = dense_bytes(item_bytes(port.dtype), shape);
  if (!bytes)
    throw Failure(TW_USER_ERROR, text("output '", port.name, "': expected a size that fits into memory, found ",
                                      shape_text(port.dtype, shape), "; use smaller inputs"));
  output.shape.assign(shape.begin(), shape.end());
  if (output.user != nullptr && !output.copied) output.data = first_byte(*output.user);
  else output.data = output.memory.ensure(*bytes, "output '", port.name, "'");
  if (session.poisons && output.data == output.memory.data()) output.memory.poison();
  output.produced = true;
  return session.output_data[static_cast<size_t>(index)] = output.data;
}

void finish_outputs(tw_session& session, std::span<tw_tensor> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const tw_port& port = port_of(session, static_cast<int32_t>(i));
    if (!session.outputs[i].produced)
      throw Failure(TW_INTERNAL_ERROR, text("output '", port.name, "': the module ended its run without producing it"));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const tw_port& port = port_of(session, static_cast<int32_t>(i));
    Output& output = session.outputs[i];
    if (output.user == nullptr) {
      outputs[i] = {output.data, 1, 0, port.rank, port.dtype, output.shape.data(), nullptr, 0};
    } else if (output.copied) {
      copy_strided(first_byte(*output.user), output.user->strides, static_cast<const unsigned char*>(output.data), nullptr, output.shape,
                   item_bytes(port.dtype));
    }
  }
}

} // namespace tw::runtime
