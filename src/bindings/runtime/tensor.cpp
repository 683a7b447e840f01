// SPDX-License-Identifier: Apache-2.0
// The class Tensor: what Python gets from a run.
#include "bindings/runtime/tensor.h"
#include "bindings/errors.h"
#include "bindings/runtime/dlpack.h"
#include "bindings/runtime/memory.h"

#include <nanobind/stl/string.h>

#include <algorithm>

namespace nb = nanobind;

namespace tw::bindings {

std::string dtype_name(tw_dtype dtype) {
  const char* letter = dtype.code == 0 ? "i" : dtype.code == 1 ? "u" : dtype.code == 2 ? "f" : dtype.code == 4 ? "bf" : nullptr;
  if (dtype.code == 6) return "bool";
  return letter == nullptr ? "code " + std::to_string(dtype.code) : letter + std::to_string(dtype.bits);
}

int64_t dtype_bytes(tw_dtype dtype) { return (dtype.bits + 7) / 8; }

int64_t dense_bytes(tw_dtype dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = dtype_bytes(dtype);
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) {
      const std::string text = "expected an output that fits into memory";
      throw RaisedError{PythonError::user, text, text, {}, ""};
    }
  return bytes;
}

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

namespace {

// The letter of the buffer protocol; null for types that it does not know.
const char* buffer_format(tw_dtype dtype) {
  static constexpr const char* signed_letters[] = {"b", "h", "i", "q"};
  static constexpr const char* unsigned_letters[] = {"B", "H", "I", "Q"};
  const int width = dtype.bits == 8 ? 0 : dtype.bits == 16 ? 1 : dtype.bits == 32 ? 2 : dtype.bits == 64 ? 3 : -1;
  if (width < 0) return nullptr;
  switch (dtype.code) {
  case 0: return signed_letters[width];
  case 1: return unsigned_letters[width];
  case 2: return width == 1 ? "e" : width == 2 ? "f" : width == 3 ? "d" : nullptr;
  case 6: return width == 0 ? "?" : nullptr;
  default: return nullptr;
  }
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  Tensor* tensor = nb::inst_ptr<Tensor>(self);
  const char* format = buffer_format(tensor->dtype);
  if (format == nullptr) {
    PyErr_Format(PyExc_BufferError, "the buffer protocol knows no %s; use numpy() or __dlpack__", dtype_name(tensor->dtype).c_str());
    view->obj = nullptr;
    return -1;
  }
  const size_t rank = tensor->shape.size();
  auto* layout = new Py_ssize_t[2 * rank + 1];
  Py_ssize_t stride = dtype_bytes(tensor->dtype);
  for (size_t i = rank; i-- > 0;) {
    layout[i] = tensor->shape[i];
    layout[rank + i] = stride;
    stride *= std::max<int64_t>(tensor->shape[i], 1);
  }
  *view = {};
  view->buf = tensor->memory.get();
  view->obj = self;
  Py_INCREF(self);
  view->len = tensor->bytes();
  view->itemsize = dtype_bytes(tensor->dtype);
  view->ndim = static_cast<int>(rank);
  view->format = (flags & PyBUF_FORMAT) != 0 ? const_cast<char*>(format) : nullptr;
  view->shape = (flags & PyBUF_ND) != 0 ? layout : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? layout + rank : nullptr;
  view->internal = layout;
  return 0;
}

void release_buffer(PyObject*, Py_buffer* view) { delete[] static_cast<Py_ssize_t*>(view->internal); }

PyType_Slot tensor_slots[] = {
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)}, {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)}, {0, nullptr}};

template <class Managed> nb::object dlpack_capsule(const Tensor& tensor, bool copied) {
  struct Lent {
    Managed managed{};
    Tensor tensor;
  };
  auto* lent = new Lent{{}, tensor};
  Managed& managed = lent->managed;
  managed.tensor = {lent->tensor.memory.get(), 1,       0, static_cast<int32_t>(lent->tensor.shape.size()), tensor.dtype,
                    lent->tensor.shape.data(), nullptr, 0};
  if constexpr (requires { managed.major; }) {
    managed.major = dlpack_major;
    managed.flags = copied ? dlpack_copied : 0;
  }
  managed.context = lent;
  managed.deleter = [](Managed* m) { delete static_cast<Lent*>(m->context); };
  PyObject* capsule = PyCapsule_New(&managed, CapsuleName<Managed>::fresh, [](PyObject* c) {
    if (!PyCapsule_IsValid(c, CapsuleName<Managed>::fresh)) return; // taken: whoever took it calls the deleter
    auto* m = static_cast<Managed*>(PyCapsule_GetPointer(c, CapsuleName<Managed>::fresh));
    m->deleter(m);
  });
  if (capsule == nullptr) {
    delete lent;
    throw nb::python_error();
  }
  return nb::steal(capsule);
}

nb::object to_dlpack(const Tensor& tensor, nb::handle stream, nb::handle max_version, nb::handle dl_device, nb::handle copy) {
  if (!stream.is_none()) throw nb::buffer_error("a tensor in the processor's memory has no stream: expected None");
  if (!dl_device.is_none() && nb::cast<int>(dl_device[0]) != 1)
    throw nb::buffer_error("this tensor lies in the processor's memory (device type 1) and is not copied to other devices");
  Tensor lent = tensor;
  const bool copied = !copy.is_none() && nb::cast<bool>(copy);
  if (copied) {
    lent.memory = allocate_aligned(tensor.bytes());
    std::copy_n(static_cast<const char*>(tensor.memory.get()), tensor.bytes(), static_cast<char*>(lent.memory.get()));
  }
  const bool versioned = !max_version.is_none() && nb::cast<uint32_t>(max_version[0]) >= dlpack_major;
  return versioned ? dlpack_capsule<VersionedManagedTensor>(lent, copied) : dlpack_capsule<ManagedTensor>(lent, copied);
}

// numpy.asarray of something with a buffer. The function is looked up once: importing takes longer than the call.
nb::object call_asarray(nb::handle object) {
  static PyObject* asarray = nullptr; // never released: modules live as long as the process
  if (asarray == nullptr) asarray = nb::object(nb::module_::import_("numpy").attr("asarray")).release().ptr();
  nb::object array = nb::steal(PyObject_CallOneArg(asarray, object.ptr()));
  if (!array.is_valid()) throw nb::python_error();
  return array;
}

// Shares the memory. bfloat16 is not NumPy's own: with the package ml_dtypes it has a type, without it the reader is told.
nb::object to_numpy(nb::handle self) {
  const Tensor& tensor = *nb::inst_ptr<Tensor>(self);
  if (tensor.dtype.code != 4) return call_asarray(self);
  nb::object bfloat;
  try {
    bfloat = nb::module_::import_("ml_dtypes").attr("bfloat16");
  } catch (nb::python_error&) {
    const std::string message = "NumPy has no bfloat16", hint = "install the package ml_dtypes, or take the tensor through __dlpack__";
    throw RaisedError{PythonError::unsupported, message, "unsupported: " + message + "\n  hint: " + hint, {}, hint};
  }
  Tensor bits = tensor;
  bits.dtype = {1, 16, 1};
  nb::object seen = nb::cast(std::move(bits));
  return call_asarray(seen).attr("view")(bfloat);
}

nb::object to_array(nb::handle self, nb::handle dtype, nb::handle copy) {
  nb::object array = to_numpy(self);
  if (!dtype.is_none() && !nb::module_::import_("numpy").attr("dtype")(dtype).equal(array.attr("dtype"))) {
    if (!copy.is_none() && !nb::cast<bool>(copy)) throw nb::value_error("another dtype needs a copy, and copy=False forbids it");
    return array.attr("astype")(dtype);
  }
  return !copy.is_none() && nb::cast<bool>(copy) ? array.attr("copy")() : array;
}

nb::tuple shape_tuple(const Tensor& tensor) {
  nb::list items;
  for (int64_t size : tensor.shape) items.append(size);
  return nb::tuple(items);
}

} // namespace

void bind_tensor(nb::module_& module) {
  nb::class_<Tensor>(module, "Tensor", nb::type_slots(tensor_slots),
                     "An output of a run. Shares its memory with whatever is made of it: NumPy arrays, DLPack consumers, memoryviews.")
      .def_prop_ro("shape", shape_tuple, nb::sig("def shape(self) -> tuple[int, ...]"))
      .def_prop_ro(
          "dtype", [](const Tensor& t) { return dtype_name(t.dtype); }, "\"f32\", \"bf16\", \"i64\", \"bool\" …")
      .def_prop_ro("ndim", [](const Tensor& t) { return t.shape.size(); })
      .def_prop_ro("size", &Tensor::elements, "The number of elements.")
      .def_prop_ro("nbytes", &Tensor::bytes)
      .def("numpy", to_numpy, nb::sig("def numpy(self) -> numpy.typing.NDArray"), "A NumPy array over the same memory.")
      .def("__array__", to_array, nb::arg("dtype") = nb::none(), nb::arg("copy") = nb::none(),
           nb::sig("def __array__(self, dtype: object = None, copy: bool | None = None) -> numpy.typing.NDArray"))
      .def("__dlpack__", to_dlpack, nb::kw_only(), nb::arg("stream") = nb::none(), nb::arg("max_version") = nb::none(),
           nb::arg("dl_device") = nb::none(), nb::arg("copy") = nb::none(),
           nb::sig("def __dlpack__(self, *, stream: None = None, max_version: tuple[int, int] | None = None, "
                   "dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> object"))
      .def(
          "__dlpack_device__", [](const Tensor&) { return nb::make_tuple(1, 0); },
          nb::sig("def __dlpack_device__(self) -> tuple[int, int]"))
      .def("tolist", [](nb::handle self) { return to_numpy(self).attr("tolist")(); })
      .def(
          "item", [](nb::handle self) { return to_numpy(self).attr("item")(); }, "The value of a tensor with one element.")
      .def("__len__",
           [](const Tensor& t) {
             if (t.shape.empty()) throw nb::type_error("a tensor of rank 0 has no length");
             return t.shape[0];
           })
      .def("__repr__", [](nb::handle self) {
        const Tensor& t = *nb::inst_ptr<Tensor>(self);
        return "tensorwright.Tensor(shape=" + std::string(nb::repr(shape_tuple(t)).c_str()) + ", dtype=" + dtype_name(t.dtype) + ")";
      });
}

} // namespace tw::bindings
