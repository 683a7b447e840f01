// SPDX-License-Identifier: Apache-2.0
// Operators in Python, derived from the table: what each takes, calls of it as nodes, and its meaning on arrays by the reference
// interpreter.
#include "bindings/core/operators.h"
#include "bindings/core/arrays.h"
#include "interpreter/interpret.h"
#include "ops/op.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace tw::bindings {
namespace {

// Attributes by name, sorted, defaults left out: the form that calls store.
std::vector<Ref<Attr>> checked_attributes(const ops::OpDef& op, nb::kwargs keywords) {
  std::vector<Ref<Attr>> out;
  for (auto [key, value] : keywords) {
    const std::string name = nb::str(key).c_str();
    auto spec = std::find_if(op.attributes.begin(), op.attributes.end(), [&](const auto& s) { return s.name == name; });
    if (spec == op.attributes.end()) {
      std::string names;
      for (const auto& s : op.attributes) names += (names.empty() ? "" : ", ") + s.name;
      throw nb::type_error(
          fmt::format("operator {} has no attribute '{}'; it has {}", op.name, name, names.empty() ? "none" : names).c_str());
    }
    // Of the declared type: an integer may stand for a float, an empty list for any list.
    std::optional<Attr::Value> read = std::visit(
        [&]<class M>(const M&) -> std::optional<Attr::Value> {
          auto v = Convert<M>::from(value);
          return v ? std::optional<Attr::Value>(std::move(*v)) : std::nullopt;
        },
        spec->default_value);
    if (!read)
      throw nb::type_error(fmt::format("operator {}: expected {} to be {}, found {}", op.name, name,
                                       std::visit([]<class M>(const M&) { return Convert<M>::type(); }, spec->default_value),
                                       nb::repr(value).c_str())
                               .c_str());
    if (!ops::same_value(*read, spec->default_value)) out.push_back(make(Attr{.name = name, .value = std::move(*read)}));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return out;
}

nb::object evaluate(const ops::OpDef& op, nb::args arguments, nb::kwargs keywords) {
  std::vector<interpreter::Array> arrays;
  std::vector<Opt<Operand>> operands;
  for (nb::handle argument : arguments) {
    if (argument.is_none()) {
      operands.emplace_back();
      continue;
    }
    arrays.push_back(array_from_python(argument, fmt::format("operator {}: argument {}", op.name, operands.size())));
    operands.push_back(arrays.back().constant());
  }
  Ref<OpCall> call = make(OpCall{.op = op.name, .args = operands, .attrs = checked_attributes(op, keywords)});
  std::vector<interpreter::Array> results;
  {
    nb::gil_scoped_release released;
    results = interpreter::interpret_call(*call, arrays);
  }
  if (results.size() == 1) return array_to_python(results[0]);
  nb::list out;
  for (const auto& result : results) out.append(array_to_python(result));
  return nb::tuple(out);
}

// With nodes a node, with arrays arrays.
nb::object apply(const ops::OpDef& op, nb::args arguments, nb::kwargs keywords) {
  std::vector<Opt<Operand>> operands;
  bool nodes = false, others = false;
  for (nb::handle argument : arguments) {
    auto operand = Convert<Opt<Operand>>::from(argument);
    if (!argument.is_none()) (operand ? nodes : others) = true;
    operands.push_back(operand.value_or(nullptr));
  }
  if (others && nodes) throw nb::type_error(fmt::format("operator {}: expected either nodes or arrays, found both", op.name).c_str());
  if (others) return evaluate(op, arguments, keywords);
  Ref<OpCall> call = make(OpCall{.op = op.name, .args = operands, .attrs = checked_attributes(op, keywords)});
  if (nodes) ops::infer_types(*call); // says what is wrong with the operands
  return node_to_python(call.node());
}

nb::object attribute_table(const ops::OpDef& op) {
  nb::dict out;
  for (const auto& spec : op.attributes) out[spec.name.c_str()] = attribute_to_python(spec.default_value);
  return out;
}

} // namespace

void bind_operators(nb::module_& module) {
  nb::class_<ops::OpDef>(module, "Operator",
                         "An operator. Called with nodes it gives a node; with arrays, what the reference interpreter computes.")
      .def("__call__", apply, nb::sig("def __call__(self, *operands: object, **attributes: object) -> object"))
      .def("__repr__", [](const ops::OpDef& op) { return fmt::format("<operator {}>", op.name); })
      .def_prop_ro("name", [](const ops::OpDef& op) { return op.name; })
      .def_prop_ro("doc", [](const ops::OpDef& op) { return op.doc; })
      .def_prop_ro("inputs", [](const ops::OpDef& op) { return op.inputs; })
      .def_prop_ro(
          "outputs", [](const ops::OpDef& op) { return op.outputs; }, "How many; -1: as its arguments say.")
      .def_prop_ro("attributes", attribute_table, nb::sig("def attributes(self) -> dict[str, object]"), "Defaults by name.")
      .def_prop_ro("fusion", [](const ops::OpDef& op) { return name_of(op.fusion); })
      .def_prop_ro("layout", [](const ops::OpDef& op) { return name_of(op.layout); })
      .def_prop_ro("examples", [](const ops::OpDef& op) { return op.examples; });
  nb::dict table;
  for (const ops::OpDef* op : ops::all()) table[op->name] = nb::cast(op, nb::rv_policy::reference);
  module.attr("operators") = table;
  module.def(
      "infer_types",
      [](const OpCall& call) {
        std::vector<nb::object> out;
        for (const auto& type : ops::infer_types(call)) out.push_back(node_to_python(type.node()));
        return out;
      },
      nb::arg("call"), nb::sig("def infer_types(call: OpCall) -> list[TensorType]"), "The types of a call's results.");
}

} // namespace tw::bindings
