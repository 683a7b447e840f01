// SPDX-License-Identifier: Apache-2.0
// The steps of lstm, gru and rnn after the product with the inputs. Samples and directions are independent (the parallel loop), steps
// follow each other. Gates lie side by side: a step is a register tile for each panel of them, then vectors of the cell's functions.
#include "ops/recurrence.h"
#include "ops/elementwise.h"
#include "ops/loops.h"

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

public:
  Steps(Compute& c, const Recurrence& a)
      : c_(c), a_(a), cell_(cell_of(a.cell)), products_(c.input(0)), recurrent_(c.input(1)), type_(computation_type(products_.element())),
        hidden_(imm(a.hidden_size)), batch_(products_.size(2)), steps_(products_.size(1)), rows_(batch_ * directions_of(a)),
        h_(c.scratch("h", {rows_, hidden_}, type_)), s_(c.scratch("s", {rows_, hidden_}, type_)),
        gates_(c.scratch("gates", {rows_, hidden_ * cell_.gates}, type_)), extra_(c.scratch("extra", {rows_, hidden_}, type_)) {}

  void emit() {
    // What lies behind the end of a shorter sample is 0.
    if (c_.has(3)) c_.output(0, [&](Indices) { return zero(c_.output(0).element()); });
    c_.raw(loop(
        rows_,
        [&](const E& row) -> Ref<Stmt> {
          if (directions_of(a_) == 1) return sample(0, row);
          return make(If{.cond = row < batch_, .then = sample(0, row), .otherwise = sample(1, row - batch_)});
        },
        ForKind::parallel));
  }

private:
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

  // All steps of one sample in one direction.
  Ref<Stmt> sample(int64_t d, const E& b) {
    auto initial = [&](size_t k, const E& j) { return c_.has(k) ? widen(c_.input(k)({imm(d), b, j})) : zero(type_); };
    bool lstm = cell_.gates == 4, backwards = a_.direction == "reverse" || d == 1;
    E length = c_.has(3) ? max(imm(0), min(cast(i64, c_.input(3)({b})), steps_)) : steps_;
    std::vector<Ref<Stmt>> parts{lanes(a_.hidden_size, [&](const E& j) {
      Ref<Stmt> set = put(h_, {row(d, b), j}, initial(4, j));
      return lstm ? seq({set, put(s_, {row(d, b), j}, initial(5, j))}) : set;
    })};
    parts.push_back(loop(length, [&](const E& n) {
      E t = backwards ? length - 1 - n : n;
      Ref<Stmt> write = lanes(a_.hidden_size, [&](const E& j) {
        return put(c_.output(0), {t, imm(d), b, j}, cast(c_.output(0).element(), h_({row(d, b), j})));
      });
      return seq({step(d, b, t), write});
    }));
    parts.push_back(lanes(a_.hidden_size, [&](const E& j) {
      Ref<Stmt> last = put(c_.output(1), {imm(d), b, j}, cast(c_.output(1).element(), h_({row(d, b), j})));
      return lstm ? seq({last, put(c_.output(2), {imm(d), b, j}, cast(c_.output(2).element(), s_({row(d, b), j})))}) : last;
    }));
    return seq(std::move(parts));
  }

  // gates[first .. first + count) += source * recurrent
  Ref<Stmt> product(int64_t d, const E& b, const Tensor& source, int64_t first, int64_t count) {
    auto tile = [&](const E& begin, int64_t width) -> Ref<Stmt> {
      Ref<Var> k = var("k"), column = var("g"), acc = var("acc", type_);
      E g = begin + column;
      auto axis = [](const Ref<Var>& v, int64_t extent) { return make(TileAxis{.extent = imm(extent), .var = v}); };
      return make(RegisterTile{.rows = {},
                               .column = axis(column, width),
                               .reduce = {axis(k, a_.hidden_size)},
                               .init = gates_({row(d, b), g}),
                               .value = source({row(d, b), k}) * widen(recurrent_({imm(d), k, g})),
                               .acc = acc,
                               .body = put(gates_, {row(d, b), g}, acc)});
    };
    std::vector<Ref<Stmt>> parts;
    const int64_t width = count % panel == 0 ? panel : narrow_panel;
    if (count >= width) parts.push_back(loop(imm(count / width), [&](const E& p) { return tile(p * width + first, width); }));
    if (int64_t rest = count % width) parts.push_back(tile(imm(first + count - rest), rest));
    return seq(std::move(parts));
  }
  Ref<Stmt> start(int64_t d, const E& b, const E& t, int64_t count, bool with_recurrent_bias) {
    return lanes(count, [&](const E& g) {
      E value = widen(products_({imm(d), t, b, g})) + bias(d, g);
      return put(gates_, {row(d, b), g}, with_recurrent_bias ? value + recurrent_bias(d, g) : value);
    });
  }

  Ref<Stmt> step(int64_t d, const E& b, const E& t) {
    if (cell_.gates == 4) return lstm_step(d, b, t);
    if (cell_.gates == 3) return gru_step(d, b, t);
    Ref<Stmt> next = lanes(a_.hidden_size, [&](const E& j) { return put(h_, {row(d, b), j}, activation(d, 0, gates_({row(d, b), j}))); });
    return seq({start(d, b, t, a_.hidden_size, true), product(d, b, h_, 0, a_.hidden_size), next});
  }

  Ref<Stmt> lstm_step(int64_t d, const E& b, const E& t) {
    int64_t all = a_.hidden_size * 4;
    Ref<Stmt> next = lanes(a_.hidden_size, [&](const E& j) {
      E old = s_({row(d, b), j});
      E i = activation(d, 0, gate(d, b, 0, j) + peephole(d, 0, j) * old);
      E f = a_.input_forget ? like(i, 1) - i : activation(d, 0, gate(d, b, 2, j) + peephole(d, 2, j) * old);
      return let("cell", f * old + i * activation(d, 1, gate(d, b, 3, j)), [&](const E& cell) {
        E o = activation(d, 0, gate(d, b, 1, j) + peephole(d, 1, j) * cell);
        return seq({put(s_, {row(d, b), j}, cell), put(h_, {row(d, b), j}, o * activation(d, 2, cell))});
      });
    });
    return seq({start(d, b, t, all, true), product(d, b, h_, 0, all), next});
  }

  Ref<Stmt> gru_step(int64_t d, const E& b, const E& t) {
    int64_t two = a_.hidden_size * 2;
    E h = imm(two); // where the candidate begins
    auto update = [&](const E& j, const E& candidate) {
      return let("z", activation(d, 0, gate(d, b, 0, j)), [&](const E& z) {
        return put(h_, {row(d, b), j}, (like(z, 1) - z) * candidate + z * h_({row(d, b), j}));
      });
    };
    if (a_.linear_before_reset) {
      // The candidate's recurrent part stands alone, because the reset gate multiplies it.
      Ref<Stmt> separate = lanes(a_.hidden_size, [&](const E& j) {
        return seq({put(extra_, {row(d, b), j}, gates_({row(d, b), h + j})), put(gates_, {row(d, b), h + j}, recurrent_bias(d, h + j))});
      });
      Ref<Stmt> gate_bias = lanes(two, [&](const E& g) {
        return put(gates_, {row(d, b), g}, gates_({row(d, b), g}) + recurrent_bias(d, g));
      });
      Ref<Stmt> next = lanes(a_.hidden_size, [&](const E& j) {
        E r = activation(d, 0, gate(d, b, 1, j));
        return update(j, activation(d, 1, extra_({row(d, b), j}) + r * gates_({row(d, b), h + j})));
      });
      return seq({start(d, b, t, a_.hidden_size * 3, false), separate, gate_bias, product(d, b, h_, 0, a_.hidden_size * 3), next});
    }
    Ref<Stmt> reset = lanes(a_.hidden_size, [&](const E& j) {
      return put(extra_, {row(d, b), j}, activation(d, 0, gate(d, b, 1, j)) * h_({row(d, b), j}));
    });
    Ref<Stmt> next = lanes(a_.hidden_size, [&](const E& j) { return update(j, activation(d, 1, gates_({row(d, b), h + j}))); });
    return seq(
        {start(d, b, t, a_.hidden_size * 3, true), product(d, b, h_, 0, two), reset, product(d, b, extra_, two, a_.hidden_size), next});
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
