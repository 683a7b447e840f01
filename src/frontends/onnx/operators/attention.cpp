// SPDX-License-Identifier: Apache-2.0
// Attention in parts that the compiler has: two products with a softmax between them, masks as numbers that are added before it.
// Recognising the parts again, to run them as one kernel, is the work of a pass.
#include "frontends/onnx/operators/operators.h"

#include "ops/sizes.h"

#include <cmath>

namespace tw::onnx {
namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

// (batch, steps, heads * size) to (batch, heads, steps, size).
Ref<Operand> split_heads(NodeContext& c, const Ref<Operand>& x, int64_t heads) {
  Shape shape = NodeContext::shape(x);
  if (heads < 1) throw user_error("q_num_heads and kv_num_heads must be given for inputs of rank 3");
  if (auto width = as_int(shape[2]); width && *width % heads != 0)
    throw user_error("{} columns do not divide into {} heads", *width, heads);
  Ref<Operand> parts = c.reshape(x, {shape[0], shape[1], imm(heads), ops::simplified(floordiv(shape[2], heads))});
  return c.transpose(parts, {0, 2, 1, 3});
}
Ref<Operand> join_heads(NodeContext& c, const Ref<Operand>& x) {
  Shape shape = NodeContext::shape(x);
  return c.reshape(c.transpose(x, {0, 2, 1, 3}), {shape[0], shape[2], ops::simplified(shape[1] * shape[3])});
}

// Each head of keys serves a group of query heads.
Ref<Operand> repeat_heads(NodeContext& c, const Ref<Operand>& x, const Ref<Expr>& heads) {
  Shape s = NodeContext::shape(x);
  if (ops::surely_equal(s[1], heads)) return x;
  auto own = as_int(s[1]), wanted = as_int(heads);
  if (!own || !wanted || *own < 1 || *wanted % *own != 0)
    throw user_error("the {} heads of queries must be a multiple of the {} heads of keys", ops::to_string(heads), ops::to_string(s[1]));
  Ref<Operand> column = c.reshape(x, {s[0], s[1], imm(1), s[2], s[3]});
  Ref<Operand> wide = c.call("expand", {column}, {{"shape", List<Ref<Expr>>{s[0], s[1], imm(*wanted / *own), s[2], s[3]}}});
  return c.reshape(wide, {s[0], heads, s[2], s[3]});
}

struct Heads {
  Ref<Operand> queries, keys, values;
  Opt<Operand> past_keys; // the keys and values before these, if given
  bool flat;              // inputs were of rank 3
};

class Attention {
public:
  Attention(NodeContext& c, Heads heads) : c_(c), h_(std::move(heads)), type_(NodeContext::type(h_.queries)->element) {
    queries_ = NodeContext::shape(h_.queries)[2];
    keys_ = NodeContext::shape(h_.keys)[2];
  }

  Results run() {
    Ref<Expr> heads = NodeContext::shape(h_.queries)[1];
    double size = static_cast<double>(as_int(NodeContext::shape(h_.queries)[3]).value_or(0));
    if (!c_.has_attribute("scale") && size == 0) throw unsupported("the size of a head must be known when the model is compiled");
    double scale = std::sqrt(c_.has_attribute("scale") ? c_.attribute_float("scale", 0) : 1 / std::sqrt(size));
    auto scaled = [&](const Ref<Operand>& x) { return c_.call("mul", {x, c_.scalar(scale, type_)}); };
    Ref<Operand> scores = c_.call("matmul", {scaled(h_.queries), scaled(repeat_heads(c_, h_.keys, heads))}, {{"transpose_b", true}});
    std::vector<Ref<Operand>> stages{scores};
    if (double cap = c_.attribute_float("softcap", 0); cap > 0) {
      Ref<Operand> limit = c_.scalar(cap, type_);
      scores = c_.call("mul", {c_.call("tanh", {c_.call("div", {scores, limit})}), limit});
    }
    stages.push_back(scores);
    for (const auto& mask : masks()) scores = c_.call("add", {scores, mask});
    stages.push_back(scores);
    Ref<Operand> weights = softmax(scores);
    stages.push_back(weights);
    Ref<Operand> y = c_.call("matmul", {weights, repeat_heads(c_, h_.values, heads)});
    int64_t mode = c_.attribute_int("qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3) throw user_error("attribute 'qk_matmul_output_mode' must be 0 to 3, found {}", mode);
    return {h_.flat ? join_heads(c_, y) : y, h_.keys, h_.values, stages[static_cast<size_t>(mode)]};
  }

private:
  Ref<Operand> numbers(const Ref<Expr>& count, std::vector<Ref<Expr>> shape) {
    Ref<Operand> range = c_.call("range", {c_.scalar(0, i64), c_.scalar(1, i64)}, {{"count", Opt<Expr>(count)}});
    return c_.reshape(range, std::move(shape));
  }
  Ref<Operand> forbid_unless(const Ref<Operand>& allowed) {
    masked_ = true;
    return c_.call("where", {allowed, c_.scalar(0, type_), c_.scalar(minus_infinity, type_)});
  }
  // (batch, 1, 1, 1): how many keys of each sample count.
  Ref<Operand> lengths() { return c_.unsqueeze(c_.cast(c_.input(6), i64), {1, 2, 3}); }

  // The place of each query among the keys: after the past ones, or at the end of those that count.
  Ref<Operand> position() {
    Ref<Operand> own = numbers(queries_, {queries_, imm(1)});
    auto steps = [&](const Opt<Operand>& x) { return c_.call("shape_of", {x}, {{"begin", int64_t{2}}, {"end", int64_t{3}}}); };
    if (h_.past_keys) return c_.call("add", {own, steps(h_.past_keys)});
    return c_.has(6) ? c_.call("add", {own, c_.call("sub", {lengths(), steps(h_.queries)})}) : own;
  }

  std::vector<Ref<Operand>> masks() {
    std::vector<Ref<Operand>> out;
    if (c_.has(3)) out.push_back(given_mask());
    Ref<Operand> key = numbers(keys_, {imm(1), keys_});
    int64_t left = c_.attribute_int("left_window_size", -1), right = c_.attribute_int("right_window_size", -1);
    if (c_.attribute_bool("is_causal", false)) right = 0;
    auto shifted = [&](int64_t by) { return c_.call("add", {position(), c_.scalar(static_cast<double>(by), i64)}); };
    if (right >= 0) out.push_back(forbid_unless(c_.call("less_equal", {key, shifted(right)})));
    if (left >= 0) out.push_back(forbid_unless(c_.call("greater_equal", {key, shifted(-left)})));
    if (c_.has(6)) out.push_back(forbid_unless(c_.call("less", {key, lengths()})));
    return out;
  }

  // What a mask is too short for is forbidden.
  Ref<Operand> given_mask() {
    Ref<Operand> mask = c_.input(3);
    if (NodeContext::type(mask)->element.is_bool()) mask = forbid_unless(mask);
    masked_ = true;
    Shape shape = NodeContext::shape(mask);
    if (shape.empty() || is_int(shape.back(), 1) || ops::surely_equal(shape.back(), keys_)) return mask;
    std::vector<Ref<Expr>> begin(shape.size(), imm(0)), end = begin;
    end.back() = ops::simplified(keys_ - shape.back());
    return c_.call("pad", {mask, c_.scalar(minus_infinity, type_)}, {{"begin", List<Ref<Expr>>(begin)}, {"end", List<Ref<Expr>>(end)}});
  }

  // A query that may attend to nothing gives zeros.
  Ref<Operand> softmax(const Ref<Operand>& scores) {
    DType type = type_;
    if (auto wide = find_dtype(static_cast<ElementType>(c_.attribute_int("softmax_precision", 0)))) type = *wide;
    Ref<Operand> weights = c_.cast(c_.call("softmax", {c_.cast(scores, type)}, {{"axis", int64_t{3}}}), type_);
    if (!masked_) return weights;
    Ref<Operand> best = c_.call("reduce_max", {scores}, {{"axes", List<int64_t>{3}}});
    Ref<Operand> nothing = c_.call("equal", {best, c_.scalar(minus_infinity, type_)});
    return c_.call("where", {nothing, c_.scalar(0, type_), weights});
  }

  NodeContext& c_;
  Heads h_;
  DType type_;
  Ref<Expr> queries_ = imm(0), keys_ = imm(0);
  bool masked_ = false;
};

Results attention(NodeContext& c) {
  bool flat = c.rank(0) == 3;
  for (size_t i = 0; i < 3; ++i)
    if (c.rank(i) != (flat ? 3 : 4)) throw user_error("queries, keys and values must have rank 4, or all rank 3, found {}", c.rank(i));
  auto with_heads = [&](size_t i, const char* heads) { return flat ? split_heads(c, c.input(i), c.attribute_int(heads, 0)) : c.input(i); };
  Heads h{with_heads(0, "q_num_heads"), with_heads(1, "kv_num_heads"), with_heads(2, "kv_num_heads"), c.optional(4), flat};
  if (c.has(4) != c.has(5)) throw user_error("past keys and values must be given together");
  if (c.has(4)) {
    h.keys = c.call("concat", {c.input(4), h.keys}, {{"axis", int64_t{2}}});
    h.values = c.call("concat", {c.input(5), h.values}, {{"axis", int64_t{2}}});
  }
  return Attention(c, h).run();
}

// Pairs of columns are turned by an angle that depends on the position: halves of a head, or neighbours (interleaved).
Results rotary_embedding(NodeContext& c) {
  bool flat = c.rank(0) == 3;
  Ref<Operand> x = flat ? split_heads(c, c.input(0), c.attribute_int("num_heads", 0)) : c.input(0);
  Shape shape = NodeContext::shape(x); // batch, heads, steps, size
  auto size = as_int(shape[3]);
  if (shape.size() != 4 || !size) throw unsupported("the size of a head must be known when the model is compiled");
  int64_t turned = c.attribute_int("rotary_embedding_dim", 0);
  if (turned == 0) turned = *size;
  if (turned < 2 || turned > *size || turned % 2 != 0)
    throw user_error("attribute 'rotary_embedding_dim' must be even and at most {}, found {}", *size, turned);
  // Cosine and sine: (batch, steps, turned / 2), picked by position from a table if positions are given.
  auto angles = [&](size_t i) {
    Ref<Operand> table = c.has(3) ? c.call("gather", {c.input(i), c.input(3)}, {{"axis", int64_t{0}}}) : c.input(i);
    return c.unsqueeze(table, {1});
  };
  Ref<Operand> cosine = angles(1), sine = angles(2), kept = x, active = x;
  if (turned != *size) {
    auto parts = c.call_all("split", {x}, {{"axis", int64_t{3}}, {"sizes", List<Ref<Expr>>{imm(turned), imm(*size - turned)}}});
    active = parts[0];
    kept = parts[1];
  }
  bool interleaved = c.attribute_bool("interleaved", false);
  Ref<Expr> half = imm(turned / 2);
  std::vector<Ref<Expr>> pairs{shape[0], shape[1], shape[2], interleaved ? half : imm(2), interleaved ? imm(2) : half};
  int64_t axis = interleaved ? 4 : 3;
  auto two = c.call_all("split", {c.reshape(active, pairs)}, {{"axis", axis}, {"sizes", List<Ref<Expr>>{imm(1), imm(1)}}});
  Ref<Operand> first = c.squeeze(two[0], {axis}), second = c.squeeze(two[1], {axis});
  auto product = [&](const Ref<Operand>& a, const Ref<Operand>& b) { return c.call("mul", {a, b}); };
  Ref<Operand> real = c.call("sub", {product(cosine, first), product(sine, second)});
  Ref<Operand> imaginary = c.call("add", {product(sine, first), product(cosine, second)});
  Ref<Operand> joined = c.call("concat", {c.unsqueeze(real, {axis}), c.unsqueeze(imaginary, {axis})}, {{"axis", axis}});
  Ref<Operand> y = c.reshape(joined, {shape[0], shape[1], shape[2], imm(turned)});
  if (turned != *size) y = c.call("concat", {y, kept}, {{"axis", int64_t{3}}});
  return {flat ? join_heads(c, y) : y};
}

constexpr OperatorRow rows[] = {
    {"Attention", attention},
    {"RotaryEmbedding", rotary_embedding},
};

} // namespace

OperatorTable attention_operators() { return {"", rows}; }

} // namespace tw::onnx
