// SPDX-License-Identifier: Apache-2.0
// From the user's inputs to what generated code may rely on: the right types and shapes, symbols with values, dense and aligned data.
#include "runtime/session.h"
#include "runtime/tensors.h"

#include <algorithm>

namespace tw::runtime {
namespace {

class Binder {
public:
  Binder(tw_session& session) : session_(session), descriptor_(session.descriptor), givers_(session.symbol_givers) {
    std::fill(givers_.begin(), givers_.end(), nullptr);
  }

  void bind(int32_t index, const tw_tensor& tensor) {
    const tw_port& port = descriptor_.inputs[index];
    check_tensor(tensor, "input", port.name);
    if (!same_dtype(tensor.dtype, port.dtype) || tensor.ndim != port.rank) mismatch(port, tensor, "");
    for (int32_t i = 0; i < port.rank; ++i) bind_dimension(port, tensor, i);
    session_.input_data[static_cast<size_t>(index)] = dense_data(index, tensor);
  }

private:
  [[noreturn]] void mismatch(const tw_port& port, const tw_tensor& tensor, const std::string& why) const {
    throw Failure(TW_USER_ERROR, text("input '", port.name, "': expected ", port_text(port, descriptor_.symbols), ", found ",
                                      shape_text(tensor.dtype, shape_of(tensor)), why));
  }

  void bind_dimension(const tw_port& port, const tw_tensor& tensor, int32_t i) {
    const tw_dimension& dimension = port.dimensions[i];
    const int64_t size = tensor.shape[i];
    if (dimension.symbol < 0) {
      if (size != dimension.size) mismatch(port, tensor, "");
      return;
    }
    const auto index = static_cast<size_t>(dimension.symbol);
    const tw_symbol& symbol = descriptor_.symbols[index];
    if (givers_[index] != nullptr) {
      if (size != session_.symbols[index])
        mismatch(port, tensor, text("; ", symbol.name, " is ", session_.symbols[index], " by input '", givers_[index]->name, "'"));
      return;
    }
    if (size < symbol.minimum || size > symbol.maximum)
      mismatch(port, tensor, text("; ", symbol.name, " must be from ", symbol.minimum, " to ", symbol.maximum));
    if (symbol.multiple > 1 && size % symbol.multiple != 0)
      mismatch(port, tensor, text("; ", symbol.name, " must be a multiple of ", symbol.multiple));
    givers_[index] = &port;
    session_.symbols[index] = size;
  }

  const void* dense_data(int32_t index, const tw_tensor& tensor) {
    const auto data = static_cast<const unsigned char*>(tensor.data) + tensor.byte_offset;
    const size_t item = item_bytes(tensor.dtype);
    const auto shape = shape_of(tensor);
    const size_t bytes = *dense_bytes(item, shape);
    Buffer& copy = session_.input_copies[static_cast<size_t>(index)];
    if (bytes == 0) return copy.ensure(0, "input '", descriptor_.inputs[index].name, "'");
    if (is_dense(shape, tensor.strides) && reinterpret_cast<uintptr_t>(data) % item == 0) return data;
    copy.ensure(bytes, "a dense copy of input '", descriptor_.inputs[index].name, "'");
    copy_strided(copy.data(), nullptr, data, tensor.strides, shape, item);
    return copy.data();
  }

  tw_session& session_;
  const tw_module_descriptor& descriptor_;
  std::vector<const tw_port*>& givers_;
};

} // namespace

void bind_inputs(tw_session& session, std::span<const tw_tensor> inputs) {
  Binder binder(session);
  for (size_t i = 0; i < inputs.size(); ++i) binder.bind(static_cast<int32_t>(i), inputs[i]);
}

} // namespace tw::runtime
