// SPDX-License-Identifier: Apache-2.0
// Tensors from Python: through the buffer protocol first (NumPy, array, memoryview), then DLPack (PyTorch, JAX, CuPy …).
#include "bindings/errors.h"
#include "bindings/runtime/dlpack.h"
#include "bindings/runtime/tensor.h"

#include <bit>
#include <cstring>
#include <optional>

namespace nb = nanobind;

namespace tw::bindings {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& why, const std::string& hint = "") {
  std::string text = what + ": " + why;
  throw RaisedError{PythonError::user, text, hint.empty() ? text : text + "\n  hint: " + hint, {}, hint};
}

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

// NumPy arrays of ml_dtypes' bfloat16 have neither a buffer nor DLPack; seen as uint16 they have both.
nb::object bfloat_as_bits(nb::handle object) {
  nb::object dtype = nb::getattr(object, "dtype", nb::none());
  if (dtype.is_none() || !nb::hasattr(object, "view") || !nb::hasattr(object, "__array_interface__")) return {};
  if (std::string_view(nb::str(dtype).c_str()) != "bfloat16") return {};
  return object.attr("view")("uint16");
}

} // namespace

Borrowed::Borrowed(nb::handle object, const std::string& what) {
  converted_ = bfloat_as_bits(object);
  const bool bfloat = converted_.is_valid();
  if (bfloat) object = converted_;
  if (!take_buffer(object, what) && !take_dlpack(object, what))
    refuse(what,
           "expected an array (NumPy, or anything with __dlpack__ or the buffer protocol), found an object of type " + class_name(object));
  if (bfloat) tensor_.dtype = {4, 16, 1};
}

Borrowed::~Borrowed() {
  if (holds_view_) PyBuffer_Release(&view_);
}

tw_tensor Borrowed::tensor() const { return tensor_; }

bool Borrowed::take_buffer(nb::handle object, const std::string& what) {
  if (!PyObject_CheckBuffer(object.ptr())) return false;
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FULL_RO) != 0) {
    nb::python_error error;
    if (nb::hasattr(object, "__dlpack__")) return false;
    refuse(what, "its memory cannot be read: " + one_line(error));
  }
  holds_view_ = true;
  const auto dtype = from_format(view_.format, view_.itemsize);
  if (!dtype)
    refuse(what,
           std::string("expected numbers in this machine's byte order, found elements of the format '") +
               (view_.format ? view_.format : "") + "'",
           "convert it first, for example with x.astype('float32')");
  tensor_.dtype = *dtype;
  set_layout(view_, what);
  return true;
}

void Borrowed::set_layout(const Py_buffer& view, const std::string& what) {
  bool whole = true; // strides are whole elements
  for (int i = 0; i < view.ndim; ++i) {
    shape_.push_back(view.shape[i]);
    if (view.strides != nullptr) {
      strides_.push_back(view.strides[i] / view.itemsize);
      whole = whole && view.strides[i] % view.itemsize == 0;
    }
  }
  tensor_.data = view.buf;
  if (!whole || view.suboffsets != nullptr) {
    copy_.resize(static_cast<size_t>(view.len));
    if (PyBuffer_ToContiguous(copy_.data(), const_cast<Py_buffer*>(&view), view.len, 'C') != 0) {
      nb::python_error error;
      refuse(what, "its memory cannot be copied: " + one_line(error));
    }
    tensor_.data = copy_.data();
    strides_.clear();
  }
  tensor_.device_type = 1;
  tensor_.ndim = view.ndim;
  tensor_.shape = shape_.data();
  tensor_.strides = strides_.empty() ? nullptr : strides_.data();
}

bool Borrowed::take_dlpack(nb::handle object, const std::string& what) {
  if (!nb::hasattr(object, "__dlpack__")) return false;
  try {
    capsule_ = object.attr("__dlpack__")(nb::arg("max_version") = nb::make_tuple(dlpack_major, 0));
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) refuse(what, "its __dlpack__ failed: " + one_line(error));
  }
  if (!capsule_.is_valid()) {
    try {
      capsule_ = object.attr("__dlpack__")(); // a producer from before DLPack 1.0
    } catch (nb::python_error& error) { refuse(what, "its __dlpack__ failed: " + one_line(error)); }
  }
  const auto read = [&]<class Managed>(Managed*) {
    if (!PyCapsule_IsValid(capsule_.ptr(), CapsuleName<Managed>::fresh)) return false;
    // The capsule stays fresh, so its own destructor gives the memory back when this object dies.
    tensor_ = static_cast<Managed*>(PyCapsule_GetPointer(capsule_.ptr(), CapsuleName<Managed>::fresh))->tensor;
    return true;
  };
  if (!read(static_cast<VersionedManagedTensor*>(nullptr)) && !read(static_cast<ManagedTensor*>(nullptr)))
    refuse(what, "its __dlpack__ gave no DLPack capsule");
  return true;
}

} // namespace tw::bindings
