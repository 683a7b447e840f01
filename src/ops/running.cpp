// SPDX-License-Identifier: Apache-2.0
#include "ops/running.h"
#include "ops/elementwise.h"
#include "ops/loops.h"
#include "ops/sizes.h"

namespace tw::ops {

namespace {

// The axes behind the running one are one axis of elements side by side, which is cut into pieces; a piece goes through all steps, so that
// steps add vectors and pieces are independent.
constexpr int64_t most_lanes = 64, piece_elements = 1024;

template <Combine how> class RunningLoops {
public:
  RunningLoops(Compute& c, const Running& a)
      : c_(c), a_(a), x_(c.input(0)), out_(c.output(0)),
        axis_(static_cast<size_t>(TypeContext::normalise_axis(a.axis, static_cast<int64_t>(x_.rank())))),
        type_(computation_type(x_.element())), behind_(product_behind()), places_(places()),
        total_(c.scratch("total", total_shape(), type_)) {}

  void emit() {
    c_.raw(loop(
        simplified(element_count(places_)), [&](const E& n) { return piece(unflatten(n, places_)); }, ForKind::parallel));
  }

private:
  Ref<Expr> product_behind() const {
    Ref<Expr> count = imm(1);
    for (size_t d = axis_ + 1; d < x_.rank(); ++d) count = simplified(count * x_.size(d));
    return count;
  }
  // What the axes before give, and pieces.
  Shape places() const {
    std::vector<Ref<Expr>> out;
    for (size_t d = 0; d < axis_; ++d) out.push_back(x_.size(d));
    out.push_back(simplified(ceildiv(behind_, imm(piece_elements))));
    return Shape(std::move(out));
  }
  Shape total_shape() const {
    std::vector<Ref<Expr>> out = places_.vector();
    auto known = as_int(behind_);
    out.push_back(imm(known ? std::min(*known, piece_elements) : piece_elements));
    return Shape(std::move(out));
  }

  Ref<Stmt> piece(const Indices& place) const {
    // Equal pieces, but for the last, of whole vectors.
    const E share = simplified(ceildiv(ceildiv(behind_, imm(most_lanes)), max(places_[axis_], imm(1))) * most_lanes);
    const E begin = place[axis_] * share, elements = simplified(min(behind_ - begin, share));
    return seq(
        {each(elements, [&](const E& k) { return put(total_, of(place, k), how == Combine::add ? zero(type_) : literal(1, type_)); }),
         loop(x_.size(axis_), [&](const E& n) {
           return each(elements, [&](const E& k) { return step(place, a_.reverse ? x_.size(axis_) - 1 - n : n, begin, k); });
         })});
  }

  // Whole vectors, then halves of one as long as elements are left.
  static Ref<Stmt> each(const E& elements, const std::function<Ref<Stmt>(const E& k)>& body) {
    auto vector = [&](const E& first, int64_t lanes) {
      return loop(
          imm(lanes), [&](const E& lane) { return body(first + lane); }, ForKind::vectorised);
    };
    std::vector<Ref<Stmt>> parts{
        loop(simplified(floordiv(elements, most_lanes)), [&](const E& v) { return vector(v * most_lanes, most_lanes); })};
    for (int64_t lanes = most_lanes / 2; lanes > 0; lanes /= 2) {
      E first = simplified(floordiv(elements, 2 * lanes) * (2 * lanes));
      parts.push_back(when(simplified(floormod(floordiv(elements, lanes), 2) > imm(0)), lanes > 1 ? vector(first, lanes) : body(first)));
    }
    return seq(std::move(parts));
  }

  Indices of(const Indices& place, const E& k) const {
    Indices at = place;
    at.push_back(k);
    return at;
  }
  Ref<Stmt> step(const Indices& place, const E& n, const E& begin, const E& k) const {
    Indices at(place.begin(), place.begin() + static_cast<int64_t>(axis_));
    at.push_back(n);
    at.resize(x_.rank(), imm(0));
    E rest = begin + k;
    for (size_t d = x_.rank(); d-- > axis_ + 1;) {
      at[d] = d == axis_ + 1 ? rest : E(floormod(rest, x_.size(d)));
      rest = floordiv(rest, x_.size(d));
    }
    E total = total_(of(place, k)), value = widen(x_(at));
    Ref<Stmt> add = put(total_, of(place, k), how == Combine::add ? total + value : total * value);
    Ref<Stmt> write = put(out_, at, tw::cast(x_.element(), total));
    return a_.exclusive ? seq({write, add}) : seq({add, write});
  }

  Compute& c_;
  const Running& a_;
  Tensor x_, out_;
  size_t axis_;
  DType type_;
  E behind_;
  Shape places_;
  Tensor total_;
};

} // namespace

template <Combine how> void compute_running(Compute& c) {
  auto a = c.attrs<Running>();
  RunningLoops<how>(c, a).emit();
}

template void compute_running<Combine::add>(Compute& c);
template void compute_running<Combine::mul>(Compute& c);

} // namespace tw::ops
