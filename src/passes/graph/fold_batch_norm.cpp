// SPDX-License-Identifier: Apache-2.0
// Scales and shifts of channels by constants go into the convolution or product before them: a batch norm, or mul, add, sub, div by one
// number for each channel. The scaled weights round once where the model rounded twice, so results move within rounding; with `exact` only
// shifts move. A batch norm that follows nothing of the kind becomes a product and a sum.
#include "ops/element.h"
#include "passes/operands.h"

#include <cmath>

namespace tw::passes {
namespace {

// y[…, c, …] = x[…, c, …] * scale[c] + shift[c]
struct Affine {
  std::vector<double> scale, shift;
  bool scales() const {
    for (double s : scale)
      if (s != 1) return true;
    return false;
  }
};

std::optional<std::vector<double>> numbers_of(const Opt<Operand>& operand) {
  const auto* constant = constant_of(operand);
  return constant ? std::optional(interpreter::Array::of(*constant).numbers()) : std::nullopt;
}

std::optional<Affine> affine_of_batch_norm(const OpCall& call) {
  auto scale = numbers_of(call.args[1]), bias = numbers_of(call.args[2]), mean = numbers_of(call.args[3]),
       variance = numbers_of(call.args[4]);
  if (!scale || !bias || !mean || !variance) return {};
  double epsilon = attribute<double>(call, "epsilon");
  Affine out;
  for (size_t c = 0; c < scale->size(); ++c) {
    double factor = (*scale)[c] / std::sqrt((*variance)[c] + epsilon);
    if (!std::isfinite(factor)) return {};
    out.scale.push_back(factor);
    out.shift.push_back((*bias)[c] - (*mean)[c] * factor);
  }
  return out;
}

// A constant that has one number for each of `channels` along `axis` of a tensor of that rank, or one number for all.
std::optional<std::vector<double>> channel_numbers(const Opt<Operand>& operand, size_t axis, size_t rank, size_t channels) {
  const auto* constant = constant_of(operand);
  if (!constant || constant->type->shape.size() > rank) return {};
  size_t offset = rank - constant->type->shape.size();
  for (size_t d = 0; d < constant->type->shape.size(); ++d)
    if (offset + d != axis && !is_int(constant->type->shape[d], 1)) return {};
  std::vector<double> values = interpreter::Array::of(*constant).numbers();
  if (values.size() == 1) values.assign(channels, values[0]);
  return values.size() == channels ? std::optional(values) : std::nullopt;
}

// mul, add, sub, div of x and a constant for each channel; `*x` is the argument that is scaled.
std::optional<Affine> affine_of_arithmetic(const OpCall& call, size_t axis, size_t rank, size_t channels, size_t* x) {
  for (*x = 0; *x < 2; ++*x) {
    auto other = channel_numbers(call.args[1 - *x], axis, rank, channels);
    if (!other) continue;
    Affine out{std::vector<double>(channels, 1), std::vector<double>(channels, 0)};
    if (call.op == "mul") out.scale = *other;
    else if (call.op == "add") out.shift = *other;
    else if (call.op == "sub" && *x == 0)
      for (size_t c = 0; c < channels; ++c) out.shift[c] = -(*other)[c];
    else if (call.op == "sub") out = {std::vector<double>(channels, -1), *other};
    else if (call.op == "div" && *x == 0)
      for (size_t c = 0; c < channels; ++c) out.scale[c] = 1 / (*other)[c];
    else return {};
    for (double s : out.scale)
      if (!std::isfinite(s)) return {};
    return out;
  }
  return {};
}

// A convolution or product by constant weights, whose outputs can be scaled.
struct Producer {
  const OpCall* call = nullptr;
  const Constant* weights = nullptr;
  size_t channel_axis = 0; // of the result
  size_t weight_axis = 0;  // of the weights, along which output channels lie
  size_t groups = 1;       // output channels are (group, weight_axis), the groups along `group_axis` of the weights
  size_t group_axis = 0;
  size_t channels = 0;
};

std::optional<Producer> producer_of(const GraphRewriter& graph, const Opt<Operand>& x) {
  Producer out;
  out.call = graph.single_use(x) ? graph.producer(x) : nullptr;
  if (!out.call || !element_of(x).is_float()) return {};
  size_t rank = shape_of_operand(x).size();
  if (out.call->op == "convolution" || out.call->op == "convolution_transpose") {
    bool last = attribute<bool>(*out.call, "channels_last"), transposed = out.call->op == "convolution_transpose";
    if (has_argument(*out.call, 2) && !constant_of(out.call->args[2])) return {};
    out.channel_axis = last ? rank - 1 : 1;
    // (O, I, k…) and (k…, I, O); transposed convolutions hold (I, O / groups, k…) and (k…, I, O / groups).
    out.weight_axis = last ? rank - 1 : transposed ? 1 : 0;
    out.group_axis = last ? rank - 2 : 0;
    if (transposed) out.groups = static_cast<size_t>(attribute<int64_t>(*out.call, "groups"));
  } else if (out.call->op == "matmul" && !attribute<bool>(*out.call, "transpose_b") && rank >= 1 &&
             shape_of_operand(out.call->args[1]).size() == 2) {
    out.channel_axis = rank - 1;
    out.weight_axis = 1;
  } else {
    return {};
  }
  out.weights = constant_of(out.call->args[1]);
  if (!out.weights) return {};
  out.channels = static_cast<size_t>(as_int(out.weights->type->shape[out.weight_axis]).value_or(0)) * out.groups;
  return out;
}

Ref<Constant> scaled_weights(const Producer& producer, const std::vector<double>& scale) {
  if (producer.groups == 1) return scaled_along(*producer.weights, producer.weight_axis, scale);
  // Input channel i belongs to group i / (I / groups); its part of the weights is scaled by that group's channels.
  auto sizes = static_shape(producer.weights->type->shape);
  std::vector<int64_t> strides = dense_strides(*sizes);
  DType type = producer.weights->type->element;
  auto width = static_cast<size_t>(type.bytes());
  auto source = producer.weights->data.bytes();
  std::vector<std::byte> bytes(source.size());
  int64_t inputs = (*sizes)[producer.group_axis], per_group = (*sizes)[producer.weight_axis];
  for (size_t i = 0; i < source.size() / width; ++i) {
    auto at = static_cast<int64_t>(i);
    int64_t input = at / strides[producer.group_axis] % inputs, output = at / strides[producer.weight_axis] % per_group;
    int64_t group = input / (inputs / static_cast<int64_t>(producer.groups));
    ops::write_element(bytes.data() + i * width, type,
                       ops::read_element(source.data() + i * width, type) * scale[static_cast<size_t>(group * per_group + output)]);
  }
  Constant copy(*producer.weights);
  copy.data = Blob(std::move(bytes));
  return make(std::move(copy));
}

Replacement into_producer(GraphRewriter& graph, const Producer& producer, const Affine& affine) {
  const OpCall& call = *producer.call;
  DType type = producer.weights->type->element;
  std::vector<Opt<Operand>> args = call.args.vector();
  if (affine.scales()) args[1] = scaled_weights(producer, affine.scale);
  bool convolution = call.op != "matmul";
  std::vector<double> bias = affine.shift;
  if (convolution && has_argument(call, 2)) {
    auto before = *numbers_of(call.args[2]);
    for (size_t c = 0; c < bias.size(); ++c) bias[c] += before[c] * affine.scale[c];
  }
  bool shifts = false;
  for (double b : bias) shifts |= b != 0;
  if (!convolution) {
    // A product has no bias of its own: the sum after it joins its kernel.
    Ref<Operand> product = graph.call(call.op, std::move(args), call.attrs.vector());
    return Operands{shifts ? Ref<Operand>(graph.call("add", {product, vector_constant(bias, type)})) : product};
  }
  args.resize(2);
  if (shifts) args.push_back(vector_constant(bias, type));
  return Operands{graph.call(call.op, std::move(args), call.attrs.vector())};
}

// Without a producer: x * scale + shift with constants shaped to broadcast along the axis.
Replacement as_multiply_add(GraphRewriter& graph, const OpCall& call, const Affine& affine, size_t axis) {
  size_t rank = shape_of_operand(call.args[0]).size();
  DType type = element_of(call.args[0]);
  std::vector<Ref<Expr>> shape(rank - axis, imm(1));
  shape[0] = imm(static_cast<int64_t>(affine.scale.size()));
  auto shaped = [&](const std::vector<double>& values) { return reshaped(*vector_constant(values, type).get(), Shape(shape)); };
  Ref<Value> product = graph.call("mul", {call.args[0], shaped(affine.scale)});
  return Operands{graph.call("add", {product, shaped(affine.shift)})};
}

Replacement fold(GraphRewriter& graph, const OpCall& call, bool exact) {
  if (call.op == "batch_norm") {
    auto affine = exact ? std::nullopt : affine_of_batch_norm(call);
    if (!affine) return {};
    auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), shape_of_operand(call.args[0]).size()));
    auto producer = producer_of(graph, call.args[0]);
    if (producer && producer->channel_axis == axis && producer->channels == affine->scale.size())
      return into_producer(graph, *producer, *affine);
    return as_multiply_add(graph, call, *affine, axis);
  }
  if (call.op != "mul" && call.op != "add" && call.op != "sub" && call.op != "div") return {};
  Shape shape = shape_of_operand(graph.binding().values[0]);
  for (size_t side = 0; side < 2; ++side) {
    if (!constant_of(call.args[1 - side])) continue;
    auto producer = producer_of(graph, call.args[side]);
    if (!producer || !has_shape(call.args[side], shape)) continue;
    size_t x = 0;
    auto affine = affine_of_arithmetic(call, producer->channel_axis, shape.size(), producer->channels, &x);
    if (!affine || x != side || (exact && affine->scales())) continue;
    // A product keeps its sum: only scales go into its weights.
    if (producer->call->op == "matmul" && !affine->scales()) continue;
    if (exact && has_argument(*producer->call, 2)) continue;
    return into_producer(graph, *producer, *affine);
  }
  return {};
}

// (product + bias) scaled: the sum between them moves behind the scale, which then meets the product.
Replacement scale_before_sum(GraphRewriter& graph, const OpCall& call, bool exact) {
  if (exact || call.op != "batch_norm") return {};
  const OpCall* sum = graph.single_use(call.args[0]) ? graph.producer(call.args[0], "add") : nullptr;
  auto affine = sum ? affine_of_batch_norm(call) : std::nullopt;
  if (!affine) return {};
  size_t rank = shape_of_operand(call.args[0]).size();
  auto axis = static_cast<size_t>(normal_axis(attribute<int64_t>(call, "axis"), rank));
  for (size_t side = 0; side < 2; ++side) {
    auto producer = producer_of(graph, sum->args[side]);
    auto bias = channel_numbers(sum->args[1 - side], axis, rank, affine->scale.size());
    if (!producer || !bias || producer->channel_axis != axis || producer->channels != affine->scale.size()) continue;
    for (size_t c = 0; c < bias->size(); ++c) affine->shift[c] += (*bias)[c] * affine->scale[c];
    return into_producer(graph, *producer, *affine);
  }
  return {};
}

Ref<Module> fold_batch_norm(const Ref<Module>& module, PassContext& context) {
  bool exact = context.options.exact;
  return rewrite_calls(
      module,
      [&](GraphRewriter& graph, const OpCall& call) -> Replacement {
        if (Replacement merged = scale_before_sum(graph, call, exact)) return merged;
        return fold(graph, call, exact);
      },
      8);
}

} // namespace

extern const Pass fold_batch_norm_pass = {
    .name = "fold_batch_norm",
    .doc = "puts constant scales and shifts of channels into the convolution or product before them",
    .graph = fold_batch_norm,
};

} // namespace tw::passes
