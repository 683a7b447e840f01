// SPDX-License-Identifier: Apache-2.0
#include "arith/winograd.h"
#include "ops/sizes.h"
#include "ops/window.h"

namespace tw::ops {

namespace {
struct WinogradConvolution {
  int64_t tile = 4;
  List<Ref<Expr>> pads;
  static constexpr auto fields = std::tuple{field("tile", &WinogradConvolution::tile), field("pads", &WinogradConvolution::pads)};
};

constexpr int64_t taps = 3;

Window window_of(const Shape& x, const List<Ref<Expr>>& pads) {
  return make_window(Shape{x[1], x[2]}, Shape{imm(taps), imm(taps)}, pads, {}, {});
}

Types types(TypeContext& c) {
  auto a = c.attrs<WinogradConvolution>();
  if (a.tile != 2 && a.tile != 4 && a.tile != 6) throw user_error("tile must be 2, 4 or 6, found {}", a.tile);
  if (c.rank(0) != 4 || c.rank(1) != 4)
    throw user_error("x must be (N, H, W, C) and the weights (α, α, C, O), found ranks {} and {}", c.rank(0), c.rank(1));
  if (c.element(1) != c.element(0)) throw user_error("weights must have elements of {}", tw::to_string(c.element(0)));
  Shape x = c.shape(0), u = c.shape(1);
  c.same(u[0], imm(a.tile + taps - 1), "the weights' first size and tile + 2");
  c.same(u[1], imm(a.tile + taps - 1), "the weights' second size and tile + 2");
  c.same(x[3], u[2], "channels of x and input channels of the weights");
  if (c.has(2)) c.same(c.shape(2)[0], u[3], "the bias and the output channels");
  Window window = window_of(x, a.pads);
  assume_fits(c, window);
  Shape places = output_sizes(window);
  return {tensor_type({x[0], places[0], places[1], u[3]}, c.element(0))};
}

// An entry of a constant matrix, at places known only in the loops.
E entry(const arith::Matrix& matrix, const E& row, const E& column, DType type) {
  E value = zero(type);
  for (size_t r = 0; r < matrix.size(); ++r)
    for (size_t k = 0; k < matrix[r].size(); ++k)
      if (matrix[r][k] != 0)
        value =
            select(eq(row, imm(static_cast<int64_t>(r))) && eq(column, imm(static_cast<int64_t>(k))), literal(matrix[r][k], type), value);
  return value;
}

void compute(Compute& c) {
  auto a = c.attrs<WinogradConvolution>();
  Tensor x = c.input(0), u = c.input(1), out = c.output(0);
  const auto& matrices = arith::winograd_matrices(a.tile);
  DType type = x.element();
  int64_t m = a.tile;
  E alpha = imm(m + taps - 1);
  // Tiles of m × m outputs; the last ones may stand over the edge.
  E down = simplified(ceildiv(out.size(1), imm(m))), across = simplified(ceildiv(out.size(2), imm(m)));
  Window window = window_of(x.shape(), a.pads);
  Tensor source = padded(c, x, DataLayout{true, 4}, window, Shape{simplified(down * m), simplified(across * m)}, zero(type));
  E tiles = simplified(out.size(0) * down * across);
  c.hint("winograd", m);
  Tensor v = c.reduce("input", {alpha, alpha, tiles, x.size(3)}, type, Combine::add, {alpha, alpha}, [&](Indices i, Indices r) {
    E batch = floordiv(i[2], down * across), row = floormod(floordiv(i[2], across), down), column = floormod(i[2], across);
    return entry(matrices.input, i[0], r[0], type) * entry(matrices.input, i[1], r[1], type) *
           source({batch, row * m + r[0], column * m + r[1], i[3]});
  });
  Tensor products = c.reduce("products", {alpha, alpha, tiles, u.size(3)}, type, Combine::add, {x.size(3)}, [&](Indices i, Indices r) {
    return v({i[0], i[1], i[2], r[0]}) * u({i[0], i[1], r[0], i[3]});
  });
  auto result = [&](Indices i, Indices r) {
    E tile = (i[0] * down + floordiv(i[1], m)) * across + floordiv(i[2], m);
    return entry(matrices.output, floormod(i[1], m), r[0], type) * entry(matrices.output, floormod(i[2], m), r[1], type) *
           products({r[0], r[1], tile, i[3]});
  };
  if (!c.has(2)) return c.reduce_output(0, Combine::add, {alpha, alpha}, result);
  Tensor sum = c.reduce("sum", out.shape(), type, Combine::add, {alpha, alpha}, result);
  c.output(0, [&](Indices i) { return sum(i) + c.input(2)({i[3]}); });
}
} // namespace

extern const OpDef winograd_convolution = define<WinogradConvolution>(
    {.doc = "A convolution with 3 × 3 taps, stride 1, by minimal filtering: tile × tile outputs from (tile + 2)² products. "
            "x: (N, H, W, C); weights already transformed: (tile + 2, tile + 2, C, O). pads: all begins, then all ends",
     .inputs = std::vector<std::string>{"x: float", "weights: float", "bias?: float"},
     .type = TypeRule(types),
     .fusion = Fusion::product,
     .compute = compute,
     .flops =
         [](TypeContext& c) {
           // Those of the direct sum, so that rates of both forms can be compared.
           return element_count(types(c)[0]->shape) * c.shape(1)[2] * (taps * taps * 2);
         },
     // The weights of the identity: one at the middle tap, through G from both sides.
     .examples = {"winograd_convolution([[[[1.0], [2.0], [3.0], [4.0]], [[5.0], [6.0], [7.0], [8.0]], [[9.0], [10.0], [11.0], [12.0]], "
                  "[[13.0], [14.0], [15.0], [16.0]]]], [[[[0.0]], [[0.0]], [[0.0]], [[0.0]]], [[[0.0]], [[0.25]], [[-0.25]], [[0.0]]], "
                  "[[[0.0]], [[-0.25]], [[0.25]], [[0.0]]], [[[0.0]], [[0.0]], [[0.0]], [[0.0]]]], tile=2) == [[[[6.0], [7.0]], [[10.0], "
                  "[11.0]]]]"}});

} // namespace tw::ops
