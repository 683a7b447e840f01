// SPDX-License-Identifier: Apache-2.0
// Graph functions: an environment of values and sizes, one step for each kind of operation.
#include "interpreter/interpret.h"

#include "ops/call_kernel.h"

#include <cstring>

namespace tw::interpreter {
namespace {

constexpr int deepest_call = 64;

class GraphInterpreter {
public:
  GraphInterpreter(const Module* module, Limits* limits, int depth = 0) : module_(module), limits_(limits), depth_(depth) {
    if (depth > deepest_call) throw user_error("functions call each other more than {} deep", deepest_call);
  }
  std::vector<Array> function(const Function& f, std::vector<Array> inputs);
  std::vector<Array> call(const OpCall& call);
  void set(const Node* value, Array array) { values_.insert_or_assign(value, std::move(array)); }
  Sizes sizes;

private:
  void bind_type(const std::string& what, const Ref<Type>& type, const Array& array);
  void bind_dim(const Var& v, int64_t value);
  std::vector<Array> body(const Body& body, std::vector<Array> inputs);
  void binding(const Binding& b);
  std::vector<Array> invoke(const Invoke& x);
  std::vector<Array> loop(const Loop& x, const Binding& b);
  Array stack(const std::vector<Array>& items, const Ref<Type>& type, const std::string& what);
  void read_sizes(const OpCall& call, const Binding& b);
  void check(const OpCall& assumption);
  Ref<OpCall> concrete(const OpCall& call, std::vector<Array>& inputs);
  Array operand(const Node* n);
  bool truth(const Node* n);

  const Module* module_;
  Limits* limits_;
  int depth_;
  std::unordered_map<const Node*, Array> values_;
};

Array GraphInterpreter::operand(const Node* n) {
  if (const auto* c = as<Constant>(n)) return Array::of(*c);
  auto found = values_.find(n);
  if (found == values_.end()) throw internal_error("a value is used before it is computed");
  return found->second;
}

bool GraphInterpreter::truth(const Node* n) {
  Array a = operand(n);
  if (a.count() != 1 || !a.dtype.is_bool()) throw user_error("a condition must be one bool, found {} of {}", a.count(), to_string(a.dtype));
  return a.integer(0) != 0;
}

void GraphInterpreter::bind_dim(const Var& v, int64_t value) {
  if (value < v.min || value > v.max || (v.multiple > 1 && value % v.multiple != 0))
    throw user_error("size {} must be in [{}, {}] and a multiple of {}, found {}", v.id.str(), std::max<int64_t>(v.min, 0), v.max,
                     v.multiple, value);
  sizes.insert_or_assign(&v, value);
}

// Sizes that stand alone and are new are bound; all others must agree.
void GraphInterpreter::bind_type(const std::string& what, const Ref<Type>& type, const Array& array) {
  const auto* tensor = as<TensorType>(type);
  if (!tensor) throw unsupported("the interpreter handles tensors, {} is a {}", what, kind_name(type.node()));
  if (tensor->element != array.dtype)
    throw user_error("{} must have elements of {}, found {}", what, to_string(tensor->element), to_string(array.dtype));
  if (tensor->shape.size() != array.shape.size())
    throw user_error("{} must have rank {}, found {}", what, tensor->shape.size(), array.shape.size());
  for (size_t d = 0; d < array.shape.size(); ++d)
    if (const auto* v = as<Var>(tensor->shape[d]); v && !sizes.count(v)) bind_dim(*v, array.shape[d]);
  for (size_t d = 0; d < array.shape.size(); ++d) {
    auto size = evaluate_size(tensor->shape[d], sizes);
    if (size && *size != array.shape[d]) throw user_error("{} must have size {} in dimension {}, found {}", what, *size, d, array.shape[d]);
  }
}

std::vector<Array> GraphInterpreter::function(const Function& f, std::vector<Array> inputs) {
  return with_place(fmt::format("function {}", f.id.str()), [&] { return body(*f.body, std::move(inputs)); });
}

std::vector<Array> GraphInterpreter::body(const Body& body, std::vector<Array> inputs) {
  if (inputs.size() != body.params.size()) throw user_error("expected {} inputs, found {}", body.params.size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    bind_type(fmt::format("input '{}'", body.params[i]->id.str()), body.params[i]->type, inputs[i]);
    set(body.params[i].node(), std::move(inputs[i]));
  }
  for (const auto& b : body.bindings) binding(*b);
  std::vector<Array> results;
  for (const auto& r : body.results) results.push_back(operand(r.node()));
  return results;
}

void GraphInterpreter::read_sizes(const OpCall& call, const Binding& b) {
  Array a = operand(call.args.empty() ? nullptr : call.args[0].node());
  if (a.count() != static_cast<int64_t>(b.dims.size()))
    throw user_error("read_sizes: expected {} sizes, found {}", b.dims.size(), a.count());
  for (size_t i = 0; i < b.dims.size(); ++i) bind_dim(*b.dims[i], a.integer(static_cast<int64_t>(i)));
}

void GraphInterpreter::check(const OpCall& call) {
  std::string text = "sizes do not fit";
  std::optional<int64_t> holds;
  for (const auto& a : call.attrs) {
    if (a->name == "condition") holds = evaluate_size(as_ref<Expr>(std::get<Opt<Expr>>(a->value)), sizes);
    if (a->name == "text") text = std::get<Name>(a->value).str();
  }
  if (!holds) throw internal_error("the condition of an assumption is not known");
  if (!*holds) throw user_error("{}", text);
}

void GraphInterpreter::binding(const Binding& b) {
  for (const auto& d : b.dims) sizes.erase(d.node());
  std::vector<Array> results;
  if (const auto* x = as<OpCall>(b.operation)) {
    if (x->op == "read_sizes") return read_sizes(*x, b);
    if (x->op == "assume") return check(*x);
    if (x->op == "barrier") return;
    results = call(*x);
  } else if (const auto* x = as<Invoke>(b.operation)) {
    results = invoke(*x);
  } else if (const auto* x = as<Branch>(b.operation)) {
    results = body(truth(x->cond.node()) ? *x->then : *x->otherwise, {});
  } else if (const auto* x = as<Loop>(b.operation)) {
    results = loop(*x, b);
  } else {
    throw internal_error("the interpreter does not run a {}", kind_name(b.operation.node()));
  }
  if (results.size() != b.values.size())
    throw internal_error("an operation gives {} results for {} values", results.size(), b.values.size());
  for (size_t i = 0; i < results.size(); ++i) {
    bind_type(fmt::format("value '{}'", b.values[i]->id.str()), b.values[i]->type, results[i]);
    set(b.values[i].node(), std::move(results[i]));
  }
}

std::vector<Array> GraphInterpreter::invoke(const Invoke& x) {
  Opt<Callable> callee;
  if (module_)
    for (const auto& f : module_->functions) {
      if (const auto* k = as<Kernel>(f); k && k->id == x.callee) callee = f;
      if (const auto* g = as<Function>(f); g && g->id == x.callee) callee = f;
    }
  std::vector<Array> inputs;
  for (const auto& a : x.args) inputs.push_back(operand(a.node()));
  if (const auto* f = as<Function>(callee)) return GraphInterpreter(module_, limits_, depth_ + 1).function(*f, std::move(inputs));
  const auto* k = as<Kernel>(callee);
  if (!k) throw user_error("the module has no function '{}'", x.callee.str());
  std::vector<int64_t> scalars;
  for (const auto& e : x.scalars) {
    auto value = evaluate_size(e, sizes);
    if (!value) throw internal_error("a scalar argument of '{}' is not known", x.callee.str());
    scalars.push_back(*value);
  }
  return interpret_kernel(*k, inputs, scalars, limits_);
}

// The stacked items, or an empty tensor whose other sizes come from the type.
Array GraphInterpreter::stack(const std::vector<Array>& items, const Ref<Type>& type, const std::string& what) {
  const auto* tensor = as<TensorType>(type);
  if (!tensor || tensor->shape.empty()) throw internal_error("{} is not stacked", what);
  std::vector<int64_t> shape{static_cast<int64_t>(items.size())};
  for (size_t d = 1; d < tensor->shape.size(); ++d)
    shape.push_back(items.empty() ? evaluate_size(tensor->shape[d], sizes).value_or(0) : items[0].shape.at(d - 1));
  std::vector<std::byte> bytes;
  for (const auto& item : items) {
    if (item.shape != items[0].shape) throw user_error("{}: the iterations give different shapes", what);
    bytes.insert(bytes.end(), item.bytes.bytes().begin(), item.bytes.bytes().end());
  }
  return Array{tensor->element, std::move(shape), Blob(std::move(bytes))};
}

std::vector<Array> GraphInterpreter::loop(const Loop& x, const Binding& b) {
  std::vector<Array> carried;
  for (const auto& v : x.init) carried.push_back(operand(v.node()));
  int64_t trip = x.trip ? operand(x.trip.node()).integer(0) : unbounded;
  bool going = !x.cond || truth(x.cond.node());
  std::vector<std::vector<Array>> stacked(static_cast<size_t>(x.stacked));
  size_t lead = x.conditional ? 1 : 0;
  if (b.values.size() != carried.size() + stacked.size()) throw internal_error("a loop gives {} results", carried.size() + stacked.size());
  for (int64_t i = 0; going && i < trip; ++i) {
    std::vector<Array> inputs{Array::of<int64_t>({}, {i})};
    inputs.insert(inputs.end(), carried.begin(), carried.end());
    std::vector<Array> results = body(*x.body, std::move(inputs));
    if (results.size() != lead + carried.size() + stacked.size()) throw internal_error("a loop's body gives {} results", results.size());
    if (x.conditional) going = results[0].count() == 1 && results[0].integer(0) != 0;
    for (size_t c = 0; c < carried.size(); ++c) carried[c] = results[lead + c];
    for (size_t s = 0; s < stacked.size(); ++s) stacked[s].push_back(results[lead + carried.size() + s]);
  }
  for (size_t s = 0; s < stacked.size(); ++s) {
    const auto& value = b.values[carried.size() + s];
    carried.push_back(stack(stacked[s], value->type, fmt::format("value '{}'", value->id.str())));
  }
  return carried;
}

// The call with the inputs' shapes as types and numbers for symbols.
Ref<OpCall> GraphInterpreter::concrete(const OpCall& call, std::vector<Array>& inputs) {
  std::vector<Opt<Operand>> args;
  for (const auto& arg : call.args) {
    if (!arg) {
      args.emplace_back();
      continue;
    }
    inputs.push_back(operand(arg.node()));
    args.push_back(as<Constant>(arg) ? arg : Opt<Operand>(make(Value{.id = "x", .type = inputs.back().type()})));
  }
  auto number = [&](const Ref<Expr>& e) -> Ref<Expr> {
    auto value = evaluate_size(e, sizes);
    if (!value) throw internal_error("an attribute of operator '{}' is not known", call.op.str());
    return imm(*value, e->dtype);
  };
  std::vector<Ref<Attr>> attrs;
  for (const auto& attr : call.attrs) {
    Attr::Value value = attr->value;
    if (auto* list = std::get_if<List<Ref<Expr>>>(&value)) {
      std::vector<Ref<Expr>> numbers;
      for (const auto& e : *list) numbers.push_back(number(e));
      value = List<Ref<Expr>>(std::move(numbers));
    } else if (auto* one = std::get_if<Opt<Expr>>(&value); one && *one) {
      value = Opt<Expr>(number(as_ref<Expr>(*one)));
    }
    attrs.push_back(make(Attr{.name = attr->name, .value = std::move(value)}));
  }
  return make(OpCall{.op = call.op, .args = std::move(args), .attrs = std::move(attrs)});
}

std::vector<Array> GraphInterpreter::call(const OpCall& original) {
  std::vector<Array> inputs;
  Ref<OpCall> call = concrete(original, inputs);
  const ops::OpDef& op = ops::get(call->op);
  if (op.compute) return interpret_kernel(*ops::build_kernel(*call), inputs, {}, limits_);
  return with_place(fmt::format("operator '{}'", op.name), [&] {
    if (!op.decompose) throw unsupported("operator '{}' cannot be run by itself", op.name);
    ops::infer_types(*call);
    GraphInterpreter inner(module_, limits_, depth_ + 1);
    size_t next = 0;
    for (const auto& arg : call->args)
      if (arg) inner.set(arg.node(), inputs[next++]);
    ops::GraphBuilder graph;
    ops::DecomposeContext context{graph, *call};
    auto results = op.decompose(context);
    for (const auto& b : graph.bindings()) inner.binding(*b);
    std::vector<Array> arrays;
    for (const auto& r : results) arrays.push_back(inner.operand(r.node()));
    return arrays;
  });
}

} // namespace

std::vector<Array> interpret(const Ref<Module>& module, Name function, std::vector<Array> inputs, Limits* limits) {
  for (const auto& f : module->functions) {
    if (const auto* g = as<Function>(f); g && g->id == function)
      return GraphInterpreter(module.get(), limits).function(*g, std::move(inputs));
    if (const auto* k = as<Kernel>(f); k && k->id == function) return interpret_kernel(*k, inputs, {}, limits);
  }
  throw user_error("the module has no function '{}'", function.str());
}

std::vector<Array> interpret_call(const OpCall& call, const std::vector<Array>& inputs, const Sizes& sizes, Limits* limits) {
  GraphInterpreter interpreter(nullptr, limits);
  interpreter.sizes = sizes;
  std::vector<Opt<Operand>> args;
  size_t next = 0;
  for (const auto& arg : call.args) {
    if (arg && next == inputs.size()) throw user_error("operator '{}': expected more than {} inputs", call.op.str(), inputs.size());
    if (!arg) {
      args.emplace_back();
      continue;
    }
    Ref<Value> value = make(Value{.id = "x", .type = inputs[next].type()});
    interpreter.set(value.node(), inputs[next++]);
    args.push_back(value);
  }
  return interpreter.call(*make(OpCall{.op = call.op, .args = std::move(args), .attrs = call.attrs}));
}

} // namespace tw::interpreter
