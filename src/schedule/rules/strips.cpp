// SPDX-License-Identifier: Apache-2.0
// A depthwise convolution with 1 × 1 convolutions before it, behind it, or both, in one kernel (inverted bottlenecks). The whole maps
// between them would leave the cache and come back, so this rule sends strips of rows through all of them:
//
//   for each strip of rows of the depthwise result, shared between threads:
//     for each panel of channels:
//       expanded: the rows that the windows read, with their borders      1 × 1, register tiles; halo rows are computed by both strips
//       filtered: the strip's rows                                         depthwise, register tiles
//     the result's rows                                                    1 × 1, register tiles over all channels
//
// Expanded values of one panel, and filtered ones of all channels, stay in the second-level cache of one core. How many rows a strip has
// is a formula (target/strips.h), by which such kernels came about in the first place. Without an expansion the depthwise convolution
// reads the kernel's input, without a projection it writes the kernel's result.
#include "target/strips.h"
#include "ir/visit.h"
#include "schedule/nests.h"
#include "schedule/rules/rules.h"
#include "schedule/rules/written.h"
#include "target/register_tile.h"

namespace tw::schedule {
namespace {

using Values = std::vector<Ref<Expr>>;

// A convolution and the maps behind it.
struct Step {
  Ref<Block> sum;
  std::vector<Ref<Block>> maps;

  const Store& update() const { return *as<Store>(sum->body); }
  Ref<Expr> value() const { return as<Binary>(update().value)->b; }
  Ref<Buffer> result() const { return maps.empty() ? update().buffer : as<Store>(maps.back()->body)->buffer; }
  std::vector<int64_t> taps() const { // rows, columns, channels
    std::vector<int64_t> out;
    for (const auto& iter : sum->iters)
      if (iter->how == IterKind::reduce) out.push_back(as_int(iter->extent).value_or(0));
    return out;
  }
  // Does every operand step with the channel of the result?
  bool is_depthwise() const {
    bool all = true;
    const Ref<Var>& channel = sum->iters[3]->var;
    visit(value(), [&](const Load& load) { all = all && uses(load.index.back().node(), channel.node()); });
    return all;
  }
};

Substitution places(const Block& block, const Values& place) {
  Substitution out;
  for (size_t d = 0; d < place.size(); ++d) out.emplace(block.iters[d]->var.node(), place[d]);
  return out;
}
int64_t number(const Ref<Expr>& e, const Substitution& at) { return as_int(arith::Analyzer().simplify(substitute(e, at))).value_or(-1); }

// Writes at its own iterations, in order.
bool writes_in_order(const Block& block) {
  const auto* write = as<Store>(block.body);
  if (!write || write->mask || block.where || write->index.size() != 4 || block.iters.size() < 4) return false;
  for (size_t d = 0; d < 4; ++d)
    if (!write->index[d].same_as(block.iters[d]->var)) return false;
  return true;
}

class StripsRule {
public:
  explicit StripsRule(Schedule& s) : s_(s) {}

  bool run() {
    inline_leaves();
    if (!read() || !find_form() || !choose()) return false;
    s_.set_body(strips());
    return true;
  }

private:
  // ---- what the kernel says
  // Maps of parameters alone (the other operand of a sum) are computed where they are read.
  void inline_leaves() {
    for (const auto& block : s_.blocks()) {
      const auto* write = as<Store>(block->body);
      if (is_reduction(*block) || !write || s_.is_parameter(*write->buffer)) continue;
      auto inputs = loaded_buffers(block.node());
      if (std::all_of(inputs.begin(), inputs.end(), [&](const Ref<Buffer>& b) { return s_.is_parameter(*b); })) inline_block(s_, block->id);
    }
  }

  bool read() {
    for (const auto& block : s_.blocks()) {
      if (!writes_in_order(*block)) return false;
      if (is_reduction(*block)) {
        const auto* sum = as<Binary>(as<Store>(block->body)->value);
        const auto* start = as<Store>(block->init);
        if (!sum || sum->op != BinaryOp::add || !as<Load>(sum->a) || !start || block->iters.size() != 7) return false;
        steps_.push_back({block, {}});
      } else if (steps_.size() == 1 && is_border(*block)) {
        if (border_) return false;
        border_ = block;
      } else if (steps_.empty() || (border_ && steps_.size() == 1) || !is_epilogue(*block)) {
        return false;
      } else {
        steps_.back().maps.push_back(block);
      }
    }
    return steps_.size() == 2 || steps_.size() == 3;
  }
  bool is_border(const Block& block) const {
    const auto* load = as<Load>(as<Store>(block.body)->value);
    return load && load->mask && load->buffer.same_as(steps_.back().result());
  }
  // Reads what its step has computed at its own place only, and parameters.
  bool is_epilogue(const Block& block) const {
    bool fits = true;
    visit(block.body, [&](const Load& load) {
      if (s_.is_parameter(*load.buffer)) return;
      const Step& step = steps_.back();
      bool own = load.buffer.same_as(step.update().buffer) && !load.mask;
      for (const auto& map : step.maps) own = own || (!load.mask && load.buffer.same_as(as<Store>(map->body)->buffer));
      for (size_t d = 0; d < load.index.size(); ++d)
        own = own && (load.index[d].same_as(block.iters[d]->var) || (is_int(load.index[d], 0) && is_int(load.buffer->shape[d], 1)));
      fits = fits && own;
    });
    return fits;
  }

  // Which step is what, and that each reads the one before it.
  bool find_form() {
    size_t middle = steps_[0].is_depthwise() ? 0 : 1;
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].is_depthwise() != (i == middle)) return false;
      if (i == middle) continue;
      auto taps = steps_[i].taps();
      if (taps[0] != 1 || taps[1] != 1) return false;
      (i < middle ? expand_ : project_) = &steps_[i];
    }
    depthwise_ = &steps_[middle];
    if (border_ && !expand_) return false;
    source_ = border_   ? Opt<Buffer>(as<Store>(border_->body)->buffer)
              : expand_ ? Opt<Buffer>(expand_->result())
                        : first_operand(*depthwise_);
    return reads_only(*depthwise_, expand_ ? source_ : Opt<Buffer>()) && (!project_ || reads_only(*project_, depthwise_->result())) &&
           (!expand_ || reads_only(*expand_, {})) && find_sizes();
  }
  Opt<Buffer> first_operand(const Step& step) const {
    for (const auto& b : loaded_buffers(step.sum.node()))
      if (!b.same_as(step.update().buffer)) return b;
    return {};
  }
  bool reads_only(const Step& step, const Opt<Buffer>& local) const {
    bool fits = true, found = false;
    visit(step.value(), [&](const Load& load) {
      bool is_local = local && load.buffer.same_as(local);
      found = found || is_local;
      fits = fits && (is_local || s_.is_parameter(*load.buffer));
    });
    return fits && (found || !local);
  }

  static std::optional<std::vector<int64_t>> image(const Buffer& b) {
    return static_shape(List<Ref<Expr>>(b.shape.begin() + 1, b.shape.end()));
  }
  bool find_sizes() {
    auto result = image(*depthwise_->result()), source = image(*as_ref<Buffer>(source_));
    if (!result || !source) return false;
    height_ = (*result)[0], width_ = (*result)[1], channels_ = (*result)[2];
    source_height_ = data_height_ = (*source)[0], source_width_ = data_width_ = (*source)[1];
    batch_ = depthwise_->result()->shape[0];
    // Windows step and reach along rows.
    const Load* window = nullptr;
    visit(depthwise_->value(), [&](const Load& load) {
      if (load.buffer.same_as(source_)) window = &load;
    });
    if (!window) return false;
    const auto& iters = depthwise_->sum->iters;
    auto taps = depthwise_->taps();
    auto row = [&](int64_t y, int64_t tap) {
      return number(window->index[1], {{iters[1]->var.node(), imm(y)}, {iters[4]->var.node(), imm(tap)}});
    };
    stride_ = row(1, 0), window_ = row(0, taps[0] - 1) + 1;
    if (row(0, 0) != 0 || stride_ < 1) return false;
    if (!expand_) return true;
    auto data = image(*expand_->result());
    if (!data) return false;
    if (border_) {
      const auto& index = as<Load>(as<Store>(border_->body)->value)->index;
      auto before = [&](size_t d) { return -number(index[d], {{border_->iters[d]->var.node(), imm(0)}}); };
      above_ = before(1), left_ = before(2);
      if (above_ < 0 || left_ < 0) return false;
    }
    whole_height_ = (*data)[0], whole_width_ = (*data)[1];
    data_height_ = std::min(whole_height_, source_height_ - above_); // windows need not reach the last ones
    data_width_ = std::min(whole_width_, source_width_ - left_);
    return true;
  }

  // ---- sizes
  int64_t functions_of_expansion() const {
    int64_t count = 0;
    if (expand_)
      for (const auto& map : expand_->maps) visit(map->body, [&](const Call&) { ++count; });
    return count;
  }
  bool choose() {
    const Target& t = s_.target();
    bytes_ = as_ref<Buffer>(source_)->element.bytes();
    int64_t inputs = expand_ ? expand_->taps()[2] : 0, outputs = project_ ? *as_int(project_->result()->shape[3]) : 0;
    auto taps = depthwise_->taps();
    rows_ = choose_strips(t, {.batch = as_int(batch_).value_or(1),
                              .inputs = inputs,
                              .functions = functions_of_expansion(),
                              .height = expand_ ? whole_height_ : source_height_,
                              .width = expand_ ? whole_width_ : source_width_,
                              .channels = channels_,
                              .window = window_,
                              .stride = stride_,
                              .taps = taps[0] * taps[1],
                              .result_height = height_,
                              .result_width = width_,
                              .outputs = outputs,
                              .element_bytes = bytes_})
                .rows;
    if (!rows_) return false;
    auto pointwise = [&](int64_t from, int64_t to, int64_t length, const Step& step) {
      return choose_tile(
          t, {.columns = to, .row_length = length, .depth = from, .element_bytes = step.value()->dtype.bytes(), .row_step = from * bytes_});
    };
    if (expand_) expand_tile_ = pointwise(inputs, channels_, data_width_, *expand_);
    if (project_) project_tile_ = pointwise(channels_, outputs, width_, *project_);
    depthwise_tile_ = choose_tile(t, {.columns = channels_,
                                      .row_length = width_,
                                      .depth = taps[0] * taps[1],
                                      .element_bytes = depthwise_->value()->dtype.bytes(),
                                      .shared_columns = false});
    return true;
  }

  // ---- values
  // Of a strip: its image, the first of its rows in the result.
  struct Strip {
    Ref<Expr> batch, top;
  };

  // Where values of a step are, in a strip and in all: rows of `local` count from the strip's first, its channels from the panel's.
  struct Where {
    Values whole, local;
  };

  using Keep = std::function<Ref<Stmt>(const Ref<Expr>& value)>;
  // One register tile: that many places of a row, that many channels. What `source` holds is read from `copy`.
  Ref<Stmt> tile(const Step& step, const Where& at, const Ref<Var>& row, int64_t rows, const Ref<Var>& column, int64_t columns,
                 const Opt<Buffer>& source, const Opt<Buffer>& copy, const Keep& keep) const {
    Substitution whole = places(*step.sum, at.whole), local = places(*step.sum, at.local);
    std::vector<Ref<TileAxis>> reduce;
    for (size_t i = 4; i < step.sum->iters.size(); ++i) {
      Ref<Var> k = var(fmt::format("k{}", i - 4));
      reduce.push_back(make(TileAxis{.extent = step.sum->iters[i]->extent, .var = k}));
      whole.emplace(step.sum->iters[i]->var.node(), k);
      local.emplace(step.sum->iters[i]->var.node(), k);
    }
    Ref<Expr> value = rewrite(step.value(), [&](const Load& load) -> Opt<Expr> {
      if (!source || !load.buffer.same_as(source)) return {};
      std::vector<Ref<Expr>> index;
      for (size_t d = 1; d < 4; ++d) index.push_back(substitute(load.index[d], local));
      return tw::load(as_ref<Buffer>(copy), index);
    });
    Ref<Var> acc = var("acc", value->dtype);
    return make(RegisterTile{.rows = {tile_axis(row, rows)},
                             .column = tile_axis(column, columns),
                             .reduce = std::move(reduce),
                             .init = as<Store>(step.sum->init)->value,
                             .value = substitute(value, whole),
                             .acc = acc,
                             .body = keep(epilogue(step, at.whole, acc))});
  }

  static Ref<Expr> epilogue(const Step& step, const Values& place, const Ref<Expr>& acc) {
    std::unordered_map<const Node*, Ref<Expr>> known = {{step.update().buffer.node(), acc}};
    Ref<Expr> last = acc;
    for (const auto& map : step.maps) {
      const auto* write = as<Store>(map->body);
      last = rewrite(substitute(write->value, places(*map, place)), [&](const Load& load) -> Opt<Expr> {
        auto found = known.find(load.buffer.node());
        return found == known.end() ? Opt<Expr>() : Opt<Expr>(found->second);
      });
      known.insert_or_assign(write->buffer.node(), last);
    }
    return last;
  }

  // ---- parts of a strip
  static Ref<Stmt> when(const Ref<Expr>& condition, const Ref<Stmt>& then, const Opt<Stmt>& otherwise = {}) {
    return is_int(condition, 1) ? then : Ref<Stmt>(make(If{.cond = condition, .then = then, .otherwise = otherwise}));
  }

  // The rows that the strip's windows read, for one panel of channels.
  Ref<Stmt> expanded(const Strip& strip, const Ref<Buffer>& to, const Ref<Expr>& first, int64_t width) const {
    return loop_over("y", (rows_ - 1) * stride_ + window_, ForKind::serial, [&](const Ref<Expr>& y) {
      auto zeros = [&](const Ref<Expr>& x) {
        return over_vectors(width, s_.target().lanes(bytes_), [&](const Ref<Expr>& c) { return store(to, {y, x, c}, zero(to->element)); });
      };
      auto zero_columns = [&](int64_t begin, int64_t end) {
        return loop_over("x", end - begin, ForKind::serial, [&](const Ref<Expr>& x) { return zeros(imm(begin) + x); });
      };
      Ref<Expr> line = strip.top * stride_ + y - above_;
      std::vector<Ref<Stmt>> parts;
      if (left_) parts.push_back(zero_columns(0, left_));
      if (left_ + data_width_ < source_width_) parts.push_back(zero_columns(left_ + data_width_, source_width_));
      parts.push_back(over_even_steps("x", data_width_, expand_tile_.rows, [&](const Ref<Expr>& begin, int64_t places) {
        Ref<Var> row = var("i"), column = var("c");
        Where at{{strip.batch, line, begin + row, first + column}, {}};
        at.local = at.whole;
        return tile(*expand_, at, row, places, column, width, {}, {}, [&](const Ref<Expr>& value) {
          return store(to, {y, begin + row + left_, column}, value);
        });
      }));
      Ref<Expr> inside = imm(1, boolean);
      if (above_) inside = inside && (line >= imm(0));
      int64_t most = ((height_ + rows_ - 1) / rows_ * rows_ - 1) * stride_ + window_ - above_; // lines that strips ask for
      if (most > data_height_) inside = inside && (line < imm(data_height_));
      return when(inside, seq(std::move(parts)), zero_columns(0, source_width_));
    });
  }

  // Rows of the strip: the last one may have fewer.
  Ref<Stmt> each_row(const Strip& strip, const At& body) const {
    return loop_over("y", rows_, ForKind::serial,
                     [&](const Ref<Expr>& y) { return when(height_ % rows_ ? strip.top + y < imm(height_) : imm(1, boolean), body(y)); });
  }

  Ref<Stmt> filtered(const Strip& strip, const Opt<Buffer>& from, const Opt<Buffer>& to, const Ref<Expr>& first, int64_t width) const {
    return over_panels(width, depthwise_tile_.columns, ForKind::serial, [&](const Ref<Expr>& inner, int64_t columns) {
      return each_row(strip, [&](const Ref<Expr>& y) {
        return over_even_steps("x", width_, depthwise_tile_.rows, [&](const Ref<Expr>& begin, int64_t places) {
          Ref<Var> row = var("i"), column = var("c");
          Ref<Expr> x = begin + row, c = first + inner + column;
          Where at{{strip.batch, strip.top + y, x, c}, {strip.batch, y, x, inner + column}};
          return tile(*depthwise_, at, row, places, column, columns, from ? source_ : Opt<Buffer>(), from, [&](const Ref<Expr>& value) {
            return to ? store(as_ref<Buffer>(to), {y, x, c}, value) : store(depthwise_->result(), at.whole, value);
          });
        });
      });
    });
  }

  Ref<Stmt> projected(const Strip& strip, const Ref<Buffer>& from) const {
    return over_panels(*as_int(project_->result()->shape[3]), project_tile_.columns, ForKind::serial,
                       [&](const Ref<Expr>& first, int64_t columns) {
                         return each_row(strip, [&](const Ref<Expr>& y) {
                           return over_even_steps("x", width_, project_tile_.rows, [&](const Ref<Expr>& begin, int64_t places) {
                             Ref<Var> row = var("i"), column = var("c");
                             Ref<Expr> x = begin + row, c = first + column;
                             Where at{{strip.batch, strip.top + y, x, c}, {strip.batch, y, x, c}};
                             return tile(*project_, at, row, places, column, columns, depthwise_->result(), from,
                                         [&](const Ref<Expr>& value) { return store(project_->result(), at.whole, value); });
                           });
                         });
                       });
  }

  Ref<Stmt> strips() const {
    auto local = [&](const char* name, std::vector<int64_t> sizes, const Ref<Buffer>& like) {
      return make(Buffer{.id = name, .shape = shape_of(sizes), .element = like->element});
    };
    int64_t of_image = (height_ + rows_ - 1) / rows_, panel = std::min(channels_, expand_tile_.columns);
    return loop_over("strip", batch_ * of_image, ForKind::parallel, [&](const Ref<Expr>& number) {
      Strip strip{floordiv(number, of_image), floormod(number, of_image) * rows_};
      Opt<Buffer> expanded_to, filtered_to;
      if (expand_) expanded_to = local("expanded", {(rows_ - 1) * stride_ + window_, source_width_, panel}, as_ref<Buffer>(source_));
      if (project_) filtered_to = local("filtered", {rows_, width_, channels_}, depthwise_->result());
      std::vector<Ref<Stmt>> parts;
      if (expand_)
        parts.push_back(over_panels(channels_, panel, ForKind::serial, [&](const Ref<Expr>& first, int64_t width) {
          return seq({expanded(strip, as_ref<Buffer>(expanded_to), first, width), filtered(strip, expanded_to, filtered_to, first, width)});
        }));
      else parts.push_back(filtered(strip, {}, filtered_to, imm(0), channels_));
      if (project_) parts.push_back(projected(strip, as_ref<Buffer>(filtered_to)));
      Ref<Stmt> body = seq(std::move(parts));
      if (expand_) body = allocate(as_ref<Buffer>(expanded_to), body);
      return project_ ? allocate(as_ref<Buffer>(filtered_to), body) : body;
    });
  }

  Schedule& s_;
  std::vector<Step> steps_;
  const Step *expand_ = nullptr, *depthwise_ = nullptr, *project_ = nullptr;
  Opt<Block> border_;  // around what the expansion gives
  Opt<Buffer> source_; // what the depthwise convolution reads
  Ref<Expr> batch_ = imm(1);
  int64_t height_ = 0, width_ = 0, channels_ = 0;          // of the depthwise result
  int64_t source_height_ = 0, source_width_ = 0;           // of the source, borders included
  int64_t whole_height_ = 0, whole_width_ = 0;             // of what the expansion gives
  int64_t data_height_ = 0, data_width_ = 0;               // the part of that which windows reach
  int64_t above_ = 0, left_ = 0, stride_ = 1, window_ = 1; // borders; steps and reach of windows along rows
  int64_t rows_ = 0;                                       // of a strip
  int bytes_ = 4;
  TileChoice expand_tile_, depthwise_tile_, project_tile_;
};

} // namespace

bool schedule_strips(Schedule& s) {
  int reductions = 0;
  for (const auto& block : s.blocks()) reductions += is_reduction(*block);
  return reductions > 1 && attempt(s, [](Schedule& copy) { return StripsRule(copy).run(); });
}

} // namespace tw::schedule
