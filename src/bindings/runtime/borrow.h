// SPDX-License-Identifier: Apache-2.0
// Inputs of a run: anything with a buffer or `__dlpack__` is used where it lies; the runtime copies what is not dense or not aligned.
#pragma once

#include "tensorwright/module.h"

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

namespace tw::bindings {

// A Python object lent for the time of a run.
class Borrowed {
public:
  Borrowed() = default;
  ~Borrowed();
  Borrowed(const Borrowed&) = delete;

  // Once. Throws RaisedError (user) naming the input if the object is no tensor. What tensor() gives is valid while this lives.
  void take(nanobind::handle object, const char* input);
  const tw_tensor& tensor() const { return tensor_; }

private:
  bool take_buffer(nanobind::handle object);
  bool take_bfloat(nanobind::handle object);
  bool take_dlpack(nanobind::handle object);
  void set_layout();
  [[noreturn]] void refuse(const std::string& why, const std::string& hint = "") const;

  const char* input_ = "";
  tw_tensor tensor_{};
  Py_buffer view_{};
  bool holds_view_ = false;
  std::vector<int64_t> strides_;
  nanobind::object capsule_, converted_;
  std::vector<unsigned char> copy_;
};

} // namespace tw::bindings
