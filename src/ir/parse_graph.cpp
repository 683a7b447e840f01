// SPDX-License-Identifier: Apache-2.0
// Graph functions: bindings, local bodies of loop and branch, operands, constants. Types of values come from their annotations: which type
// an operator gives is the business of src/ops.
#include "ir/parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tw::parse_detail {

struct Parser::Pending {
  std::vector<Ref<Var>> dims;
  std::vector<std::pair<std::string, Ref<Value>>> values; // annotated, not yet assigned
  std::vector<Ref<Binding>> bindings;
  std::vector<Ref<Operand>> results;
  bool returned = false;
};

Ref<Body> Parser::body(const Statement& s, const Tree* result_types) {
  Names scope(*this);
  Depth deeper(*this, s.at);
  std::vector<Ref<Value>> params;
  for (const auto& p : s.parameters) {
    if (p.type.is(TreeKind::absent)) fail(p.at, fmt::format("the parameter '{}' needs a type", p.name), "write x: Tensor[(n, 64), f32]");
    params.push_back(value(p.name, p.type));
    bind(p.at, p.name, params.back());
  }
  Pending pending;
  for (const Statement& inner : s.body) {
    if (pending.returned) fail(inner.at, "nothing may follow 'return'");
    OriginScope origin(origin_for(inner));
    if (inner.kind == StatementKind::give) give(inner, pending, result_types);
    else graph_statement(inner, pending);
  }
  if (!pending.dims.empty()) fail(s.at, fmt::format("no operation follows the size '{}'", pending.dims[0]->id.str()));
  if (!pending.values.empty()) fail(s.at, fmt::format("the value '{}' is annotated but never assigned", pending.values[0].first));
  if (!pending.returned && result_types) fail(s.at, "expected 'return' at the end of the function");
  return make(Body{.params = std::move(params), .bindings = std::move(pending.bindings), .results = std::move(pending.results)});
}

void Parser::give(const Statement& s, Pending& pending, const Tree* result_types) {
  pending.returned = true;
  if (s.value.is(TreeKind::tuple))
    for (const Tree& t : s.value.children) pending.results.push_back(required_operand(t));
  else if (!s.value.is(TreeKind::absent)) pending.results.push_back(required_operand(s.value));
  if (!result_types) return;
  std::vector<const Tree*> types;
  if (result_types->is(TreeKind::tuple))
    for (const Tree& t : result_types->children) types.push_back(&t);
  else if (!(result_types->is(TreeKind::name) && result_types->text == "None")) types.push_back(result_types);
  if (types.size() != pending.results.size())
    fail(s.at, fmt::format("the signature has {} results, 'return' has {}", types.size(), pending.results.size()));
  for (size_t i = 0; i < types.size(); ++i) {
    Ref<Type> wanted = type(*types[i]), found = type_of(pending.results[i].node());
    if (!equal(wanted, found))
      fail(types[i]->at, fmt::format("the signature says {}, the result is {}", to_short_text(wanted.node()), to_short_text(found.node())));
  }
}

void Parser::graph_statement(const Statement& s, Pending& pending) {
  switch (s.kind) {
  case StatementKind::pass: return;
  case StatementKind::define:
    check_parameters(s);
    if (!s.decorators.empty()) fail(s.at, "a local function has no decorator");
    return bind(s.at, s.name, body(s, s.annotation.is(TreeKind::absent) ? nullptr : &s.annotation));
  case StatementKind::annotate: pending.values.emplace_back(target_name(s), value(target_name(s), s.annotation)); return;
  case StatementKind::assign: return graph_assign(s, pending);
  case StatementKind::expression:
    if (!s.value.is(TreeKind::string)) bind_results(s, {}, pending);
    return;
  default: fail(s.at, "expected an assignment, a local function or 'return'", "control flow in a graph is loop(…) and branch(…)");
  }
}

void Parser::graph_assign(const Statement& s, Pending& pending) {
  if (s.value.calls("Dim")) {
    std::string name = target_name(s);
    pending.dims.push_back(variable(name, &s.value, i64));
    return bind(s.at, name, pending.dims.back());
  }
  if (s.value.calls("constant")) {
    std::string name = target_name(s);
    return bind(s.at, name, constant(s.value, name));
  }
  std::vector<std::string> names;
  for (const Tree& t : s.targets) {
    if (!t.is(TreeKind::name)) fail(t.at, "tensors are values: their elements cannot be assigned");
    names.push_back(t.text);
  }
  bind_results(s, names, pending);
}

void Parser::bind_results(const Statement& s, const std::vector<std::string>& names, Pending& pending) {
  std::vector<Opt<Value>> annotated;
  for (const std::string& name : names) {
    auto found = std::find_if(pending.values.begin(), pending.values.end(), [&](const auto& p) { return p.first == name; });
    if (found != pending.values.end()) {
      annotated.push_back(found->second);
      pending.values.erase(found);
    } else annotated.push_back(s.annotation.is(TreeKind::absent) ? Opt<Value>() : Opt<Value>(value(name, s.annotation)));
  }
  Ref<Operation> call = operation(s.value, annotated);
  if (std::any_of(annotated.begin(), annotated.end(), [](const auto& v) { return !v; }) && captured_.result_types) {
    auto ruled = at(s.value.at, [&] { return captured_.result_types(*call); });
    if (ruled.size() != names.size())
      fail(s.value.at, fmt::format("the operation has {} results, found {} names", ruled.size(), names.size()));
    for (size_t i = 0; i < names.size(); ++i)
      if (!annotated[i]) annotated[i] = make(Value{.id = names[i], .type = ruled[i]});
  }
  std::vector<Ref<Value>> values;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!annotated[i])
      fail(s.targets[i].at, fmt::format("the value '{}' has no type", names[i]), fmt::format("write {}: Tensor[…] = …", names[i]));
    values.push_back(Ref<Value>(annotated[i].node(), 0));
  }
  pending.bindings.push_back(make(Binding{.values = values, .operation = call, .dims = std::exchange(pending.dims, {})}));
  for (size_t i = 0; i < names.size(); ++i) bind(s.targets[i].at, names[i], values[i]);
}

Ref<Value> Parser::value(const std::string& id, const Tree& t) {
  bool stored = t.is(TreeKind::subscript) && t.children[0].is(TreeKind::name) && t.children[0].last_name() == "Stored";
  if (!stored) return make(Value{.id = id, .type = type(t)});
  const Tree& place = t.children.back();
  auto where = place.is(TreeKind::call) ? parse_enum<StorageKind>(place.children[0].last_name()) : std::nullopt;
  if (t.children.size() != 3 || !where)
    fail(t.at, "expected Stored[type, place]",
         "places are arena(offset), region(number), slot(number), output(number), alias(of=x), each with begin=bytes or without");
  Arguments given = arguments(place, 0, 1, {"of", "begin"});
  Storage storage{.where = *where};
  if (!given.plain.empty()) storage.offset = integer(*given.plain[0], "the place");
  if (const Tree* of = given.find("of")) storage.of = required_operand(*of);
  if (const Tree* begin = given.find("begin")) storage.begin = expr(*begin);
  return make(Value{.id = id, .type = type(t.children[1]), .storage = make(std::move(storage))});
}

// ---- operations

Ref<Operation> Parser::operation(const Tree& t, const std::vector<Opt<Value>>& values) {
  if (!t.is(TreeKind::call) || !t.children[0].is(TreeKind::name)) fail(t.at, "expected a call of an operator, a kernel or a function");
  std::string callee(t.children[0].last_name());
  if (callee == "loop") return loop(t);
  if (callee == "branch") return branch(t);
  if (callee == "op" || callee == "invoke") {
    if (t.children.size() < 2) fail(t.at, fmt::format("'{}' needs a name", callee));
    std::string name = string(t.children[1], "the name");
    return callee == "op" ? op_call(t, name, 1) : invoke(t, name, 1, values);
  }
  if (is_generic(t)) {
    Opt<Node> made = generic(t);
    if (!as<Operation>(made)) fail(t.at, fmt::format("a {} is no operation", callee));
    return as_ref<Operation>(made);
  }
  return callees_.count(callee) ? invoke(t, callee, 0, values) : op_call(t, callee, 0);
}

Ref<Operation> Parser::op_call(const Tree& t, const std::string& op, size_t skip) {
  Arguments given = arguments(t, skip);
  std::vector<Opt<Operand>> args;
  for (const Tree* a : given.plain) args.push_back(operand(*a));
  std::vector<Ref<Attr>> named = attrs(given);
  std::stable_sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  return make(OpCall{.op = op, .args = std::move(args), .attrs = std::move(named)});
}

Ref<Operation> Parser::invoke(const Tree& t, const std::string& callee, size_t skip, const std::vector<Opt<Value>>& values) {
  Arguments given = arguments(t, skip);
  std::vector<Ref<Operand>> args;
  for (const Tree* a : given.plain) args.push_back(required_operand(*a));
  List<Ref<Expr>> scalars;
  std::vector<Ref<Type>> outputs;
  for (const Tree* a : given.named)
    if (a->text != "scalars" && a->text != "outputs")
      fail(a->at, fmt::format("a call of '{}' has no argument '{}'", callee, a->text), "it has scalars, outputs");
  if (const Tree* x = given.find("scalars")) scalars = expr_tuple(*x, "the scalars");
  if (const Tree* x = given.find("outputs")) {
    if (!x->is(TreeKind::tuple)) fail(x->at, "expected a tuple of types");
    for (const Tree& item : x->children) outputs.push_back(type(item));
  } else
    for (const auto& known : values) {
      if (!known) fail(t.at, fmt::format("the results of '{}' need types", callee), "annotate the values that it gives");
      outputs.push_back(known->type);
    }
  return make(Invoke{.callee = callee, .args = std::move(args), .outputs = std::move(outputs), .scalars = std::move(scalars)});
}

Ref<Body> Parser::local_body(const Tree& t) {
  Opt<Node> found = find_node(t);
  if (!as<Body>(found)) fail(t.at, "expected the name of a local function", "define it above by 'def'");
  return as_ref<Body>(found);
}

Ref<Operation> Parser::branch(const Tree& t) {
  Arguments given = arguments(t, 3, 3, {});
  Ref<Operand> cond = required_operand(*given.plain[0]);
  return make(Branch{.cond = cond, .then = local_body(*given.plain[1]), .otherwise = local_body(*given.plain[2])});
}

Ref<Operation> Parser::loop(const Tree& t) {
  Arguments given = arguments(t, 1, 1, {"init", "trip", "cond", "conditional", "stacked"});
  std::vector<Ref<Operand>> init;
  if (const Tree* x = given.find("init")) {
    if (!x->is(TreeKind::tuple)) fail(x->at, "expected a tuple of values", "one value is written (x,)");
    for (const Tree& item : x->children) init.push_back(required_operand(item));
  }
  Loop out{.init = std::move(init), .body = local_body(*given.plain[0])};
  if (const Tree* x = given.find("trip")) out.trip = operand(*x);
  if (const Tree* x = given.find("cond")) out.cond = operand(*x);
  if (const Tree* x = given.find("conditional")) out.conditional = boolean(*x);
  if (const Tree* x = given.find("stacked")) out.stacked = integer(*x, "the number of stacked results");
  return make(std::move(out));
}

// ---- operands and constants

Opt<Operand> Parser::operand(const Tree& t) {
  if (t.is(TreeKind::name)) {
    if (t.text == "None") return {};
    Opt<Node> found = find_node(t);
    if (!found && !find(t.text)) unknown(t, "the value");
    if (as<Operand>(found)) return as_opt<Operand>(found);
  } else if (t.calls("constant")) return constant(t, "");
  else if (is_generic(t)) {
    Opt<Node> made = generic(t);
    if (as<Operand>(made)) return as_opt<Operand>(made);
  }
  fail(t.at, "expected a value or a constant", "a number is written constant(f32, (), [2.0]); an operator's result needs a name first");
}

Ref<Operand> Parser::required_operand(const Tree& t) {
  Opt<Operand> found = operand(t);
  if (!found) fail(t.at, "expected a value, found None");
  return Ref<Operand>(found.node(), 0);
}

Ref<Constant> Parser::constant(const Tree& t, const std::string& id) {
  Arguments given = arguments(t, 2, 3, {"bytes", "hash", "file", "key"});
  DType element = dtype(*given.plain[0]);
  const Tree& shape = *given.plain[1];
  if (!shape.is(TreeKind::tuple)) fail(shape.at, "expected a shape", "one dimension is written (64,), none ()");
  std::vector<int64_t> sizes;
  size_t count = 1;
  for (const Tree& size : shape.children) {
    sizes.push_back(integer(size, "a size of a constant"));
    if (sizes.back() < 0 || __builtin_mul_overflow(count, static_cast<size_t>(sizes.back()), &count) || count > (size_t{1} << 56))
      fail(size.at, fmt::format("{} is no size that data can have", sizes.back()));
  }
  const Tree *bytes = given.find("bytes"), *hash = given.find("hash");
  if ((given.plain.size() == 3) + (bytes != nullptr) + (hash != nullptr) != 1)
    fail(t.at, "a constant needs its data", "write one of: a list of elements, bytes=\"hex\", hash=\"…\"");
  Blob data = given.plain.size() == 3 ? elements(*given.plain[2], element, count) : blob(given, bytes, hash);
  size_t wanted = count * static_cast<size_t>(element.bytes());
  if (data.size() != wanted) fail(t.at, fmt::format("the type needs {} bytes of data, found {}", wanted, data.size()));
  return make(Constant{.type = tw::tensor_type(shape_of(sizes), element), .data = std::move(data), .id = id});
}

Blob Parser::blob(const Arguments& given, const Tree* bytes, const Tree* hash) {
  if (hash) {
    std::string hex = string(*hash, "the hash");
    if (auto found = Blob::find(hex)) return *found;
    const Tree *file = given.find("file"), *key = given.find("key");
    std::string where =
        file && key ? fmt::format("it is '{}' of '{}': load that file first", key->text, file->text) : "load the data first, then the text";
    fail(hash->at, fmt::format("no loaded data has the hash {}", hex), where);
  }
  std::string hex = string(*bytes, "the bytes");
  std::vector<std::byte> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (error != std::errc() || end != hex.data() + i + 2) break;
    out.push_back(static_cast<std::byte>(value));
  }
  if (out.size() * 2 != hex.size()) fail(bytes->at, "expected two hexadecimal digits for each byte");
  return Blob(std::move(out));
}

Blob Parser::elements(const Tree& t, DType type, size_t count) {
  if (!t.is(TreeKind::tuple)) fail(t.at, "expected a list of elements", "row by row in one list: [1.0, 2.0]");
  if (t.children.size() != count) fail(t.at, fmt::format("the shape has {} elements, the list {}", count, t.children.size()));
  std::vector<std::byte> out;
  auto append = [&](auto value) {
    auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  for (const Tree& item : t.children) {
    if (type == tw::boolean) {
      append(static_cast<uint8_t>(boolean(item)));
      continue;
    }
    if (!is_literal(item)) fail(item.at, "expected a number");
    Ref<Expr> e = number(item, type);
    if (const auto* real = as<FloatImm>(e)) {
      // A NaN here is the plain one of the type; others are written as bytes.
      if (type == f64) append(real->value);
      else if (type == f32) append(std::isnan(real->value) ? std::bit_cast<float>(0x7fc00000u) : static_cast<float>(real->value));
      else if (type == f16) append(float_to_half(static_cast<float>(real->value)));
      else append(float_to_bfloat(static_cast<float>(real->value)));
    } else {
      int64_t value = as<IntImm>(e)->value;
      auto bytes = std::as_bytes(std::span(&value, 1)); // little-endian
      out.insert(out.end(), bytes.begin(), bytes.begin() + type.bytes());
    }
  }
  return Blob(std::move(out));
}

} // namespace tw::parse_detail
