// SPDX-License-Identifier: Apache-2.0
// The Python class of every node kind, made by one loop: read-only properties, a keyword-only constructor, text, equality, hash, children,
// with_. A node has one Python object at a time: its count word becomes the object's address when Python first sees it (handle.h).
#include "bindings/core/node_access.h"

#include <nanobind/stl/string.h>

namespace nb = nanobind;

const std::type_info* nb::detail::type_hook<tw::Node>::get(const tw::Node* node) {
  return node ? tw::bindings::all_kinds()[node->kind_id].type : &typeid(tw::Node);
}

namespace tw::bindings {
namespace {

// ---- life and death

void hand_over(Node* node, PyObject* object) noexcept {
  uintptr_t counted = node->state.exchange(reinterpret_cast<uintptr_t>(object), std::memory_order_acq_rel);
  for (counted >>= 1; counted != 0; --counted) Py_INCREF(object);
}

void increment(uintptr_t object) {
  nb::gil_scoped_acquire held;
  Py_INCREF(reinterpret_cast<PyObject*>(object));
}

// Freeing a node releases its children; a queue makes a long chain a loop instead of a deep recursion.
thread_local std::vector<PyObject*>* waiting = nullptr;

void decrement(uintptr_t address) {
  auto* object = reinterpret_cast<PyObject*>(address);
  if (!nb::is_alive()) return; // the process is ending, its memory goes with it
  if (waiting != nullptr) {
    waiting->push_back(object);
    return;
  }
  nb::gil_scoped_acquire held;
  std::vector<PyObject*> queue{object};
  waiting = &queue;
  while (!queue.empty()) {
    PyObject* next = queue.back();
    queue.pop_back();
    Py_DECREF(next);
  }
  waiting = nullptr;
}

// ---- members

std::string class_name(nb::handle object) { return nb::str(object.type().attr("__name__")).c_str(); }

void assign_keywords(const KindAccess& kind, void* node, Opt<Origin>& origin, nb::kwargs keywords, std::vector<bool>& given) {
  for (auto [key, value] : keywords) {
    const std::string name = nb::str(key).c_str();
    size_t i = 0;
    while (i < kind.fields.size() && name != kind.fields[i].name) ++i;
    if (i < kind.fields.size()) {
      if (!kind.fields[i].set(node, value))
        throw nb::type_error(fmt::format("{}: expected {} to be {}, found {}: {:.80}", kind.name, name, kind.fields[i].type(),
                                         class_name(value), nb::repr(value).c_str())
                                 .c_str());
      given[i] = true;
    } else if (name == "origin") {
      auto from = Convert<Opt<Origin>>::from(value);
      if (!from)
        throw nb::type_error(fmt::format("{}: expected origin to be Origin | None, found {}", kind.name, class_name(value)).c_str());
      origin = *from;
    } else {
      std::string names;
      for (const FieldAccess& field : kind.fields) names += (names.empty() ? "" : ", ") + std::string(field.name);
      throw nb::type_error(fmt::format("{} has no field '{}'; it has {}", kind.name, name, names).c_str());
    }
  }
}

// What finish() refuses is a bug when C++ does it, and the user's mistake when Python does.
Opt<Node> make_checked(const KindAccess& kind, const Node* from, Assign assign) {
  try {
    return kind.make(from, assign);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::internal) throw;
    constexpr std::string_view prefix = "check failed: ";
    std::string_view message = error.message();
    if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
    throw user_error("{}: {}", kind.name, message);
  }
}

nb::object construct(const KindAccess& kind, nb::kwargs keywords) {
  return node_to_python(make_checked(kind, nullptr, [&](void* node, Opt<Origin>& origin) {
                          std::vector<bool> given(kind.fields.size());
                          assign_keywords(kind, node, origin, keywords, given);
                          std::string missing;
                          for (size_t i = 0; i < given.size(); ++i)
                            if (!given[i] && !(kind.fields[i].flags & defaulted))
                              missing += (missing.empty() ? "" : ", ") + std::string(kind.fields[i].name);
                          if (!missing.empty()) throw nb::type_error(fmt::format("{}: missing {}", kind.name, missing).c_str());
                        }).node());
}

nb::object changed_copy(const Node& node, nb::kwargs keywords) {
  const KindAccess& kind = all_kinds()[node.kind_id];
  return node_to_python(make_checked(kind, &node, [&](void* copy, Opt<Origin>& origin) {
                          std::vector<bool> given(kind.fields.size());
                          assign_keywords(kind, copy, origin, keywords, given);
                        }).node());
}

nb::tuple children(const Node& node) {
  nb::list out;
  for_children(&node, [&](const Node* child) { out.append(node_to_python(child)); });
  return nb::tuple(out);
}

void bind_kind(nb::module_& module, const KindAccess& kind) {
  nb::object type = kind.declare(module);
  std::string parameters;
  nb::list names;
  for (const FieldAccess& field : kind.fields) {
    nb::setattr(type, field.name,
                nb::module_::import_("builtins")
                    .attr("property")(nb::cpp_function([get = field.get](const Node& node) { return get(&node); }, nb::scope(type),
                                                       nb::name(field.name), nb::is_method(), nb::is_getter(),
                                                       nb::sig(fmt::format("def {}(self) -> {}", field.name, field.type()).c_str()))));
    parameters += fmt::format(", {}: {}{}", field.name, field.type(), field.flags & defaulted ? " = ..." : "");
    names.append(nb::str(field.name));
  }
  parameters += ", origin: Origin | None = None";
  nb::setattr(type, "fields", nb::tuple(names));
  auto define_new = [&](const char* name, auto function, const std::string& signature, auto... extra) {
    nb::object made = nb::cpp_function(function, nb::scope(type), nb::name(name), nb::sig(signature.c_str()), extra...);
    nb::setattr(type, name, made);
  };
  define_new(
      "__new__", [&kind](nb::handle, nb::kwargs keywords) { return construct(kind, keywords); },
      fmt::format("def __new__(cls, *{}) -> {}", parameters, kind.name));
  define_new(
      "__init__", [](nb::handle, nb::kwargs) {}, fmt::format("def __init__(self, *{}) -> None", parameters), nb::is_method());
}

template <class B> void bind_base(nb::module_& module, const char* name, const char* doc) { nb::class_<B, Node>(module, name, doc); }

// Arithmetic on expressions; plain integers take the other side's type.
template <class F> auto arithmetic(F f, bool swapped) {
  return [f, swapped](const Expr& self, nb::handle object) -> nb::object {
    Ref<Expr> a = ref_to(self);
    Opt<Expr> b = as_opt<Expr>(node_from_python(object));
    if (!b && !PyBool_Check(object.ptr())) {
      if (a->dtype.is_float()) {
        if (auto number = number_from_python(object)) b = literal(*number, a->dtype.element());
      } else if (auto number = integer_from_python(object)) b = imm(*number, a->dtype.element());
    }
    if (!b) return nb::borrow(Py_NotImplemented);
    Ref<Expr> c(b.node(), 0);
    if (a->dtype != c->dtype) throw user_error("arithmetic on {} and {}: cast one of them", to_string(a->dtype), to_string(c->dtype));
    return node_to_python((swapped ? f(c, a) : f(a, c)).node());
  };
}

void bind_expression(nb::module_& module) {
  nb::class_<Expr, Node> type(module, "Expr", "A scalar or vector expression.");
  type.def_prop_ro("dtype", [](const Expr& e) { return e.dtype; });
  const auto both = [&](const char* name, const char* reflected, auto f) {
    type.def(name, arithmetic(f, false), nb::arg("other").none(),
             nb::sig(fmt::format("def {}(self, other: Expr | int | float) -> Expr", name).c_str()));
    type.def(reflected, arithmetic(f, true), nb::arg("other").none(),
             nb::sig(fmt::format("def {}(self, other: Expr | int | float) -> Expr", reflected).c_str()));
  };
  using A = const Ref<Expr>&;
  both("__add__", "__radd__", [](A a, A b) { return a + b; });
  both("__sub__", "__rsub__", [](A a, A b) { return a - b; });
  both("__mul__", "__rmul__", [](A a, A b) { return a * b; });
  both("__truediv__", "__rtruediv__", [](A a, A b) {
    if (!a->dtype.is_float()) throw user_error("division of {}: use //", to_string(a->dtype));
    return a / b;
  });
  both("__floordiv__", "__rfloordiv__", [](A a, A b) { return floordiv(a, b); });
  both("__mod__", "__rmod__", [](A a, A b) { return floormod(a, b); });
  type.def(
      "__neg__", [](const Expr& e) { return node_to_python((-ref_to(e)).node()); }, nb::sig("def __neg__(self) -> Expr"));
}

} // namespace

const std::vector<KindAccess>& all_kinds() {
  static const std::vector<KindAccess>* kinds = [] {
    auto* out = new std::vector<KindAccess>(NodeList::size);
    describe_slice<0>(*out);
    describe_slice<1>(*out);
    describe_slice<2>(*out);
    describe_slice<3>(*out);
    return out;
  }();
  return *kinds;
}

nb::object node_to_python(const Node* node) {
  if (node == nullptr) return nb::none();
  const uintptr_t state = node->state.load(std::memory_order_acquire);
  if (!(state & 1)) return nb::borrow(reinterpret_cast<PyObject*>(state));
  return nb::cast(const_cast<Node*>(node), nb::rv_policy::take_ownership);
}

const Node* node_from_python(nb::handle object) {
  Node* node = nullptr;
  return !object.is_none() && nb::try_cast(object, node, false) ? node : nullptr;
}

void bind_nodes(nb::module_& module) {
  python_hooks = {increment, decrement};
  nb::class_<Node>(module, "Node", nb::intrusive_ptr<Node>(hand_over), "The base of all nodes: immutable, shared with the compiler.")
      .def("__repr__", [](const Node& n) { return to_text(&n); })
      .def("__hash__", [](const Node& n) { return structural_hash(&n); })
      .def(
          "__eq__",
          [](const Node& a, nb::handle b) -> nb::object {
            const Node* other = node_from_python(b);
            return other ? nb::object(nb::bool_(equal(&a, other))) : nb::borrow(Py_NotImplemented);
          },
          nb::arg("other").none(), nb::sig("def __eq__(self, other: object) -> bool"),
          "Structural: variables that are introduced inside may have other names.")
      .def(
          "same_as", [](const Node& a, const Node& b) { return &a == &b; }, nb::arg("other"), "Is it the same node?")
      .def_prop_ro("children", children, nb::sig("def children(self) -> tuple[Node, ...]"))
      .def_prop_ro(
          "origin", [](const Node& n) { return node_to_python(n.origin.node()); }, nb::sig("def origin(self) -> Origin | None"),
          "Where the node came from in the model.")
      .def("with_", changed_copy, nb::sig("def with_(self, **fields: object) -> typing.Self"), "A copy with some fields changed.");
  bind_expression(module);
  bind_base<Stmt>(module, "Stmt", "A statement of a kernel.");
  bind_base<Type>(module, "Type", "The type of a graph value.");
  bind_base<Operand>(module, "Operand", "What a graph operation takes: a Value or a Constant.");
  bind_base<Operation>(module, "Operation", "What a graph binding computes.");
  bind_base<Callable>(module, "Callable", "What a Module holds.");
  for (const KindAccess& kind : all_kinds()) bind_kind(module, kind);
}

} // namespace tw::bindings
