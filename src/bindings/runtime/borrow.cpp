// SPDX-License-Identifier: Apache-2.0
// Tensors from Python: through the buffer protocol first (NumPy, array, memoryview), then DLPack (PyTorch, JAX, CuPy …).
#include "bindings/runtime/borrow.h"

#include "bindings/errors.h"
#include "bindings/runtime/dlpack.h"

#include <bit>
#include <cstring>
#include <optional>

namespace nb = nanobind;

namespace tw::bindings {
namespace {

// PEP 3118's letters. Their sizes differ between machines, so the element's size decides the width.
std::optional<tw_dtype> from_format(const char* format, Py_ssize_t item) {
  const char* letter = format == nullptr ? "B" : format;
  if (std::strchr("@=", *letter) != nullptr || *letter == (std::endian::native == std::endian::little ? '<' : '>')) ++letter;
  if (letter[0] == 0 || letter[1] != 0) return {};
  const auto bits = static_cast<uint8_t>(item * 8);
  if (std::strchr("bhilqn", *letter)) return tw_dtype{0, bits, 1};
  if (std::strchr("BHILQN", *letter)) return tw_dtype{1, bits, 1};
  if (std::strchr("efd", *letter)) return tw_dtype{2, bits, 1};
  if (*letter == '?') return tw_dtype{6, bits, 1};
  return {};
}

std::string class_name(nb::handle object) { return nb::cast<nb::str>(object.type().attr("__name__")).c_str(); }

// "BufferError: requires grad", without the trace.
std::string one_line(const nb::python_error& error) { return class_name(error.value()) + ": " + nb::str(error.value()).c_str(); }

} // namespace

void Borrowed::refuse(const std::string& why, const std::string& hint) const {
  const std::string text = std::string("input '") + input_ + "': " + why;
  throw RaisedError{PythonError::user, text, hint.empty() ? text : text + "\n  hint: " + hint, {}, hint};
}

void Borrowed::take(nb::handle object, const char* input) {
  input_ = input;
  if (take_buffer(object) || take_bfloat(object) || take_dlpack(object)) return;
  refuse("expected an array (NumPy, or anything with __dlpack__ or the buffer protocol), found an object of type " + class_name(object));
}

Borrowed::~Borrowed() {
  if (holds_view_) PyBuffer_Release(&view_);
}

bool Borrowed::take_buffer(nb::handle object) {
  if (!PyObject_CheckBuffer(object.ptr())) return false;
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FULL_RO) != 0) {
    nb::python_error error;
    if (nb::hasattr(object, "__dlpack__")) return false;
    refuse("its memory cannot be read: " + one_line(error));
  }
  holds_view_ = true;
  const auto dtype = from_format(view_.format, view_.itemsize);
  if (!dtype)
    refuse(std::string("expected numbers in this machine's byte order, found elements of the format '") +
               (view_.format ? view_.format : "") + "'",
           "convert it first, for example with x.astype('float32')");
  tensor_.dtype = *dtype;
  set_layout();
  return true;
}

// NumPy arrays of ml_dtypes' bfloat16 have neither a buffer nor DLPack; seen as uint16 they have both.
bool Borrowed::take_bfloat(nb::handle object) {
  nb::object dtype = nb::getattr(object, "dtype", nb::none());
  if (dtype.is_none() || !nb::hasattr(object, "view") || !nb::hasattr(object, "__array_interface__")) return false;
  if (std::string_view(nb::str(dtype).c_str()) != "bfloat16") return false;
  converted_ = object.attr("view")("uint16");
  if (!take_buffer(converted_)) return false;
  tensor_.dtype = {4, 16, 1};
  return true;
}

void Borrowed::set_layout() {
  static_assert(sizeof(Py_ssize_t) == sizeof(int64_t));
  tensor_.data = view_.buf;
  tensor_.device_type = 1;
  tensor_.ndim = view_.ndim;
  tensor_.shape = reinterpret_cast<int64_t*>(view_.shape);
  if (view_.strides == nullptr || (view_.suboffsets == nullptr && PyBuffer_IsContiguous(&view_, 'C') != 0)) return;
  bool whole = view_.suboffsets == nullptr; // strides are whole elements
  for (int i = 0; i < view_.ndim; ++i) {
    strides_.push_back(view_.strides[i] / view_.itemsize);
    whole = whole && view_.strides[i] % view_.itemsize == 0;
  }
  if (whole) {
    tensor_.strides = strides_.data();
    return;
  }
  copy_.resize(static_cast<size_t>(view_.len));
  if (PyBuffer_ToContiguous(copy_.data(), &view_, view_.len, 'C') != 0) {
    nb::python_error error;
    refuse("its memory cannot be copied: " + one_line(error));
  }
  tensor_.data = copy_.data();
}

bool Borrowed::take_dlpack(nb::handle object) {
  if (!nb::hasattr(object, "__dlpack__")) return false;
  try {
    capsule_ = object.attr("__dlpack__")(nb::arg("max_version") = nb::make_tuple(dlpack_major, 0));
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) refuse("its __dlpack__ failed: " + one_line(error));
  }
  if (!capsule_.is_valid()) {
    try {
      capsule_ = object.attr("__dlpack__")(); // a producer from before DLPack 1.0
    } catch (nb::python_error& error) { refuse("its __dlpack__ failed: " + one_line(error)); }
  }
  const auto read = [&]<class Managed>(Managed*) {
    if (!PyCapsule_IsValid(capsule_.ptr(), CapsuleName<Managed>::fresh)) return false;
    // The capsule stays fresh, so its own destructor gives the memory back when this object dies.
    tensor_ = static_cast<Managed*>(PyCapsule_GetPointer(capsule_.ptr(), CapsuleName<Managed>::fresh))->tensor;
    return true;
  };
  if (!read(static_cast<VersionedManagedTensor*>(nullptr)) && !read(static_cast<ManagedTensor*>(nullptr)))
    refuse("its __dlpack__ gave no DLPack capsule");
  return true;
}

} // namespace tw::bindings
