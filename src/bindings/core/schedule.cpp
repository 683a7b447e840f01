// SPDX-License-Identifier: Apache-2.0
// Schedules in Python. Methods and their signatures are derived from the declarations of the primitives.
#include "bindings/core/schedule.h"

#include "ir/text.h"
#include "passes/pass.h"
#include "schedule/rules/rules.h"
#include "schedule/trace.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

using schedule::Argument;
using schedule::Primitive;
using schedule::Value;

// A module, one kernel of it, and what has been done to that.
class PySchedule {
public:
  PySchedule(Ref<Module> module, Ref<Kernel> kernel, const std::string& target)
      : module_(std::move(module)), target_(std::make_shared<Target>(parse_target(target))), s(std::move(kernel), *target_) {
    s.keep_trace();
  }
  // The kernel, and the module with it, marked so that compiling leaves it as it is.
  Ref<Kernel> kernel() const {
    std::vector<Ref<Attr>> attrs;
    for (const auto& attr : s.kernel()->attrs)
      if (attr->name != schedule::scheduled_attribute) attrs.push_back(attr);
    attrs.push_back(make(Attr{.name = schedule::scheduled_attribute, .value = true}));
    std::sort(attrs.begin(), attrs.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
    return with(s.kernel(), &Kernel::attrs, List<Ref<Attr>>(std::move(attrs)));
  }
  Ref<Module> module() const { return passes::with_callables(module_, {kernel()}); }

private:
  Ref<Module> module_;
  std::shared_ptr<const Target> target_; // copies of the schedule look at the same one

public:
  schedule::Schedule s;
};

void make_schedule(PySchedule* self, nb::handle module, const std::string& kernel, const std::string& target) {
  Ref<Module> whole = module_from_python(module);
  Opt<Kernel> found;
  std::vector<std::string> names;
  for (const auto& callable : whole->functions)
    if (const auto* k = as<Kernel>(callable)) {
      names.push_back("'" + k->id.str() + "'");
      if (kernel.empty() || k->id == Name(kernel)) found = ref_to(*k);
    }
  if (names.empty())
    throw user_error("expected a module with kernels, found only graph functions").hint("lower it: tensorwright.passes.lower");
  if (kernel.empty() && names.size() > 1) throw user_error("expected the name of a kernel; there is {}", fmt::join(names, ", "));
  if (!found) throw user_error("there is no kernel '{}'; there is {}", kernel, fmt::join(names, ", "));
  new (self) PySchedule(whole, as_ref<Kernel>(found), target);
}

Argument argument_from_python(nb::handle object) {
  if (PyBool_Check(object.ptr())) return {object.is(Py_True)};
  if (PyFloat_Check(object.ptr())) return {PyFloat_AS_DOUBLE(object.ptr())};
  if (auto text = text_from_python(object)) return {*text};
  if (const Node* node = node_from_python(object)) return {Ref<Node>(node, 0)};
  if (auto value = integer_from_python(object)) return {*value};
  if (PySequence_Check(object.ptr()) && !PyBytes_Check(object.ptr())) {
    std::vector<Argument> items;
    for (nb::handle item : nb::borrow<nb::sequence>(object)) items.push_back(argument_from_python(item));
    return {std::move(items)};
  }
  throw nb::type_error(
      fmt::format("expected a node, a number, a string or a list of them, found {:.80}", nb::repr(object).c_str()).c_str());
}

nb::object value_to_python(const Value& value) {
  const Argument argument = schedule::to_argument(value);
  if (const auto* node = std::get_if<Ref<Node>>(&argument.value)) return node_to_python(node->node());
  return nb::cast(std::get<std::string>(argument.value));
}

nb::object call(const Primitive& primitive, PySchedule& self, nb::args arguments, nb::kwargs keywords) {
  std::vector<Argument> plain;
  for (nb::handle object : arguments) plain.push_back(argument_from_python(object));
  std::vector<std::pair<std::string, Argument>> named;
  for (auto [key, object] : keywords) named.emplace_back(nb::str(key).c_str(), argument_from_python(object));
  std::vector<Value> results = primitive(self.s, plain, named);
  if (!primitive.several) return results.empty() ? nb::none() : value_to_python(results[0]);
  nb::list out;
  for (const Value& value : results) out.append(value_to_python(value));
  return nb::tuple(out);
}

// A result's type: the kind of thing, as nodes are returned.
std::string result_type(const Primitive& p) {
  auto one = [](schedule::ValueKind kind) {
    return kind == schedule::ValueKind::loop ? "Var" : kind == schedule::ValueKind::buffer ? "Buffer" : "str";
  };
  if (!p.several) return p.gives.empty() ? "None" : one(p.gives[0]);
  if (p.gives.empty()) return "tuple[Var, ...]";
  std::vector<std::string> parts;
  for (auto kind : p.gives) parts.emplace_back(one(kind));
  return fmt::format("tuple[{}]", fmt::join(parts, ", "));
}

std::string signature(const Primitive& p, const char* first) {
  std::string out = fmt::format("def {}({}", p.name, first);
  for (size_t i = 0; i < p.parameters.size(); ++i)
    out += fmt::format(", {}: {}", p.parameters[i], schedule::python_type(p.parameter_kinds[i]));
  return out + ") -> " + result_type(p);
}

std::string documentation(const Primitive& p) {
  std::string doc = p.doc;
  doc[0] = static_cast<char>(std::toupper(doc[0]));
  return fmt::format("{}.\n\nBefore:{}\n\n{}\n\nAfter:{}", doc, p.before, p.call, p.after);
}

nb::object loop_list(const PySchedule& self, const std::string& block) {
  nb::list out;
  for (const auto& f : self.s.loops(Name(block))) out.append(node_to_python(f->var.node()));
  return out;
}

void bind_primitive(nb::handle type, const Primitive& p) {
  const std::string doc = documentation(p);
  nb::object method = nb::cpp_function(
      [&p](PySchedule& self, nb::args arguments, nb::kwargs keywords) { return call(p, self, arguments, keywords); }, nb::scope(type),
      nb::name(p.name), nb::is_method(), nb::sig(signature(p, "self").c_str()), nb::arg("arguments"), nb::arg("keywords"), doc.c_str());
  nb::setattr(type, p.name, method);
}

void bind_declarations(nb::module_& module) {
  nb::class_<Primitive>(module, "Primitive",
                        "A schedule primitive: what it does to a kernel, before and after. Called with a schedule it is that method.")
      .def("__call__", call, nb::arg("schedule"), nb::arg("arguments"), nb::arg("keywords"),
           nb::sig("def __call__(self, schedule: Schedule, *arguments: object, **keywords: object) -> object"))
      .def("__repr__", [](const Primitive& p) { return fmt::format("<primitive {}>", p.name); })
      .def_prop_ro("name", [](const Primitive& p) { return p.name; })
      .def_prop_ro("doc", [](const Primitive& p) { return p.doc; })
      .def_prop_ro("signature", [](const Primitive& p) { return signature(p, "s"); })
      .def_prop_ro(
          "parameters",
          [](const Primitive& p) {
            nb::list out;
            for (size_t i = 0; i < p.parameters.size(); ++i)
              out.append(nb::make_tuple(p.parameters[i], schedule::describe(p.parameter_kinds[i])));
            return out;
          },
          nb::sig("def parameters(self) -> list[tuple[str, str]]"), "Names, and what each is.")
      .def_prop_ro("results", [](const Primitive& p) { return std::vector<std::string>(p.results.begin(), p.results.end()); })
      .def_prop_ro("dims", [](const Primitive& p) { return p.dims; })
      .def_prop_ro("takes", [](const Primitive& p) { return p.takes; })
      .def_prop_ro("before", [](const Primitive& p) { return p.before; })
      .def_prop_ro("call", [](const Primitive& p) { return p.call; })
      .def_prop_ro("after", [](const Primitive& p) { return p.after; });
  nb::dict table;
  for (const Primitive* p : schedule::table()) table[p->name] = nb::cast(p, nb::rv_policy::reference);
  module.attr("primitives") = table;
}

} // namespace

void bind_schedule(nb::module_& module) {
  nb::class_<PySchedule> type(
      module, "Schedule",
      "A kernel being scheduled by hand. Each primitive is a method; it checks that it is legal, and writes itself into the trace.");
  type.def("__init__", make_schedule, nb::arg("module"), nb::arg("kernel") = "", nb::arg("target") = "native",
           nb::sig("def __init__(self, module: Module, kernel: str = '', target: str = 'native') -> None"))
      .def("__repr__", [](const PySchedule& self) { return to_text(self.s.kernel()); })
      .def_prop_ro(
          "kernel", [](const PySchedule& self) { return node_to_python(self.kernel().node()); }, nb::sig("def kernel(self) -> Kernel"),
          "The kernel as it is now.")
      .def_prop_ro(
          "module", [](const PySchedule& self) { return node_to_python(self.module().node()); }, nb::sig("def module(self) -> Module"),
          "The module with the kernel as it is now; compiling it keeps this schedule.")
      .def_prop_ro(
          "trace", [](PySchedule& self) { return self.s.trace()->text; },
          "What primitives have done, as lines of Python over a schedule `s`.")
      .def(
          "apply", [](PySchedule& self, const std::string& trace) { schedule::apply_trace(self.s, trace); }, nb::arg("trace"),
          "Does what the trace of an equal kernel says. If a step is refused nothing is done.")
      .def(
          "apply_rule", [](PySchedule& self) { schedule::schedule_by_rule(self.s, [](const std::string&, const std::string&) {}); },
          "Schedules the kernel as the compiler does; the trace says how.")
      .def(
          "copy", [](const PySchedule& self) { return PySchedule(self); }, "Another schedule that goes on from here.")
      .def(
          "blocks",
          [](const PySchedule& self) {
            std::vector<std::string> out;
            for (const auto& b : self.s.blocks()) out.push_back(b->id.str());
            return out;
          },
          "Names of the blocks, in order of the text.")
      .def("loops", loop_list, nb::arg("block"), nb::sig("def loops(self, block: str) -> list[Var]"),
           "The loops around a block, outermost first.")
      .def(
          "loop", [](const PySchedule& self, const std::string& name) { return node_to_python(self.s.loop_named(name).node()); },
          nb::arg("name"), nb::sig("def loop(self, name: str) -> Var"), "The one loop of that name.")
      .def(
          "extent",
          [](const PySchedule& self, nb::handle loop) {
            const Value v = schedule::to_value(self.s, schedule::ValueKind::loop, argument_from_python(loop), "extent");
            return node_to_python(self.s.loop(std::get<Ref<Var>>(v))->extent.node());
          },
          nb::arg("loop"), nb::sig("def extent(self, loop: Var | str) -> Expr"), "How many iterations a loop has.")
      .def(
          "buffers",
          [](const PySchedule& self) {
            nb::list out;
            for (const auto& b : self.s.buffers()) out.append(node_to_python(b.node()));
            return out;
          },
          nb::sig("def buffers(self) -> list[Buffer]"), "Parameters, then what is allocated.")
      .def(
          "buffer", [](const PySchedule& self, const std::string& name) { return node_to_python(self.s.buffer_named(name).node()); },
          nb::arg("name"), nb::sig("def buffer(self, name: str) -> Buffer"), "The one buffer of that name.");
  for (const Primitive* p : schedule::table()) bind_primitive(type, *p);
  bind_declarations(module);
}

} // namespace tw::bindings
