// SPDX-License-Identifier: Apache-2.0
// Operands that a kernel computes with but nobody could pack at compile time: a product of two inputs. If the second lies beyond the
// second-level cache and is read by many rows, it is copied once into the order in which the tiles read it; its lines would otherwise
// compete for few cache sets and pages.
//
//   for p in parallel(21):                        packed = allocate((K * N,), f32)
//       with register_tile(): … B[k, p*48 + j]    for p in parallel(21):
//                                                     for k in range(K):
//                                                         for j in vectorised(48): packed[(p*K + k)*48 + j] = B[k, p*48 + j]
//                                                 for p in parallel(21):
//                                                     with register_tile(): … packed[(p*K + k)*48 + j]
#include "ir/visit.h"
#include "passes/panels.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

constexpr int64_t enough_rows = 64; // the copy costs about as much as four rows of the product

// `count` panels of `width` columns, the first at column `begin`; threads share panels, or the rows of a single one.
Ref<Stmt> copy_nest(const Panels& panels, const Ref<Buffer>& from, const Ref<Buffer>& to, int64_t begin, int64_t count, int64_t width) {
  bool single = count == 1;
  Ref<Var> panel = var("panel", i64), row = var("row", i64), column = var("column", i64);
  arith::Analyzer analyzer;
  analyzer.bind(panel, imm(0), imm(count));
  analyzer.bind(row, imm(0), imm(panels.rows()));
  analyzer.bind(column, imm(0), imm(width));
  Ref<Expr> start = analyzer.simplify(Ref<Expr>(panel) * width + begin), rest = row;
  std::vector<Ref<Expr>> index(panels.shape.size(), start + Ref<Expr>(column));
  for (size_t d = panels.shape.size(); d-- > 0;) {
    if (d == panels.dimension) continue;
    index[d] = analyzer.simplify(floormod(rest, imm(panels.shape[d])));
    rest = floordiv(rest, imm(panels.shape[d]));
  }
  index[panels.dimension] = analyzer.simplify(index[panels.dimension]);
  Ref<Stmt> copy = store(to, {analyzer.simplify(PanelReads::place(panels, row, start, width, column))}, load(from, index));
  auto loop = [](const Ref<Var>& v, int64_t extent, ForKind how, const Ref<Stmt>& inside) {
    return Ref<Stmt>(make(For{.begin = imm(0), .extent = imm(extent), .var = v, .body = inside, .how = how}));
  };
  copy = loop(row, panels.rows(), single ? ForKind::parallel : ForKind::serial, loop(column, width, ForKind::vectorised, copy));
  return single ? copy : loop(panel, count, ForKind::parallel, copy);
}

} // namespace

Ref<Kernel> pack_operands(const Ref<Kernel>& kernel, PassContext& context) {
  Ref<Kernel> out = kernel;
  for (const auto& param : kernel->params) {
    auto size = as_int(element_count(param->buffer->shape));
    if (param->access != Access::in || !size || *size * param->buffer->element.bytes() <= context.target.l2_bytes / 2) continue;
    PanelReads reads(*out, *param->buffer);
    auto panels = reads.panels();
    if (!panels || reads.times() < enough_rows) continue;
    int64_t elements = panels->columns() * panels->rows();
    Ref<Buffer> packed =
        make(Buffer{.id = param->buffer->id.str() + "_packed", .shape = {imm(elements)}, .element = param->buffer->element});
    std::vector<Ref<Stmt>> parts;
    if (int64_t count = panels->whole() / panels->width)
      parts.push_back(copy_nest(*panels, param->buffer, packed, 0, count, panels->width));
    if (int64_t rest = panels->columns() - panels->whole())
      parts.push_back(copy_nest(*panels, param->buffer, packed, panels->whole(), 1, rest));
    parts.push_back(rewrite(out->body, [&](const Load& load) { return reads.packed(load, *panels, packed); }));
    context.remark(kernel->id.str(), fmt::format("'{}' is copied into panels in each run", param->buffer->id.str()));
    out = with(out, &Kernel::body, Ref<Stmt>(make(Allocate{.buffer = packed, .body = seq(std::move(parts))})));
  }
  return out;
}

extern const Pass pack_operands_pass;
const Pass pack_operands_pass = {
    .name = "pack_operands", .doc = "copies large operands into the order in which register tiles read them", .kernel = pack_operands};

} // namespace tw::passes
