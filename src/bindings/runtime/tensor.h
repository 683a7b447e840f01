// SPDX-License-Identifier: Apache-2.0
// Tensors between Python and the runtime. Out: a Tensor owns its memory and lends it through the buffer protocol and DLPack. In: anything
// with a buffer or `__dlpack__` is used where it lies; the runtime copies what is not dense or not aligned.
#pragma once

#include "tensorwright/module.h"

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

namespace tw::bindings {

// "f32", "bool", "bf16" …; `size` is the bytes of one element.
std::string dtype_name(tw_dtype dtype);
int64_t dtype_bytes(tw_dtype dtype);

// Memory of a run's output, aligned to 64 bytes.
std::shared_ptr<void> allocate_aligned(int64_t bytes);
// The bytes of a dense tensor; a user error if they do not fit into memory.
int64_t dense_bytes(tw_dtype dtype, const std::vector<int64_t>& shape);

struct Tensor {
  std::shared_ptr<void> memory;
  tw_dtype dtype;
  std::vector<int64_t> shape;

  int64_t elements() const;
  int64_t bytes() const { return elements() * dtype_bytes(dtype); }
};

// A Python object lent for the time of a run.
class Borrowed {
public:
  // Throws RaisedError (user) naming `what` if the object is no tensor.
  Borrowed(nanobind::handle object, const std::string& what);
  ~Borrowed();
  Borrowed(const Borrowed&) = delete;

  // Valid while this lives.
  tw_tensor tensor() const;

private:
  bool take_buffer(nanobind::handle object, const std::string& what);
  bool take_dlpack(nanobind::handle object, const std::string& what);
  void set_layout(const Py_buffer& view, const std::string& what);

  tw_tensor tensor_{};
  std::vector<int64_t> shape_, strides_;
  Py_buffer view_{};
  bool holds_view_ = false;
  nanobind::object capsule_, converted_;
  std::vector<unsigned char> copy_;
};

void bind_tensor(nanobind::module_& module);

} // namespace tw::bindings
