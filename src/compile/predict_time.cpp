// SPDX-License-Identifier: Apache-2.0
#include "compile/predict_time.h"

#include "ir/build.h"
#include "ir/visit.h"

#include <algorithm>
#include <cmath>

namespace tw::compile {
namespace {

constexpr double tile_overhead = 24; // cycles: entry, first loads, stores

class Cycles {
public:
  Cycles(const Target& target, const Substitution& sizes) : target_(target), sizes_(sizes) {}

  Amount statement(const Node* n) const {
    if (const auto* f = as<For>(n)) return extent(f->extent) * (statement(f->body.node()) + 1);
    if (const auto* t = as<RegisterTile>(n)) return tile(*t);
    if (const auto* s = as<Store>(n)) {
      double cycles = expression(s->value.node()) + instructions(s->value->dtype) / store_ports;
      return cycles + index(s->index[0], s->value->dtype);
    }
    if (const auto* l = as<Let>(n)) return expression(l->value.node()) + statement(l->body.node());
    if (const auto* i = as<If>(n)) return 1 + max(statement(i->then.node()), i->otherwise ? statement(i->otherwise.node()) : 0.0);
    Amount sum = 0;
    for_children(n, [&](const Node* c) {
      if (as<Stmt>(c)) sum += statement(c);
    });
    return sum;
  }

private:
  static constexpr double store_ports = 1;

  // Extents over loop variables or data stay unknown.
  Amount extent(const Ref<Expr>& e) const {
    bool known = true;
    visit(
        e, [&](const Var& v) { known = known && sizes_.contains(&v); }, [&](const Load&) { known = false; });
    return known ? Amount::of(substitute(e, sizes_)) : Amount::unknown_extent;
  }

  // How many machine instructions one operation on values of this type is.
  double instructions(DType type) const { return std::max(1.0, static_cast<double>(type.lanes * type.bytes()) / target_.vector_bytes); }

  // Elements that do not lie side by side are moved one by one.
  double index(const Ref<Expr>& e, DType type) const {
    const auto* ramp = as<Ramp>(e);
    bool together = type.lanes == 1 || e->dtype.lanes == 1 || (ramp && is_int(ramp->stride, 1));
    return together ? 0 : type.lanes * 1.0;
  }

  // A division of one number is done sooner, and others go on beside it.
  double division(DType type) const { return type.lanes == 1 ? 3 : instructions(type) * 8; }

  double function(const Call& c) const {
    const DType type = c.args.empty() ? c.dtype : c.args[0]->dtype;
    for (const char* one : {"fma", "abs", "ceil", "floor", "round", "trunc"})
      if (c.intrinsic == one) return instructions(type) / target_.fma_ports;
    if (c.intrinsic == "sqrt" || c.intrinsic == "rsqrt") return 2 * division(type);
    if (c.intrinsic.str().starts_with("lane_")) return instructions(type) + 8; // vectors together, then lanes by halves
    return instructions(type) * 16;                                            // a polynomial, with a division in most
  }

  double expression(const Node* e) const {
    double cycles = 0;
    visit(
        e,
        [&](const Binary& b, Walk walk) {
          if (b.dtype.is_float()) cycles += b.op == BinaryOp::div ? division(b.dtype) : instructions(b.dtype) / target_.fma_ports;
          walk(static_cast<const Node*>(&b));
        },
        [&](const Call& c, Walk walk) {
          if (c.dtype.is_float()) cycles += function(c);
          walk(static_cast<const Node*>(&c));
        },
        [&](const Load& l) { cycles += instructions(l.dtype) / target_.load_ports + index(l.index[0], l.dtype); });
    return cycles;
  }

  Amount tile(const RegisterTile& t) const {
    Amount rows = 1, depth = 1;
    for (const auto& a : t.rows) rows *= extent(a->extent);
    for (const auto& a : t.reduce) depth *= extent(a->extent);
    double vectors = instructions(t.value->dtype.with_lanes(static_cast<int>(extent(t.column->extent).typical())));
    // A product of a shared and a stepping operand loads once a row and once a vector; other values load for every accumulator.
    bool shared = false;
    visit(t.value.node(), [&](const Load& l) { shared = shared || !uses(l.index[0].node(), t.column->var.node()); });
    Amount step = max(max(rows * vectors / target_.fma_ports, (shared ? rows + vectors : (rows + 1) * vectors) / target_.load_ports),
                      static_cast<double>(target_.fma_latency) / (shared ? 1 : 4));
    double epilogue = 0;
    visit(t.body.node(), [&](const Store& s) { epilogue += expression(s.value.node()) + 1; });
    return step * depth + tile_overhead + epilogue * rows * vectors;
  }

  const Target& target_;
  const Substitution& sizes_;
};

} // namespace

Amount predict_compute(const Kernel& kernel, const Target& target, const Substitution& sizes) {
  return Cycles(target, sizes).statement(kernel.body.node()) / target.gigahertz;
}

Amount predict_nanoseconds(const Amount& compute, const Traffic& traffic, const Target& target) {
  const auto& c = target.cost;
  const auto from_cache = [&](double bytes_per_cycle) { return traffic.values / (bytes_per_cycle * target.gigahertz); };
  // Prefetching hides little of the way that weights come from memory behind the products: beside them it loads the same ports and buffers.
  Amount memory = if_at_most(traffic.values, static_cast<double>(target.l1_bytes), from_cache(c.l1_bytes_per_cycle),
                             if_at_most(traffic.values, static_cast<double>(target.l2_bytes), from_cache(c.l2_bytes_per_cycle),
                                        from_cache(c.l3_bytes_per_cycle))),
         weights = traffic.constants / c.memory_gigabytes;
  return max(compute, memory) + weights + c.kernel_entry_ns;
}

} // namespace tw::compile
