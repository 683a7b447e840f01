// SPDX-License-Identifier: Apache-2.0
#include "compile/describe_launch.h"

#include "compile/predict_time.h"
#include "ir/build.h"
#include "ir/visit.h"
#include "ops/sizes.h"

#include <algorithm>
#include <unordered_set>

namespace tw::compile {
namespace {

void append_shape(std::vector<codegen::Launch::ShapePart>& parts, const Ref<Type>& type) {
  const Shape& shape = as_ref<TensorType>(type)->shape;
  std::string text;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d > 0) text += "x";
    if (auto known = as_int(shape[d])) text += std::to_string(*known);
    else parts.push_back({std::exchange(text, ""), shape[d]});
  }
  parts.push_back({shape.empty() ? "scalar" : text});
}

codegen::SizedNumber sized(const Amount& amount) { return {amount.typical(), amount.exact()}; }

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

// Floating-point operations of a statement over the sizes of the kernel's dims, loops multiplied. An extent over outer loops counts as it
// is in their middle, one that data gives as nothing.
class Work {
public:
  explicit Work(Substitution sizes) : sizes_(std::move(sizes)) {}

  Amount statement(const Node* n) {
    if (const auto* f = as<For>(n)) return loop(*f);
    if (const auto* t = as<RegisterTile>(n)) {
      Amount points = extent(t->column->extent), depth = 1;
      for (const auto& a : t->rows) points *= extent(a->extent);
      for (const auto& a : t->reduce) depth *= extent(a->extent);
      return points * depth * (operations(t->value.node()) + 1) + points * operations(t->body.node());
    }
    if (const auto* s = as<Store>(n)) return operations(s->value.node()) * s->value->dtype.lanes;
    if (const auto* i = as<If>(n)) return either(*i);
    Amount sum = 0;
    for_children(n, [&](const Node* c) {
      if (as<Stmt>(c)) sum += statement(c);
    });
    return sum;
  }

private:
  Amount loop(const For& f) {
    Amount times = extent(f.extent);
    if (auto size = known(f.extent)) {
      loops_.emplace(f.var.node(), times);
      sizes_.emplace(f.var.node(), ops::simplified(floordiv(as_ref<Expr>(size) - 1, 2)));
    }
    return times * statement(f.body.node());
  }

  // Where an outer loop is cut in two, each part counts as often as it is run.
  Amount either(const If& i) {
    Amount then = statement(i.then.node()), otherwise = i.otherwise ? statement(i.otherwise.node()) : Amount(0);
    const auto* cut = as<Binary>(i.cond);
    auto of = cut && cut->op == BinaryOp::lt ? loops_.find(cut->a.node()) : loops_.end();
    if (of == loops_.end() || !known(cut->b)) return max(then, otherwise);
    Amount share = max(0, min(1, extent(cut->b) / max(1, of->second)));
    return then * share + otherwise * (Amount(1) - share);
  }

  // Over the sizes alone.
  Opt<Expr> known(const Ref<Expr>& e) const {
    bool all = true, inner = false;
    visit(
        e,
        [&](const Var& v) {
          all = all && sizes_.contains(&v);
          inner = inner || loops_.contains(&v);
        },
        [&](const Load&) { all = false; });
    if (!all) return {};
    return inner ? ops::simplified(substitute(e, sizes_)) : substitute(e, sizes_);
  }
  Amount extent(const Ref<Expr>& e) const {
    auto size = known(e);
    return size ? Amount::of(as_ref<Expr>(size)) : Amount(0);
  }

  Substitution sizes_; // of loops: their middle
  std::unordered_map<const Node*, Amount> loops_;
};

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
    Facts facts{.read_by_data = parameters_read_by_data(kernel), .flops = {}, .compute = {}};
    if (kernel.dims.empty()) {
      facts.flops = Work({}).statement(kernel.body.node());
      facts.compute = predict_compute(kernel, target_);
    }
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
  launch.bytes = sized(traffic.constants + traffic.values);
  Substitution sizes;
  for (size_t i = 0; i < kernel.dims.size(); ++i) sizes.emplace(kernel.dims[i].node(), invoke.scalars[i]);
  Amount predicted = predict_nanoseconds(facts.compute ? *facts.compute : predict_compute(kernel, target_, sizes), traffic, target_);
  launch.predicted_ns = sized(predicted);
  launch.flops = sized(facts.flops ? *facts.flops : Work(sizes).statement(kernel.body.node()));
  if (!invoke.args.empty()) {
    append_shape(launch.shape, type_of(invoke.args[0].node()));
    launch.shape.push_back({" -> "});
  }
  if (!invoke.outputs.empty()) append_shape(launch.shape, invoke.outputs[0]);
  return launch;
}

} // namespace tw::compile
