// SPDX-License-Identifier: Apache-2.0
// The steps of lstm, gru and rnn after the product with the inputs. Samples and directions are independent (the parallel loop goes over
// blocks of samples), steps follow each other. Gates lie side by side: a step is a register tile for each panel of them, whose rows are the
// samples of a block, then vectors of the cell's functions.
#include "ops/recurrence.h"
#include "ops/elementwise.h"
#include "ops/loops.h"
#include "ops/sizes.h"

#include <cmath>

namespace tw::ops {
namespace {

struct Recurrence : RecurrentAttributes {
  Name cell = "lstm";
  static constexpr auto fields = std::tuple_cat(RecurrentAttributes::fields, std::tuple{field("cell", &Recurrence::cell)});
};

// Inputs: products (D, T, B, G * H), recurrent (D, H, G * H), bias? (D, 2 * G * H), lengths? (B), hidden? (D, B, H), cell? (D, B, H),
// peepholes? (D, 3 * H).
Types types(TypeContext& c) {
  auto a = c.attrs<Recurrence>();
  Cell cell = cell_of(a.cell);
  if (c.rank(0) != 4) throw user_error("products must have rank 4, found {}", c.rank(0));
  Shape p = c.shape(0);
  E hidden = imm(a.hidden_size), directions = imm(directions_of(a));
  c.same(p[0], directions, "directions");
  c.same(p[3], hidden * cell.gates, "products and gates times hidden_size");
  Shape state{directions, p[2], hidden};
  Types out{tensor_type({p[1], directions, p[2], hidden}, c.element(0)), tensor_type(state, c.element(0))};
  if (cell.gates == 4) out.push_back(tensor_type(state, c.element(0)));
  return out;
}

class Steps {
  // Gates of one register tile: enough accumulators that none waits for itself.
  static constexpr int64_t panel = 64, narrow_panel = 32;
  // Samples that take their steps together, so that weights are read once for all of them; more where enough are left for threads.
  static constexpr int64_t together = 4, many_together = 8;

public:
  Steps(Compute& c, const Recurrence& a)
      : c_(c), a_(a), cell_(cell_of(a.cell)), products_(c.input(0)), recurrent_(c.input(1)), type_(computation_type(products_.element())),
        hidden_(imm(a.hidden_size)), batch_(products_.size(2)), steps_(products_.size(1)), rows_(batch_ * directions_of(a)),
        h_(c.scratch("h", {rows_, hidden_}, type_)), s_(c.scratch("s", {rows_, hidden_}, type_)),
        gates_(c.scratch("gates", {rows_, hidden_ * cell_.gates}, type_)), extra_(c.scratch("extra", {rows_, hidden_}, type_)) {}

  void emit() {
    // What lies behind the end of a shorter sample is 0.
    if (c_.has(3)) c_.output(0, [&](Indices) { return zero(c_.output(0).element()); });
    Blocks b = blocks();
    E count = simplified(b.larger + b.smaller);
    auto block = [&](int64_t d, const E& i) -> Ref<Stmt> {
      auto larger = [&] { return run({.direction = d, .first = i * b.size, .count = b.size}); };
      auto smaller = [&] {
        return run({.direction = d, .first = b.larger * b.size + (i - b.larger) * b.smaller_size, .count = b.smaller_size});
      };
      if (is_int(b.smaller, 0)) return larger();
      return make(If{.cond = i < b.larger, .then = larger(), .otherwise = smaller()});
    };
    c_.raw(loop(
        simplified(count * directions_of(a_)),
        [&](const E& i) -> Ref<Stmt> {
          if (directions_of(a_) == 1) return block(0, i);
          return make(If{.cond = i < count, .then = block(0, i), .otherwise = block(1, i - count)});
        },
        ForKind::parallel));
  }

private:
  // Neighbours in one direction.
  struct Samples {
    int64_t direction;
    E first;
    int64_t count;
  };
  // The batch: so many blocks of `size` samples, then of `smaller_size`.
  struct Blocks {
    int64_t size, smaller_size;
    E larger, smaller;
  };
  Blocks blocks() const {
    auto batch = as_int(batch_);
    if (!batch) return {together, 1, floordiv(batch_, imm(together)), floormod(batch_, imm(together))};
    int64_t most = *batch < 2 * many_together ? together : many_together;
    int64_t count = std::max<int64_t>((*batch + most - 1) / most, 1), size = *batch / count, larger = *batch % count;
    if (!larger) return {size, 0, imm(size ? count : 0), imm(0)};
    return {size + 1, size, imm(larger), imm(count - larger)};
  }

  // A loop in vectors, and what is left one by one.
  static Ref<Stmt> lanes(int64_t count, const std::function<Ref<Stmt>(const E&)>& body) {
    constexpr int64_t width = 16;
    std::vector<Ref<Stmt>> parts;
    if (count >= width)
      parts.push_back(loop(imm(count / width), [&](const E& vector) {
        return loop(
            imm(width), [&](const E& lane) { return body(vector * width + lane); }, ForKind::vectorised);
      }));
    if (int64_t rest = count % width) parts.push_back(loop(imm(rest), [&](const E& i) { return body(imm(count - rest) + i); }));
    return seq(std::move(parts));
  }
  // One sample after the other.
  static Ref<Stmt> each(const Samples& s, const std::function<Ref<Stmt>(const E&)>& body) {
    if (s.count == 1) return body(s.first);
    return loop(imm(s.count), [&](const E& i) { return body(s.first + i); });
  }
  E activation(int64_t d, size_t k, E x) const {
    if (a_.clip > 0) x = max(like(x, -a_.clip), min(like(x, a_.clip), x));
    size_t at = static_cast<size_t>(d) * cell_.activations.size() + k;
    Name name = a_.activations.empty() ? cell_.activations[k] : a_.activations[at];
    return activate(name, at < a_.alphas.size() ? a_.alphas[at] : NAN, at < a_.betas.size() ? a_.betas[at] : NAN, x);
  }
  E bias(int64_t d, const E& gate) const { return c_.has(2) ? widen(c_.input(2)({imm(d), gate})) : zero(type_); }
  E recurrent_bias(int64_t d, const E& gate) const { return bias(d, gate + hidden_ * cell_.gates); }
  E peephole(int64_t d, int64_t k, const E& j) const { return c_.has(6) ? widen(c_.input(6)({imm(d), hidden_ * k + j})) : zero(type_); }
  // Of the scratch: each sample in each direction has its own.
  E row(int64_t d, const E& b) const { return batch_ * d + b; }
  E gate(int64_t d, const E& b, int64_t k, const E& j) const { return gates_({row(d, b), hidden_ * k + j}); }

  // ---- steps. Shorter samples wait for the others of their block: their gates are computed, their states stay.
  bool backwards(int64_t d) const { return a_.direction == "reverse" || d == 1; }
  E length(const E& b) const { return c_.has(3) ? max(imm(0), min(cast(i64, c_.input(3)({b})), steps_)) : steps_; }
  E longest(const Samples& s) const {
    E steps = length(s.first);
    for (int64_t i = 1; c_.has(3) && i < s.count; ++i) steps = max(steps, length(s.first + i));
    return steps;
  }
  bool waits(const Samples& s) const { return c_.has(3) && s.count > 1; }
  // Where a sample is at the n-th step.
  E place(const Samples& s, const E& b, const E& n) const {
    if (!backwards(s.direction)) return n;
    E t = length(b) - 1 - n;
    return waits(s) ? max(imm(0), t) : t;
  }
  Ref<Stmt> each_running(const Samples& s, const E& n, const std::function<Ref<Stmt>(const E&)>& body) const {
    return each(s,
                [&](const E& b) -> Ref<Stmt> { return waits(s) ? Ref<Stmt>(make(If{.cond = n < length(b), .then = body(b)})) : body(b); });
  }

  Ref<Stmt> run(const Samples& s) {
    int64_t d = s.direction;
    bool lstm = cell_.gates == 4;
    Ref<Stmt> begin = each(s, [&](const E& b) {
      auto initial = [&](size_t k, const E& j) { return c_.has(k) ? widen(c_.input(k)({imm(d), b, j})) : zero(type_); };
      return lanes(a_.hidden_size, [&](const E& j) {
        Ref<Stmt> set = put(h_, {row(d, b), j}, initial(4, j));
        return lstm ? seq({set, put(s_, {row(d, b), j}, initial(5, j))}) : set;
      });
    });
    Ref<Stmt> steps = loop(longest(s), [&](const E& n) {
      Ref<Stmt> write = each_running(s, n, [&](const E& b) {
        return lanes(a_.hidden_size, [&](const E& j) {
          return put(c_.output(0), {place(s, b, n), imm(d), b, j}, cast(c_.output(0).element(), h_({row(d, b), j})));
        });
      });
      return seq({step(s, n), write});
    });
    Ref<Stmt> end = each(s, [&](const E& b) {
      return lanes(a_.hidden_size, [&](const E& j) {
        Ref<Stmt> last = put(c_.output(1), {imm(d), b, j}, cast(c_.output(1).element(), h_({row(d, b), j})));
        return lstm ? seq({last, put(c_.output(2), {imm(d), b, j}, cast(c_.output(2).element(), s_({row(d, b), j})))}) : last;
      });
    });
    return seq({begin, steps, end});
  }

  // gates[first .. first + count) += source * recurrent; the samples are the tile's rows
  Ref<Stmt> product(const Samples& s, const Tensor& source, int64_t first, int64_t count) {
    auto tile = [&](const E& begin, int64_t width) -> Ref<Stmt> {
      Ref<Var> k = var("k"), column = var("g"), acc = var("acc", type_), sample = var("r");
      E g = begin + column, at = row(s.direction, s.count > 1 ? s.first + sample : s.first);
      auto axis = [](const Ref<Var>& v, int64_t extent) { return make(TileAxis{.extent = imm(extent), .var = v}); };
      std::vector<Ref<TileAxis>> rows;
      if (s.count > 1) rows.push_back(axis(sample, s.count));
      return make(RegisterTile{.rows = std::move(rows),
                               .column = axis(column, width),
                               .reduce = {axis(k, a_.hidden_size)},
                               .init = gates_({at, g}),
                               .value = source({at, k}) * widen(recurrent_({imm(s.direction), k, g})),
                               .acc = acc,
                               .body = put(gates_, {at, g}, acc)});
    };
    std::vector<Ref<Stmt>> parts;
    const int64_t width = count % panel == 0 ? panel : narrow_panel;
    if (count >= width) parts.push_back(loop(imm(count / width), [&](const E& p) { return tile(p * width + first, width); }));
    if (int64_t rest = count % width) parts.push_back(tile(imm(first + count - rest), rest));
    return seq(std::move(parts));
  }
  Ref<Stmt> start(const Samples& s, const E& n, int64_t count, bool with_recurrent_bias) {
    int64_t d = s.direction;
    return each(s, [&](const E& b) {
      return lanes(count, [&](const E& g) {
        E value = widen(products_({imm(d), place(s, b, n), b, g})) + bias(d, g);
        return put(gates_, {row(d, b), g}, with_recurrent_bias ? value + recurrent_bias(d, g) : value);
      });
    });
  }
  // The cell's functions, where the sample has this step.
  Ref<Stmt> next(const Samples& s, const E& n, const std::function<Ref<Stmt>(const E& b, const E& j)>& body) {
    return each_running(s, n, [&](const E& b) { return lanes(a_.hidden_size, [&](const E& j) { return body(b, j); }); });
  }

  Ref<Stmt> step(const Samples& s, const E& n) {
    if (cell_.gates == 4) return lstm_step(s, n);
    if (cell_.gates == 3) return gru_step(s, n);
    int64_t d = s.direction;
    return seq({start(s, n, a_.hidden_size, true), product(s, h_, 0, a_.hidden_size), next(s, n, [&](const E& b, const E& j) {
                  return put(h_, {row(d, b), j}, activation(d, 0, gates_({row(d, b), j})));
                })});
  }

  Ref<Stmt> lstm_step(const Samples& s, const E& n) {
    int64_t all = a_.hidden_size * 4, d = s.direction;
    Ref<Stmt> states = next(s, n, [&](const E& b, const E& j) {
      E old = s_({row(d, b), j});
      E i = activation(d, 0, gate(d, b, 0, j) + peephole(d, 0, j) * old);
      E f = a_.input_forget ? like(i, 1) - i : activation(d, 0, gate(d, b, 2, j) + peephole(d, 2, j) * old);
      return let("cell", f * old + i * activation(d, 1, gate(d, b, 3, j)), [&](const E& cell) {
        E o = activation(d, 0, gate(d, b, 1, j) + peephole(d, 1, j) * cell);
        return seq({put(s_, {row(d, b), j}, cell), put(h_, {row(d, b), j}, o * activation(d, 2, cell))});
      });
    });
    return seq({start(s, n, all, true), product(s, h_, 0, all), states});
  }

  Ref<Stmt> gru_step(const Samples& s, const E& n) {
    int64_t two = a_.hidden_size * 2, d = s.direction;
    E h = imm(two); // where the candidate begins
    auto update = [&](const E& b, const E& j, const E& candidate) {
      return let("z", activation(d, 0, gate(d, b, 0, j)), [&](const E& z) {
        return put(h_, {row(d, b), j}, (like(z, 1) - z) * candidate + z * h_({row(d, b), j}));
      });
    };
    if (a_.linear_before_reset) {
      // The candidate's recurrent part stands alone, because the reset gate multiplies it.
      Ref<Stmt> before = each(s, [&](const E& b) {
        Ref<Stmt> separate = lanes(a_.hidden_size, [&](const E& j) {
          return seq({put(extra_, {row(d, b), j}, gates_({row(d, b), h + j})), put(gates_, {row(d, b), h + j}, recurrent_bias(d, h + j))});
        });
        Ref<Stmt> gate_bias = lanes(two, [&](const E& g) {
          return put(gates_, {row(d, b), g}, gates_({row(d, b), g}) + recurrent_bias(d, g));
        });
        return seq({separate, gate_bias});
      });
      Ref<Stmt> states = next(s, n, [&](const E& b, const E& j) {
        E r = activation(d, 0, gate(d, b, 1, j));
        return update(b, j, activation(d, 1, extra_({row(d, b), j}) + r * gates_({row(d, b), h + j})));
      });
      return seq({start(s, n, a_.hidden_size * 3, false), before, product(s, h_, 0, a_.hidden_size * 3), states});
    }
    Ref<Stmt> reset = each(s, [&](const E& b) {
      return lanes(a_.hidden_size, [&](const E& j) {
        return put(extra_, {row(d, b), j}, activation(d, 0, gate(d, b, 1, j)) * h_({row(d, b), j}));
      });
    });
    Ref<Stmt> states = next(s, n, [&](const E& b, const E& j) { return update(b, j, activation(d, 1, gates_({row(d, b), h + j}))); });
    return seq({start(s, n, a_.hidden_size * 3, true), product(s, h_, 0, two), reset, product(s, extra_, two, a_.hidden_size), states});
  }

  Compute& c_;
  const Recurrence& a_;
  Cell cell_;
  Tensor products_, recurrent_;
  DType type_;
  E hidden_, batch_, steps_, rows_;
  Tensor h_, s_, gates_, extra_;
};

} // namespace

extern const OpDef recurrence = define<Recurrence>(
    {.doc = "The steps of a recurrent cell (lstm, gru, rnn), from the products of inputs and weights: (directions, steps, batch, gates * "
            "hidden). lstm, gru and rnn decompose to it",
     .inputs = std::vector<std::string>{"products: float", "recurrent: float", "bias?: float", "lengths?: index", "hidden?: float",
                                        "state?: float", "peepholes?: float"},
     .type = TypeRule(types),
     .fusion = Fusion::opaque,
     .compute =
         [](Compute& c) {
           auto a = c.attrs<Recurrence>();
           Steps(c, a).emit();
         },
     .flops =
         [](TypeContext& c) {
           int64_t hidden = c.attrs<Recurrence>().hidden_size;
           return element_count(c.shape(0)) * (2 * hidden);
         },
     .examples = {"recurrence([[[[1.0]], [[2.0]]]], [[[0.5]]], cell=rnn, hidden_size=1, activations=[relu]) == ([[[[1.0]]], [[[2.5]]]], "
                  "[[[2.5]]])"},
     .outputs = -1});

} // namespace tw::ops
