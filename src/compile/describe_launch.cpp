// SPDX-License-Identifier: Apache-2.0
#include "compile/describe_launch.h"

#include "compile/predict_time.h"
#include "ir/build.h"
#include "ir/visit.h"

#include <algorithm>
#include <unordered_set>

namespace tw::compile {
namespace {

std::string shape_text(const Ref<Type>& type) {
  std::string out;
  for (const auto& e : as_ref<TensorType>(type)->shape) out += (out.empty() ? "" : "x") + to_text(e);
  return out.empty() ? "scalar" : out;
}

Amount bytes_of(const Ref<Type>& type) {
  Ref<TensorType> t = as_ref<TensorType>(type);
  if (static_shape(t->shape)) return Amount::of(element_count(t->shape)) * t->element.bytes();
  return {0, cast(f64, element_count(t->shape)) * literal(t->element.bytes(), f64)};
}

// Which parameters are read where data says (an embedding)? Then no more of them is touched than what the launch gives.
std::vector<bool> parameters_read_by_data(const Kernel& kernel) {
  std::unordered_set<const Node*> data, buffers; // `data`: names of what was loaded
  auto is_data = [&](const Ref<Expr>& e) {
    bool found = false;
    visit(
        e, [&](const Load&) { found = true; }, [&](const Var& v) { found = found || data.contains(&v); });
    return found;
  };
  visit(
      kernel.body,
      [&](const Let& l, Walk walk) {
        if (is_data(l.value)) data.insert(l.var.node());
        walk(static_cast<const Node*>(&l));
      },
      [&](const Load& l, Walk walk) {
        if (std::ranges::any_of(l.index, is_data)) buffers.insert(l.buffer.node());
        walk(static_cast<const Node*>(&l));
      });
  std::vector<bool> out;
  for (const auto& p : kernel.params) out.push_back(buffers.contains(p->buffer.node()));
  return out;
}

// Operations per point: floating-point arithmetic in an expression, an intrinsic as one.
double operations(const Node* e) {
  double count = 0;
  visit(
      e, [&](const Binary& b) { count += b.dtype.is_float(); }, [&](const Call& c) { count += c.dtype.is_float(); });
  return count;
}

// Floating-point operations of a statement, loops multiplied; symbolic extents count as nothing.
double work(const Node* n) {
  if (const auto* f = as<For>(n)) return static_cast<double>(as_int(f->extent).value_or(0)) * work(f->body.node());
  if (const auto* t = as<RegisterTile>(n)) {
    double points = static_cast<double>(as_int(t->column->extent).value_or(0)), depth = 1;
    for (const auto& a : t->rows) points *= static_cast<double>(as_int(a->extent).value_or(0));
    for (const auto& a : t->reduce) depth *= static_cast<double>(as_int(a->extent).value_or(0));
    return points * depth * (operations(t->value.node()) + 1) + points * operations(t->body.node());
  }
  if (const auto* s = as<Store>(n)) return operations(s->value.node()) * s->value->dtype.lanes;
  if (const auto* i = as<If>(n)) return std::max(work(i->then.node()), i->otherwise ? work(i->otherwise.node()) : 0.0);
  double sum = 0;
  for_children(n, [&](const Node* c) {
    if (as<Stmt>(c)) sum += work(c);
  });
  return sum;
}

} // namespace

std::string origin_text(const Opt<Origin>& origin) {
  if (!origin) return "";
  if (origin->kind != OriginKind::fused) return origin->text.str();
  std::string out;
  for (const auto& part : origin->parts) {
    std::string text = origin_text(part);
    if (text.empty()) continue;
    if (out.size() + text.size() > 120) return out + "+…";
    out += (out.empty() ? "" : "+") + text;
  }
  return out;
}

const LaunchDescriber::Facts& LaunchDescriber::facts_of(const Kernel& kernel) {
  auto found = facts_.find(&kernel);
  if (found == facts_.end()) {
    Facts facts{.flops = work(kernel.body.node()), .read_by_data = parameters_read_by_data(kernel), .compute = {}};
    if (kernel.dims.empty()) facts.compute = predict_compute(kernel, target_);
    found = facts_.emplace(&kernel, std::move(facts)).first;
  }
  return found->second;
}

codegen::Launch LaunchDescriber::describe(const Invoke& invoke, const Kernel& kernel, const Opt<Origin>& origin) {
  const Facts& facts = facts_of(kernel);
  codegen::Launch launch;
  launch.kernel = kernel.id.str();
  launch.origin = origin_text(origin);
  if (launch.origin.empty()) launch.origin = launch.kernel;
  Traffic traffic;
  Amount given = 0;
  for (const auto& t : invoke.outputs) given += bytes_of(t);
  traffic.values = given;
  for (size_t i = 0; i < invoke.args.size(); ++i) {
    Amount bytes = bytes_of(type_of(invoke.args[i].node()));
    if (!as<Constant>(invoke.args[i])) traffic.values += bytes;
    else traffic.constants += facts.read_by_data[i] ? min(bytes, given) : bytes;
  }
  launch.bytes = (traffic.constants + traffic.values).typical();
  Substitution sizes;
  for (size_t i = 0; i < kernel.dims.size(); ++i) sizes.emplace(kernel.dims[i].node(), invoke.scalars[i]);
  Amount predicted = predict_nanoseconds(facts.compute ? *facts.compute : predict_compute(kernel, target_, sizes), traffic, target_);
  launch.predicted_ns = predicted.typical();
  launch.predicted = predicted.exact();
  if (!invoke.args.empty()) launch.shape = shape_text(type_of(invoke.args[0].node())) + " -> ";
  if (!invoke.outputs.empty()) launch.shape += shape_text(invoke.outputs[0]);
  launch.flops = facts.flops;
  return launch;
}

} // namespace tw::compile
