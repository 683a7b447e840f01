// SPDX-License-Identifier: Apache-2.0
// Operands that a kernel computes with but nobody could pack at compile time: a product of two inputs. If the second lies beyond the
// second-level cache and is read by many rows, it is copied once into the order in which the tiles read it; its lines would otherwise
// compete for few cache sets and pages. Where the nest is nothing but rows and panels, groups of panels become its outermost loop: the
// thread that uses them copies them, and they stay in its second-level cache while all rows pass by. Other nests read a copy of the whole.
//
//   for i, p in parallel(8 * 20):                 for group in parallel(10):
//       with register_tile(): … B[k, p*16 + j]        packed = allocate((2 * K * 16,), f32)
//                                                     for k in range(K): … packed[p*K*16 + k*16 + j] = B[k, (group*2 + p)*16 + j]
//                                                     for i in range(8):
//                                                         for p in range(2):
//                                                             with register_tile(): … packed[p*K*16 + k*16 + j]
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

#include <algorithm>

namespace tw::passes {
namespace {

constexpr int64_t enough_rows = 64; // the copy costs about as much as four rows of the product

Ref<Stmt> loop(const Ref<Var>& v, int64_t extent, ForKind how, const Ref<Stmt>& inside) {
  return make(For{.begin = imm(0), .extent = imm(extent), .var = v, .body = inside, .how = how});
}

// Some panels of equal width, from column `from` of the operand on, which begin at column `to` of the copy.
struct Part {
  Ref<Expr> from;
  int64_t to = 0, count = 1, width = 0;
};

// Threads share panels, or the rows of a single one, unless one of them copies it all.
Ref<Stmt> copy_nest(const Panels& panels, const Ref<Buffer>& operand, const Ref<Buffer>& copy, const Part& part, bool shared) {
  bool single = part.count == 1;
  Ref<Var> panel = var("panel", i64), row = var("row", i64), column = var("column", i64);
  arith::Analyzer analyzer;
  analyzer.bind(panel, imm(0), imm(part.count));
  analyzer.bind(row, imm(0), imm(panels.rows()));
  analyzer.bind(column, imm(0), imm(part.width));
  Ref<Expr> start = analyzer.simplify(Ref<Expr>(panel) * part.width), rest = row;
  std::vector<Ref<Expr>> index(panels.shape.size(), part.from + start + column);
  for (size_t d = panels.shape.size(); d-- > 0;) {
    if (d == panels.dimension) continue;
    index[d] = analyzer.simplify(floormod(rest, imm(panels.shape[d])));
    rest = floordiv(rest, imm(panels.shape[d]));
  }
  index[panels.dimension] = analyzer.simplify(index[panels.dimension]);
  Ref<Expr> place = analyzer.simplify(PanelReads::place(panels, row, analyzer.simplify(start + part.to), part.width, column));
  Ref<Stmt> body = store(copy, {place}, load(operand, index));
  auto how = [&](bool outermost) { return shared && outermost ? ForKind::parallel : ForKind::serial; };
  body = loop(row, panels.rows(), how(single), loop(column, part.width, ForKind::vectorised, body));
  return single ? body : loop(panel, part.count, how(true), body);
}

// A nest over rows and panels that reads a copy of the whole operand becomes one over groups of panels, each copied by itself.
class Grouping {
public:
  Grouping(const Target& target, const Panels& panels, Ref<Buffer> operand, Ref<Buffer> copy)
      : panels_(panels), operand_(std::move(operand)), copy_(std::move(copy)), count_(panels.whole() / panels.width) {
    // As many as half of the second-level cache holds, but groups enough for threads to share.
    constexpr int64_t least_groups = 8;
    for (int64_t size = 1; size * bytes() <= target.l2_bytes / 2 && count_ / size >= least_groups; ++size)
      if (count_ % size == 0) size_ = size;
  }

  // Empty if the nest has another form, or there are too few panels.
  Opt<Stmt> turned(const Ref<Stmt>& nest) {
    if (size_ == 0 || panels_.columns() != panels_.whole()) return {};
    own_ = make(Buffer{.id = copy_->id, .shape = {imm(size_ * elements())}, .element = copy_->element});
    std::vector<const For*> around; // down to the loop that chooses panels
    Ref<Stmt> inside = nest;
    do {
      const auto* f = as<For>(inside);
      if (!f || !as_int(f->extent) || !is_int(f->begin, 0)) return {};
      around.push_back(f);
      analyzer_.bind(f->var, f->begin, f->extent);
      inside = f->body;
    } while (!chooses_panels(inside, around.back()->var));
    int64_t extent = *as_int(around.back()->extent), blocks = extent / count_;
    if (around[0]->how != ForKind::parallel || extent % count_) return {};
    // That loop may run over blocks of rows as well.
    analyzer_.bind(group_, imm(0), imm(count_ / size_));
    analyzer_.bind(panel_, imm(0), imm(size_));
    analyzer_.bind(block_, imm(0), imm(blocks));
    last_ = around.back()->var.node();
    Ref<Expr> panel = Ref<Expr>(group_) * size_ + panel_;
    place_ = {{last_, analyzer_.simplify(blocks > 1 ? Ref<Expr>(block_) * count_ + panel : panel)}};
    Opt<Stmt> tiles = down_to_tiles(inside);
    if (!tiles) return {};
    Ref<Stmt> body = as_ref<Stmt>(tiles);
    if (blocks > 1) body = loop(block_, blocks, ForKind::serial, body);
    for (size_t i = around.size() - 1; i-- > 0;) body = loop(around[i]->var, *as_int(around[i]->extent), ForKind::serial, body);
    Part part = {.from = Ref<Expr>(group_) * (size_ * panels_.width), .count = size_, .width = panels_.width};
    body = seq({copy_nest(panels_, operand_, own_, part, false), renew(body)});
    return loop(group_, count_ / size_, ForKind::parallel, make(Allocate{.buffer = own_, .body = body}));
  }

private:
  int64_t elements() const { return panels_.rows() * panels_.width; }
  int64_t bytes() const { return elements() * operand_->element.bytes(); }

  bool chooses_panels(const Ref<Stmt>& body, const Ref<Var>& v) const {
    bool found = false;
    visit(body.node(), [&](const Load& load) { found = found || (load.buffer.same_as(copy_) && uses(load.index[0].node(), v.node())); });
    return found;
  }

  // The loop over a group's panels goes right around the tiles; empty if there is anything but tiles and loops over their rows.
  Opt<Stmt> down_to_tiles(const Ref<Stmt>& s) {
    if (const auto* tile = as<RegisterTile>(s)) return panels_around(*tile);
    if (const auto* f = as<For>(s)) {
      if (!as_int(f->extent) || chooses_panels(f->body, f->var)) return {};
      analyzer_.bind(f->var, f->begin, f->extent);
      Opt<Stmt> body = down_to_tiles(f->body);
      return body ? Opt<Stmt>(with(ref_to(*f), &For::body, as_ref<Stmt>(body))) : body;
    }
    if (const auto* choice = as<If>(s)) { // between heights of tiles
      if (uses(choice->cond.node(), last_)) return {};
      Opt<Stmt> then = down_to_tiles(choice->then), otherwise = choice->otherwise;
      if (otherwise) otherwise = down_to_tiles(as_ref<Stmt>(otherwise));
      if (!then || !otherwise != !choice->otherwise) return {};
      return make(If{.cond = choice->cond, .then = as_ref<Stmt>(then), .otherwise = otherwise});
    }
    const auto* all = as<Seq>(s);
    if (!all) return {};
    std::vector<Ref<Stmt>> parts;
    for (const auto& part : all->body) {
      Opt<Stmt> turned = down_to_tiles(part);
      if (!turned) return {};
      parts.push_back(as_ref<Stmt>(turned));
    }
    return seq(std::move(parts));
  }

  Opt<Stmt> panels_around(const RegisterTile& tile) {
    bool inside_group = true;
    Ref<Stmt> moved = rewrite(substitute(ref_to<Stmt>(tile), place_), [&](const Load& load, Rewrite again) -> Opt<Expr> {
      if (!load.buffer.same_as(copy_)) return again(ref_to<Expr>(load));
      Ref<Expr> index = analyzer_.simplify(load.index[0] - Ref<Expr>(group_) * (size_ * elements()));
      inside_group = inside_group && !uses(index.node(), group_.node()) && !uses(index.node(), block_.node());
      return make(Load{.buffer = own_, .index = {index}});
    });
    if (!inside_group) return {};
    return renew(loop(panel_, size_, ForKind::serial, moved)); // each tile has a loop of its own
  }

  const Panels& panels_;
  Ref<Buffer> operand_, copy_;
  int64_t count_ = 0, size_ = 0; // of all panels, and of those in a group
  Ref<Var> group_ = var("group", i64), block_ = var("block", i64), panel_ = var("panel", i64);
  Ref<Buffer> own_ = copy_; // of a group, once its size is known
  arith::Analyzer analyzer_;
  const Node* last_ = nullptr; // the variable that chose panels
  Substitution place_;
};

// The body, which reads the copy, and before that what makes it.
Ref<Stmt> with_copy(const Ref<Stmt>& body, const Target& target, const Panels& panels, const Ref<Buffer>& operand,
                    const Ref<Buffer>& copy) {
  std::vector<Ref<Stmt>> nests = as<Seq>(body) ? as<Seq>(body)->body.vector() : std::vector<Ref<Stmt>>{body};
  auto reads = [&](const Ref<Stmt>& nest) {
    bool found = false;
    visit(nest.node(), [&](const Load& load) { found = found || load.buffer.same_as(copy); });
    return found;
  };
  auto reader = std::find_if(nests.begin(), nests.end(), reads);
  if (std::count_if(nests.begin(), nests.end(), reads) == 1)
    if (Opt<Stmt> turned = Grouping(target, panels, operand, copy).turned(*reader)) {
      *reader = as_ref<Stmt>(turned);
      return seq(std::move(nests));
    }
  std::vector<Ref<Stmt>> parts;
  if (int64_t count = panels.whole() / panels.width)
    parts.push_back(copy_nest(panels, operand, copy, {.from = imm(0), .count = count, .width = panels.width}, true));
  if (int64_t rest = panels.columns() - panels.whole())
    parts.push_back(copy_nest(panels, operand, copy, {.from = imm(panels.whole()), .to = panels.whole(), .width = rest}, true));
  parts.push_back(body);
  return make(Allocate{.buffer = copy, .body = seq(std::move(parts))});
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
    Ref<Buffer> packed = make(Buffer{
        .id = param->buffer->id.str() + "_packed", .shape = {imm(panels->columns() * panels->rows())}, .element = param->buffer->element});
    Ref<Stmt> body = rewrite(out->body, [&](const Load& load) { return reads.packed(load, *panels, packed); });
    context.remark(kernel->id.str(), fmt::format("'{}' is copied into panels in each run", param->buffer->id.str()));
    out = with(out, &Kernel::body, with_copy(body, context.target, *panels, param->buffer, packed));
  }
  return out;
}

extern const Pass pack_operands_pass;
const Pass pack_operands_pass = {
    .name = "pack_operands", .doc = "copies large operands into the order in which register tiles read them", .kernel = pack_operands};

} // namespace tw::passes
