// SPDX-License-Identifier: Apache-2.0
// Constants that register tiles read column by column are stored in the order in which the tiles read them: panel after panel, each
// contiguous, so that the innermost loop streams and no two lines of a panel compete for a cache set. The schedule has chosen the panels;
// this pass reads them off the tiles and rewrites kernel and constants together. A last, narrower panel is as wide as it needs to be:
// packing takes no more bytes than the constant had.
//
//   W: (K, N)  read as W[k, panel * 64 + column]   →   W: (K * N)  read as W[(panel * K + k) * 64 + column]
#include "ir/arrangement.h"
#include "ir/visit.h"
#include "passes/operands.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

constexpr int64_t worth_packing = 16 << 10; // bytes: smaller ones stay in the first-level cache in any order

// How the tiles of a kernel read a parameter.
struct Panels {
  std::vector<int64_t> shape;
  size_t dimension = 0; // the one that the columns walk along
  int64_t width = 0;
  int64_t columns() const { return shape[dimension]; }
  int64_t whole() const { return columns() / width * width; }
  int64_t rows() const { // of a panel
    int64_t count = 1;
    for (size_t d = 0; d < shape.size(); ++d)
      if (d != dimension) count *= shape[d];
    return count;
  }
  bool operator<(const Panels& other) const {
    return std::tie(shape, dimension, width) < std::tie(other.shape, other.dimension, other.width);
  }
};

struct Read {
  Ref<Expr> begin; // of the tile's columns
  int64_t extent = 0;
  Ref<Var> column;
};

// All reads of one parameter; empty unless every one is that of a register tile's columns.
class Reads {
public:
  Reads(const Kernel& kernel, const Buffer& buffer) : buffer_(buffer) {
    visit(
        kernel.body.node(),
        [&](const For& f, Walk walk) {
          auto inside = analyzer_.scope();
          analyzer_.bind(f.var, f.begin, f.extent);
          walk(static_cast<const Node*>(&f));
        },
        [&](const RegisterTile& tile, Walk walk) {
          visit(tile.value.node(), [&](const Load& load) {
            if (!load.buffer.same_as(&buffer_)) return;
            ++inside_;
            add(tile, load);
          });
          walk(static_cast<const Node*>(&tile));
        },
        [&](const Load& load, Walk walk) {
          all_ += load.buffer.same_as(&buffer_);
          walk(static_cast<const Node*>(&load));
        });
  }

  std::optional<Panels> panels() {
    if (!fits_ || reads_.empty() || inside_ != all_) return {};
    Panels out{.dimension = *dimension_};
    for (const auto& size : buffer_.shape) out.shape.push_back(*as_int(size));
    for (const auto& [load, read] : reads_) out.width = std::max(out.width, read.extent);
    bool last = *dimension_ + 1 == out.shape.size();
    if (last && out.width == out.columns()) return {}; // lies like that already
    for (const auto& [load, read] : reads_) {
      bool whole_panel = read.extent == out.width && analyzer_.prove_multiple(read.begin, out.width);
      bool rest = is_int(read.begin, out.whole()) && read.extent == out.columns() - out.whole();
      if (!whole_panel && !rest) return {};
    }
    return out;
  }

  // The load with its index in the packed buffer.
  Opt<Expr> packed(const Load& load, const Panels& panels, const Ref<Buffer>& buffer) {
    auto found = reads_.find(&load);
    if (found == reads_.end()) return {};
    const Read& read = found->second;
    Ref<Expr> row = imm(0);
    for (size_t d = 0; d < panels.shape.size(); ++d)
      if (d != panels.dimension) row = row * panels.shape[d] + load.index[d];
    // A panel begins where those before it end: at its first column times the rows.
    Ref<Expr> index = analyzer_.simplify(read.begin * panels.rows() + row * read.extent + Ref<Expr>(read.column));
    return make(Load{.buffer = buffer, .index = {index}, .mask = load.mask});
  }

private:
  void add(const RegisterTile& tile, const Load& load) {
    auto extent = as_int(tile.column->extent);
    std::optional<size_t> along;
    for (size_t d = 0; d < load.index.size(); ++d)
      if (uses(load.index[d].node(), tile.column->var.node())) fits_ = fits_ && !along, along = d;
    fits_ = fits_ && extent && along && !load.mask && (!dimension_ || *dimension_ == *along);
    if (!fits_) return;
    dimension_ = along;
    auto form = arith::affine(load.index[*along], {tile.column->var}, analyzer_);
    fits_ = form && is_int(form->coefficients[0], 1);
    if (fits_) reads_.emplace(&load, Read{analyzer_.simplify(form->rest), *extent, tile.column->var});
  }

  const Buffer& buffer_;
  arith::Analyzer analyzer_;
  std::map<const Load*, Read> reads_;
  std::optional<size_t> dimension_;
  int inside_ = 0, all_ = 0;
  bool fits_ = true;
};

Ref<Constant> pack(const Constant& constant, const Panels& panels) {
  DType element = constant.type->element;
  return make(Constant{.type = tensor_type({imm(panels.columns() * panels.rows())}, element),
                       .data = paneled(constant.data, element, panels.shape, panels.dimension, panels.width),
                       .id = constant.id});
}

// Which parameters of each kernel are large constants wherever it is called.
std::map<std::string, std::vector<bool>> constant_parameters(const Ref<Module>& module) {
  std::map<std::string, std::vector<bool>> out;
  for (const auto& callable : module->functions)
    visit(callable.node(), [&](const Invoke& call) {
      auto& constant = out.try_emplace(call.callee.str(), call.args.size(), true).first->second;
      for (size_t i = 0; i < call.args.size(); ++i) {
        const Constant* c = constant_of(call.args[i]);
        constant[i] = constant[i] && c && static_cast<int64_t>(c->data.size()) >= worth_packing && c->type->element.bits % 8 == 0;
      }
    });
  return out;
}

using Packed = std::map<size_t, Panels>; // by parameter

Ref<Kernel> pack_kernel(Ref<Kernel> kernel, const std::vector<bool>& constant, Packed& packed) {
  for (size_t i = 0; i < constant.size(); ++i) {
    if (!constant[i]) continue;
    Ref<Param> param = kernel->params[i];
    Reads reads(*kernel.get(), *param->buffer.get());
    auto panels = reads.panels();
    if (!panels) continue;
    Ref<Buffer> buffer =
        make(Buffer{.id = param->buffer->id, .shape = {imm(panels->columns() * panels->rows())}, .element = param->buffer->element});
    Ref<Stmt> body = rewrite(kernel->body, [&](const Load& load) { return reads.packed(load, *panels, buffer); });
    std::vector<Ref<Param>> params = kernel->params.vector();
    params[i] = with(param, &Param::buffer, buffer);
    kernel = with(with(kernel, &Kernel::body, body), &Kernel::params, List<Ref<Param>>(std::move(params)));
    packed.emplace(i, *panels);
  }
  return kernel;
}

} // namespace

Ref<Module> pack_weights(const Ref<Module>& module, PassContext&) {
  std::map<std::string, Packed> packed;
  std::vector<Ref<Callable>> changed;
  auto constant = constant_parameters(module);
  for (const auto& callable : module->functions) {
    const auto* kernel = as<Kernel>(callable);
    auto found = kernel ? constant.find(kernel->id.str()) : constant.end();
    if (found == constant.end()) continue;
    Packed mine;
    Ref<Kernel> after = pack_kernel(as_ref<Kernel>(callable), found->second, mine);
    if (mine.empty()) continue;
    changed.push_back(after);
    packed.emplace(kernel->id.str(), std::move(mine));
  }
  if (changed.empty()) return module;
  std::map<std::pair<const Node*, Panels>, Ref<Constant>> made; // a constant that many calls read is packed once
  for (const auto& callable : module->functions) {
    if (!as<Function>(callable)) continue;
    changed.push_back(rewrite(as_ref<Function>(callable), [&](const Invoke& call) -> Opt<Node> {
      auto found = packed.find(call.callee.str());
      if (found == packed.end()) return {};
      std::vector<Ref<Operand>> args = call.args.vector();
      for (const auto& [i, panels] : found->second) {
        auto key = std::pair(args[i].node(), panels);
        auto known = made.find(key);
        if (known == made.end()) known = made.emplace(key, pack(*constant_of(args[i]), panels)).first;
        args[i] = known->second;
      }
      return with(ref_to(call), &Invoke::args, List<Ref<Operand>>(std::move(args)));
    }));
  }
  return with_callables(module, changed);
}

extern const Pass pack_weights_pass;
const Pass pack_weights_pass = {
    .name = "pack_weights", .doc = "stores constants in the order in which register tiles read them", .graph = pack_weights};

} // namespace tw::passes
