// SPDX-License-Identifier: Apache-2.0
#include "ops/recurrence.h"

#include "ops/elementwise.h"
#include "ops/sizes.h"

#include <cmath>

namespace tw::ops {

Cell cell_of(const Name& name) {
  if (name == "lstm") return {"lstm", 4, {"sigmoid", "tanh", "tanh"}};
  if (name == "gru") return {"gru", 3, {"sigmoid", "tanh"}};
  if (name == "rnn") return {"rnn", 1, {"tanh"}};
  throw user_error("a cell must be lstm, gru or rnn, found '{}'", name.str());
}

int64_t directions_of(const RecurrentAttributes& a) {
  if (a.direction == "bidirectional") return 2;
  if (a.direction != "forward" && a.direction != "reverse")
    throw user_error("direction must be forward, reverse or bidirectional, found '{}'", a.direction.str());
  return 1;
}

Ref<Expr> activate(const Name& name, double alpha, double beta, const Ref<Expr>& x) {
  auto number = [&](double given, double usual) { return like(x, std::isnan(given) ? usual : given); };
  E none = like(x, 0), one = like(x, 1);
  if (name == "sigmoid") return call("sigmoid", {x});
  if (name == "tanh") return call("tanh", {x});
  if (name == "relu") return max(x, none);
  if (name == "affine") return number(alpha, 1) * x + number(beta, 0);
  if (name == "leaky_relu") return select(x >= none, x, number(alpha, 0.01) * x);
  if (name == "thresholded_relu") return select(x > number(alpha, 1), x, none);
  if (name == "scaled_tanh") return number(alpha, 1) * call("tanh", {number(beta, 1) * x});
  if (name == "hard_sigmoid") return max(none, min(one, number(alpha, 0.2) * x + number(beta, 0.5)));
  if (name == "elu") return select(x > none, x, number(alpha, 1) * (call("exp", {x}) - one));
  if (name == "softsign") return x / (one + call("abs", {x}));
  if (name == "softplus") return max(x, none) + call("log1p", {call("exp", {-call("abs", {x})})});
  throw user_error("unknown activation '{}'", name.str());
}

namespace {
void check_input(TypeContext& c, size_t k, const char* name, const Shape& expected) {
  if (!c.has(k)) return;
  if (c.shape(k).size() != expected.size()) throw user_error("{} must have rank {}, found {}", name, expected.size(), c.shape(k).size());
  for (size_t d = 0; d < expected.size(); ++d) c.same(c.shape(k)[d], expected[d], name);
}

Types recurrent_types(TypeContext& c, const Cell& cell) {
  auto a = c.attrs<RecurrentAttributes>();
  if (c.rank(0) != 3) throw user_error("x must have rank 3, found {}", c.rank(0));
  if (c.rank(1) != 3) throw user_error("weights must have rank 3, found {}", c.rank(1));
  if (a.hidden_size < 1) throw user_error("hidden_size must be at least 1, found {}", a.hidden_size);
  for (size_t k = 0; k < c.count(); ++k)
    if (c.has(k) && k != 4 && c.element(k) != c.element(0))
      throw user_error("inputs must have one element type, found {} and {}", tw::to_string(c.element(0)), tw::to_string(c.element(k)));
  Shape x = c.shape(0);
  E steps = x[a.batch_first ? 1 : 0], batch = x[a.batch_first ? 0 : 1], directions = imm(directions_of(a)), hidden = imm(a.hidden_size);
  E gates = imm(cell.gates * a.hidden_size);
  Shape state = a.batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  check_input(c, 1, "weights", {directions, gates, x[2]});
  check_input(c, 2, "recurrent weights", {directions, gates, hidden});
  check_input(c, 3, "bias", {directions, imm(2 * cell.gates * a.hidden_size)});
  check_input(c, 4, "lengths", {batch});
  check_input(c, 5, "initial hidden", state);
  check_input(c, 6, "initial cell", state);
  check_input(c, 7, "peepholes", {directions, imm(3 * a.hidden_size)});
  size_t wanted = cell.activations.size() * static_cast<size_t>(directions_of(a));
  if (!a.activations.empty() && a.activations.size() != wanted)
    throw user_error("activations must have {} entries, found {}", wanted, a.activations.size());
  for (const auto& name : a.activations) activate(name, NAN, NAN, zero(f32));
  DType type = c.element(0);
  Shape all = a.batch_first ? Shape{batch, steps, directions, hidden} : Shape{steps, directions, batch, hidden};
  Types out{tensor_type(all, type), tensor_type(state, type)};
  if (cell.gates == 4) out.push_back(tensor_type(state, type));
  return out;
}

std::vector<Ref<Operand>> decompose(DecomposeContext& c, const Cell& cell) {
  auto a = c.attrs<RecurrentAttributes>();
  GraphBuilder& g = c.graph;
  auto turned = [&](const Ref<Operand>& v, List<int64_t> axes) {
    return g.call("transpose", {v}, {make(Attr{.name = "axes", .value = axes})});
  };
  auto shaped = [&](const Ref<Operand>& v, Shape shape) { return g.call("reshape", {v}, {make(Attr{.name = "shape", .value = shape})}); };
  Ref<Operand> x = c.arg(0);
  if (a.batch_first) x = turned(x, {1, 0, 2});
  Shape size = tensor_of(x)->shape;
  E rows = simplified(size[0] * size[1]), gates = imm(cell.gates * a.hidden_size);
  Ref<Operand> flat = shaped(x, {imm(1), rows, size[2]});
  Ref<Operand> products = g.call("matmul", {flat, c.arg(1)}, {make(Attr{.name = "transpose_b", .value = true})});
  std::vector<Opt<Operand>> args{shaped(products, {imm(directions_of(a)), size[0], size[1], gates})};
  for (size_t k = 2; k < 8; ++k) {
    Opt<Operand> arg = c.has(k) ? Opt<Operand>(c.arg(k)) : Opt<Operand>();
    if (arg && k == 2) arg = turned(as_ref<Operand>(arg), {0, 2, 1}); // gates side by side
    if (arg && a.batch_first && (k == 5 || k == 6)) arg = turned(as_ref<Operand>(arg), {1, 0, 2});
    args.push_back(arg);
  }
  RecurrentAttributes inner = a;
  inner.batch_first = false;
  auto attrs = to_attrs(inner);
  attrs.push_back(make(Attr{.name = "cell", .value = Name(cell.name)}));
  std::sort(attrs.begin(), attrs.end(), [](const auto& p, const auto& q) { return p->name < q->name; });
  auto results = g.call_all("recurrence", args, attrs);
  std::vector<Ref<Operand>> out(results.begin(), results.end());
  if (!a.batch_first) return out;
  out[0] = turned(out[0], {2, 0, 1, 3});
  for (size_t k = 1; k < out.size(); ++k) out[k] = turned(out[k], {1, 0, 2});
  return out;
}
} // namespace

OpDef define_recurrent(std::string doc, const char* name, std::vector<std::string> inputs, std::vector<std::string> examples) {
  Cell cell = cell_of(name);
  return define<RecurrentAttributes>({.doc = std::move(doc),
                                      .inputs = std::move(inputs),
                                      .type = TypeRule([cell](TypeContext& c) { return recurrent_types(c, cell); }),
                                      .fusion = Fusion::opaque,
                                      .decompose = [cell](DecomposeContext& c) { return decompose(c, cell); },
                                      .flops =
                                          [cell](TypeContext& c) {
                                            auto a = c.attrs<RecurrentAttributes>();
                                            E each =
                                                (c.shape(0)[2] + imm(a.hidden_size)) * (2 * cell.gates * a.hidden_size * directions_of(a));
                                            return c.shape(0)[0] * c.shape(0)[1] * each;
                                          },
                                      .examples = std::move(examples),
                                      .outputs = -1});
}

} // namespace tw::ops
