// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/register_tile_emitter.h"

#include "arith/vectorise.h"
#include "codegen/llvm/intrinsic_emitter.h"
#include "ir/build.h"
#include "ir/visit.h"
#include "target/register_tile.h"

#include <map>
#include <unordered_set>

namespace tw::codegen {

int registers_needed(int rows, int vectors) { return rows * vectors + vectors + 1; }

namespace {

// A run of columns that one vector holds. Where they are fewer than its lanes, masks keep what lies beyond out of reach.
struct Chunk {
  int64_t begin;
  int lanes;
  int64_t columns = lanes;
  bool masked() const { return columns < lanes; }
};

// A load of the reduction whose address is affine in the tile's axes.
struct Stream {
  llvm::Value* base = nullptr;         // address at row 0, column 0, reduce 0
  std::vector<llvm::Value*> row_bases; // where a row's displacement is no constant
  std::vector<int64_t> row_offsets;    // elements, where it is
  int64_t column = 0;                  // elements from column to column: none, one, or as many as shuffles take
  bool uses_rows = false;
  std::vector<llvm::Value*> steps; // elements for each reduce axis
  std::vector<std::optional<int64_t>> constant_steps;
  size_t cursor = 0; // which running offset it follows
};

// An epilogue of many instructions waits for itself: each needs the result of the one before. The instructions of a few vectors take turns,
// so that the processor finds independent ones close by.
class Interleaver {
public:
  explicit Interleaver(llvm::IRBuilder<>& b) : b_(b), block_(b.GetInsertBlock()), last_(last()) {}
  ~Interleaver() { next(), flush(); }

  // What has been emitted since the last call is one vector's.
  void next() {
    if (b_.GetInsertBlock() != block_) { // branches stay as they are
      block_ = b_.GetInsertBlock();
      vectors_.clear();
    } else if (last() != last_) {
      std::vector<llvm::Instruction*> emitted;
      for (llvm::Instruction* i = last(); i != last_; i = i->getPrevNode()) emitted.push_back(i);
      vectors_.emplace_back(emitted.rbegin(), emitted.rend());
      if (vectors_.size() == together) flush();
    }
    last_ = last();
  }

private:
  llvm::Instruction* last() const { return block_->empty() ? nullptr : &block_->back(); }

  void flush() {
    size_t left = 0;
    std::unordered_set<const llvm::Value*> waiting;
    for (const auto& v : vectors_) left += v.size();
    if (vectors_.size() > 1 && left >= worth_it * vectors_.size()) {
      for (const auto& v : vectors_) waiting.insert(v.begin(), v.end());
      std::vector<size_t> at(vectors_.size(), 0);
      while (left)
        for (size_t v = 0; v < vectors_.size(); ++v) {
          if (at[v] == vectors_[v].size()) continue;
          llvm::Instruction* i = vectors_[v][at[v]];
          // Vectors may share what one of them has computed.
          if (std::any_of(i->op_begin(), i->op_end(), [&](const llvm::Use& use) { return waiting.contains(use.get()); })) continue;
          i->moveBefore(*block_, block_->end());
          waiting.erase(i);
          ++at[v], --left;
        }
    }
    vectors_.clear();
  }

  static constexpr size_t together = 8, worth_it = 16;
  llvm::IRBuilder<>& b_;
  llvm::BasicBlock* block_;
  llvm::Instruction* last_ = nullptr;
  std::vector<std::vector<llvm::Instruction*>> vectors_;
};

class RegisterTileEmitter {
public:
  RegisterTileEmitter(KernelEmitter& emitter, const RegisterTile& tile) : emitter_(emitter), b_(emitter.builder()), tile_(tile) {}

  // Columns that do not fit into the registers go in parts, each a reduction of its own.
  void emit() {
    plan();
    const int registers = emitter_.target().vector_registers;
    const auto rows = static_cast<int>(rows_.size()), vectors = static_cast<int>(chunks_.size());
    if (rows * vectors < registers) return emit_part();
    int parts = 2;
    while (parts < vectors && registers_needed(rows, (vectors + parts - 1) / parts) > registers) ++parts;
    for (int part = 0; part < parts; ++part) {
      RegisterTileEmitter emitter(emitter_, tile_);
      emitter.plan();
      emitter.chunks_.assign(chunks_.begin() + vectors * part / parts, chunks_.begin() + vectors * (part + 1) / parts);
      emitter.emit_part();
    }
  }

private:
  void emit_part() {
    for (const auto& axis : tile_.reduce) emitter_.analyzer().bind(axis->var, imm(0), axis->extent);
    analyse(tile_.value);
    std::vector<llvm::Value*> accumulators;
    for (size_t r = 0; r < rows_.size(); ++r)
      for (const Chunk& chunk : chunks_) accumulators.push_back(at_point(tile_.init, r, chunk));
    std::vector<llvm::Value*> cursors(cursor_steps_.size(), b_.getInt64(0));
    accumulators = reduce(0, std::move(accumulators), cursors);
    store_all(accumulators);
  }

  void plan() {
    rows_ = {{}};
    for (const auto& axis : tile_.rows) {
      auto extent = as_int(axis->extent);
      if (!extent) throw internal_error("a register tile has a row axis '{}' of no constant extent", axis->var->id.str());
      std::vector<std::vector<int64_t>> next;
      for (const auto& row : rows_)
        for (int64_t i = 0; i < *extent; ++i) {
          next.push_back(row);
          next.back().push_back(i);
        }
      rows_ = std::move(next);
    }
    auto width = as_int(tile_.column->extent);
    if (!width) throw internal_error("a register tile has a column axis of no constant extent");
    type_ = tile_.value->dtype;
    int lanes = emitter_.target().lanes(std::max(type_.bytes(), 1));
    for (int64_t begin = 0; begin < *width;) {
      int64_t left = *width - begin;
      if (left < lanes && has_masks()) {
        while (begin == 0 && lanes / 2 >= left) lanes /= 2;
        return chunks_.push_back({begin, lanes, left});
      }
      while (lanes > left) lanes /= 2;
      chunks_.push_back({begin, lanes});
      begin += lanes;
    }
  }

  // Masks that cost nothing. Then a vector in part is better than a shorter one: accumulators of two widths make the allocator of registers
  // move and spill them inside the loop.
  bool has_masks() const { return emitter_.target().has("avx512vl") && emitter_.target().has("avx512bw") && type_.bytes() >= 4; }

  Ref<Expr> inside(const Chunk& chunk) const { return Ref<Expr>(tile_.column->var) < imm(chunk.begin + chunk.columns); }
  // Reads that step with the columns touch only those of the chunk. `dependent`: variables whose values step with them too.
  template <class T> Ref<T> with_masks(const Ref<T>& part, const Chunk& chunk) {
    std::vector<const Node*> dependent = {tile_.column->var.node()};
    auto steps = [&](const Node* n) { return std::any_of(dependent.begin(), dependent.end(), [&](const Node* v) { return uses(n, v); }); };
    visit(part, [&](const Let& let, Walk walk) {
      if (steps(let.value.node())) dependent.push_back(let.var.node());
      walk(static_cast<const Node*>(&let));
    });
    return rewrite(part, [&](const Load& load) -> Opt<Expr> {
      if (!steps(load.index[0].node())) return {};
      return make(
          Load{.buffer = load.buffer, .index = load.index, .mask = load.mask ? as_ref<Expr>(load.mask) && inside(chunk) : inside(chunk)});
    });
  }

  // Finds the loads that become streams; all others are emitted as ordinary expressions.
  void analyse(const Ref<Expr>& value) {
    std::vector<Ref<Var>> axes;
    for (const auto& a : tile_.rows) axes.push_back(a->var);
    axes.push_back(tile_.column->var);
    for (const auto& a : tile_.reduce) axes.push_back(a->var);
    visit(value.node(), [&](const Load& load) {
      if (load.mask || load.index.size() != 1) return;
      auto form = arith::affine(load.index[0], axes, emitter_.analyzer());
      if (!form) return;
      auto column = as_int(form->coefficients[tile_.rows.size()]);
      if (!column || (*column != 0 && *column != 1 && !is_shuffled(*column))) return;
      streams_.emplace(&load, stream(load, *form, *column));
    });
  }

  Stream stream(const Load& load, const arith::Affine& form, int64_t column) {
    Stream s;
    s.column = column;
    auto* element = emitter_.storage_type(load.dtype);
    s.base = b_.CreateGEP(element, emitter_.pointer_of(*load.buffer), emitter_.expression(form.rest));
    for (const auto& row : rows_) {
      Ref<Expr> offset = imm(0);
      for (size_t i = 0; i < row.size(); ++i) offset = offset + form.coefficients[i] * row[i];
      offset = arith::simplify(offset);
      s.uses_rows = s.uses_rows || !is_int(offset, 0);
      if (auto constant = as_int(offset); constant && s.row_bases.empty()) {
        s.row_offsets.push_back(*constant);
      } else {
        if (s.row_bases.empty())
          for (int64_t known : s.row_offsets) s.row_bases.push_back(b_.CreateConstGEP1_64(element, s.base, static_cast<uint64_t>(known)));
        s.row_bases.push_back(b_.CreateGEP(element, s.base, emitter_.expression(offset)));
      }
    }
    std::vector<Ref<Expr>> steps;
    for (size_t i = 0; i < tile_.reduce.size(); ++i) {
      steps.push_back(form.coefficients[tile_.rows.size() + 1 + i]);
      s.steps.push_back(emitter_.expression(steps.back()));
      s.constant_steps.push_back(as_int(steps.back()));
    }
    // Streams with the same steps share one running offset.
    for (size_t i = 0; i < cursor_steps_.size(); ++i) {
      bool same = true;
      for (size_t d = 0; d < steps.size(); ++d) same = same && equal(cursor_steps_[i][d], steps[d]);
      if (same) {
        s.cursor = i;
        return s;
      }
    }
    s.cursor = cursor_steps_.size();
    cursor_steps_.push_back(steps);
    cursor_values_.push_back(s.steps);
    return s;
  }

  bool sums_pairs() const {
    const auto* call = as<Call>(tile_.value);
    return call && call->intrinsic == "dot_pairs" && tile_.combine == Combine::add;
  }

  // ---- the reduction
  using Values = std::vector<llvm::Value*>;

  int64_t unroll_factor(size_t axis) const {
    auto extent = as_int(tile_.reduce[axis]->extent);
    bool innermost = axis + 1 == tile_.reduce.size();
    int64_t work = static_cast<int64_t>(rows_.size() * chunks_.size());
    if (extent && *extent * inner_points(axis + 1) * work <= 96 && *extent <= 32)
      return *extent; // whole: small windows become straight code
    if (!innermost) return 1;
    int64_t wanted = work >= 16 ? 4 : work >= 4 ? 8 : 16;
    // Sums of integers that follow each other LLVM adds up beside the accumulator, for which there are no registers.
    if (sums_pairs() && !has_fused_pairs(emitter_.target())) wanted = 1;
    return extent ? std::min(wanted, *extent) : wanted;
  }
  // Points of the axes from `axis` on, if all will be unrolled; else a large number.
  int64_t inner_points(size_t axis) const {
    int64_t points = 1;
    for (size_t i = axis; i < tile_.reduce.size(); ++i) {
      auto extent = as_int(tile_.reduce[i]->extent);
      if (!extent || *extent > 32) return 1 << 20;
      points *= *extent;
    }
    return points;
  }

  // No axis inside this one stays a loop.
  bool innermost_loop(size_t axis) const {
    for (size_t i = axis + 1; i < tile_.reduce.size(); ++i)
      if (unroll_factor(i) < as_int(tile_.reduce[i]->extent).value_or(unroll_factor(i) + 1)) return false;
    return true;
  }

  // The lines that the coming points touch: `each` of this axis, all of the axes inside it.
  void prefetch(size_t axis, llvm::Value* first, int64_t each) {
    if (!tile_.prefetch) return;
    const auto& load = *as<Load>(tile_.prefetch);
    std::vector<Ref<Var>> inner;
    for (size_t i = axis; i < tile_.reduce.size(); ++i) inner.push_back(tile_.reduce[i]->var);
    auto form = arith::affine(load.index[0], inner, emitter_.analyzer());
    auto step = form ? as_int(form->coefficients[0]) : std::nullopt;
    if (!step) throw internal_error("the step of what a register tile prefetches is no constant");
    emitter_.bind(inner[0].node(), first);
    auto* element = emitter_.storage_type(load.dtype);
    auto* index = emitter_.expression(form->coefficients[0] * inner[0] + form->rest);
    auto* address = b_.CreateGEP(element, emitter_.pointer_of(*load.buffer), index);
    constexpr int64_t line = 64;
    int64_t lines = std::max<int64_t>((each * *step * load.dtype.bytes() + line - 1) / line, 1);
    for (int64_t i = 0; i < lines; ++i) emitter_.ask_for(b_.CreateConstGEP1_64(b_.getInt8Ty(), address, static_cast<uint64_t>(i * line)));
  }

  Values advance(const Values& cursors, size_t axis, llvm::Value* by) {
    Values out = cursors;
    for (size_t i = 0; i < out.size(); ++i) {
      auto* step = cursor_values_[i][axis];
      if (auto* constant = llvm::dyn_cast<llvm::ConstantInt>(step); constant && constant->isZero()) continue;
      out[i] = b_.CreateAdd(out[i], b_.CreateMul(step, by, "", true, true), "", true, true);
    }
    return out;
  }

  Values reduce(size_t axis, Values accumulators, const Values& cursors) {
    if (axis == tile_.reduce.size()) return step(std::move(accumulators), cursors);
    const auto& loop = tile_.reduce[axis];
    int64_t factor = unroll_factor(axis);
    auto extent = as_int(loop->extent);
    auto points = [&](Values values, llvm::Value* first, const Values& at, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        auto* index = b_.getInt64(static_cast<uint64_t>(i));
        emitter_.bind(loop->var.node(), b_.CreateAdd(first, index, "", true, true));
        displacement_.push_back({axis, i});
        values = reduce(axis + 1, std::move(values), at);
        displacement_.pop_back();
      }
      return values;
    };
    if (extent && factor >= *extent) return points(std::move(accumulators), b_.getInt64(0), cursors, *extent);
    auto* total = emitter_.expression(loop->extent);
    auto* factor_value = b_.getInt64(static_cast<uint64_t>(factor));
    auto* trips = factor == 1 ? total : b_.CreateSDiv(total, factor_value);
    auto run = [&](llvm::Value* count, llvm::Value* begin, Values values, const Values& start, int64_t each) {
      size_t n = values.size();
      values.insert(values.end(), start.begin(), start.end());
      return emitter_.loop(count, std::move(values), loop->var->id.c_str(), [&](llvm::Value* counter, const Values& carried) {
        Values inside(carried.begin(), carried.begin() + static_cast<int64_t>(n)),
            at(carried.begin() + static_cast<int64_t>(n), carried.end());
        auto* scaled = each == 1 ? counter : b_.CreateMul(counter, b_.getInt64(static_cast<uint64_t>(each)), "", true, true);
        loaded_.clear();
        if (each == factor && innermost_loop(axis)) prefetch(axis, b_.CreateAdd(begin, scaled, "", true, true), each);
        inside = points(std::move(inside), b_.CreateAdd(begin, scaled, "", true, true), at, each);
        Values next = advance(at, axis, b_.getInt64(static_cast<uint64_t>(each)));
        inside.insert(inside.end(), next.begin(), next.end());
        loaded_.clear(); // what was loaded inside the loop is not to be used outside
        return inside;
      });
    };
    size_t n = accumulators.size();
    Values out = run(trips, b_.getInt64(0), std::move(accumulators), cursors, factor);
    bool exact = factor == 1 || (extent && *extent % factor == 0);
    if (!exact) {
      auto* done = b_.CreateMul(trips, factor_value);
      Values start(out.begin() + static_cast<int64_t>(n), out.end());
      out.resize(n);
      out = run(b_.CreateSub(total, done), done, std::move(out), start, 1);
    }
    out.resize(n);
    return out;
  }

  // One point of the reduction for every accumulator.
  Values step(Values accumulators, const Values& cursors) {
    cursors_ = &cursors;
    values_.clear();
    const auto* product = as<Binary>(tile_.value);
    bool fused = product && product->op == BinaryOp::mul && tile_.combine == Combine::add && (type_ == f32 || type_ == f64) &&
                 emitter_.target().has_fma();
    const auto* pairs = sums_pairs() ? as<Call>(tile_.value) : nullptr;
    for (size_t r = 0; r < rows_.size(); ++r)
      for (size_t c = 0; c < chunks_.size(); ++c) {
        auto*& acc = accumulators[r * chunks_.size() + c];
        DType type = type_.with_lanes(chunks_[c].lanes);
        if (pairs) {
          auto* a = emitter_.splat(value(pairs->args[0], r, c), type.lanes);
          acc = add_dot_pairs(b_, emitter_.target(), acc, a, emitter_.splat(value(pairs->args[1], r, c), type.lanes));
        } else if (fused) {
          auto* a = emitter_.splat(value(product->a, r, c), type.lanes);
          auto* v = emitter_.splat(value(product->b, r, c), type.lanes);
          acc = b_.CreateIntrinsic(llvm::Intrinsic::fma, {acc->getType()}, {a, v, acc});
        } else {
          acc = combine(acc, emitter_.splat(value(tile_.value, r, c), type.lanes), type);
        }
      }
    return accumulators;
  }

  llvm::Value* combine(llvm::Value* acc, llvm::Value* v, DType type) {
    switch (tile_.combine) {
    case Combine::add: return emitter_.binary(BinaryOp::add, acc, v, type);
    case Combine::mul: return emitter_.binary(BinaryOp::mul, acc, v, type);
    case Combine::min: return emitter_.binary(BinaryOp::min, acc, v, type);
    case Combine::max: return emitter_.binary(BinaryOp::max, acc, v, type);
    case Combine::logical_and: return b_.CreateAnd(acc, v);
    case Combine::logical_or: return b_.CreateOr(acc, v);
    }
    throw internal_error("unknown combination");
  }

  bool depends_on_rows(const Node* n) {
    for (const auto& a : tile_.rows)
      if (uses(n, a->var.node())) return true;
    return false;
  }

  // The value of e at a row and a chunk: a scalar where it does not depend on the column.
  llvm::Value* value(const Ref<Expr>& e, size_t r, size_t c) {
    auto [known, fresh] = dependence_.try_emplace(e.node());
    if (fresh) known->second = {depends_on_rows(e.node()), uses(e.node(), tile_.column->var.node())};
    auto key = std::tuple(e.node(), known->second.first ? r : size_t{0}, known->second.second ? c : size_t{0});
    if (auto found = values_.find(key); found != values_.end()) return found->second;
    auto* result = compute(e, r, c);
    values_.emplace(key, result);
    return result;
  }

  llvm::Value* compute(const Ref<Expr>& e, size_t r, size_t c) {
    int lanes = chunks_[c].lanes;
    if (const auto* x = as<Load>(e))
      if (auto found = streams_.find(x); found != streams_.end()) return load(*x, found->second, r, c);
    if (as<IntImm>(e) || as<FloatImm>(e)) return emitter_.expression(e);
    auto both = [&](const Ref<Expr>& a, const Ref<Expr>& b) {
      auto *x = value(a, r, c), *y = value(b, r, c);
      bool vector = x->getType()->isVectorTy() || y->getType()->isVectorTy();
      return std::pair(emitter_.splat(x, vector ? lanes : 1), emitter_.splat(y, vector ? lanes : 1));
    };
    if (const auto* x = as<Binary>(e); x && !x->a->dtype.is_int()) {
      auto [a, v] = both(x->a, x->b);
      return emitter_.binary(x->op, a, v, x->a->dtype.with_lanes(a->getType()->isVectorTy() ? lanes : 1));
    }
    if (const auto* x = as<Cast>(e)) {
      auto* v = value(x->value, r, c);
      return emitter_.cast(v, x->value->dtype.with_lanes(v->getType()->isVectorTy() ? lanes : 1), x->to);
    }
    bool column = dependence_.at(e.node()).second;
    return at_point(e, r, column ? chunks_[c] : Chunk{0, 1});
  }

  llvm::Value* load(const Load& x, const Stream& s, size_t r, size_t c) {
    const Chunk& chunk = chunks_[c];
    auto* element = emitter_.storage_type(x.dtype);
    int64_t displacement = s.column * chunk.begin;
    llvm::Value* offset = (*cursors_)[s.cursor];
    for (auto [axis, i] : displacement_) {
      if (auto constant = s.constant_steps[axis]) displacement += *constant * i;
      else if (i)
        offset = b_.CreateAdd(offset, b_.CreateMul(s.steps[axis], b_.getInt64(static_cast<uint64_t>(i)), "", true, true), "", true, true);
    }
    auto* base = s.row_bases.empty() ? s.base : s.row_bases[r];
    if (s.row_bases.empty()) displacement += s.row_offsets[r];
    DType type = x.dtype.with_lanes(s.column ? chunk.lanes : 1);
    // Rows and window points may read the same place. A masked chunk shares with its equals only: another mask gives other lanes.
    int64_t columns = s.column ? chunk.columns : 1;
    auto key = std::tuple(static_cast<const void*>(base), static_cast<const void*>(offset), displacement, static_cast<int>(type.lanes),
                          columns, s.column);
    if (auto found = loaded_.find(key); found != loaded_.end()) return found->second;
    auto* address = b_.CreateGEP(element, base, offset);
    if (displacement) address = b_.CreateConstInBoundsGEP1_64(element, address, static_cast<uint64_t>(displacement));
    llvm::Value* result = nullptr;
    if (s.column > 1 && chunk.lanes > 1) result = emitter_.strided_load_at(address, type, s.column, columns);
    else if (s.column && chunk.masked()) result = emitter_.masked_load_at(address, type, lanes_inside(chunk));
    else result = emitter_.load_at(address, type);
    loaded_.emplace(key, result);
    return result;
  }

  llvm::Value* lanes_inside(const Chunk& chunk) {
    llvm::SmallVector<llvm::Constant*> bits;
    for (int64_t lane = 0; lane < chunk.lanes; ++lane) bits.push_back(b_.getInt1(lane < chunk.columns));
    return llvm::ConstantVector::get(bits);
  }

  // ---- what is not the inner loop
  Substitution row_values(size_t r) const {
    Substitution map;
    for (size_t i = 0; i < tile_.rows.size(); ++i) map.emplace(tile_.rows[i]->var.node(), imm(rows_[r][i]));
    return map;
  }

  llvm::Value* at_point(const Ref<Expr>& e, size_t r, const Chunk& chunk) {
    Ref<Expr> x = substitute(e, row_values(r));
    if (chunk.masked()) x = with_masks(x, chunk);
    if (chunk.lanes == 1) x = substitute(x, Substitution{{tile_.column->var.node(), imm(chunk.begin)}});
    arith::Vectoriser vectoriser(tile_.column->var, imm(chunk.begin), chunk.lanes, emitter_.analyzer());
    return emitter_.expression(chunk.lanes == 1 ? x : vectoriser.widened(x));
  }

  void store_all(const Values& accumulators) {
    Interleaver interleaver(b_);
    for (size_t r = 0; r < rows_.size(); ++r)
      for (size_t c = 0; c < chunks_.size(); ++c) {
        interleaver.next();
        const Chunk& chunk = chunks_[c];
        Ref<Stmt> body = tile_.body;
        if (chunk.masked()) body = make(If{.cond = inside(chunk), .then = with_masks(body, chunk)});
        if (tile_.columns) body = make(If{.cond = Ref<Expr>(tile_.column->var) < as_ref<Expr>(tile_.columns), .then = body});
        Substitution map = row_values(r);
        Ref<Var> acc = make(Var{.id = tile_.acc->id, .type = type_.with_lanes(chunk.lanes)});
        if (chunk.lanes == 1) map.emplace(tile_.column->var.node(), imm(chunk.begin));
        if (chunk.lanes == 1) map.emplace(tile_.acc.node(), acc);
        body = renew(substitute(body, map));
        emitter_.bind(acc.node(), accumulators[r * chunks_.size() + c]);
        if (chunk.lanes > 1) {
          arith::Vectoriser vectoriser(tile_.column->var, imm(chunk.begin), chunk.lanes, emitter_.analyzer());
          vectoriser.bind(tile_.acc, acc);
          Opt<Stmt> vector = vectoriser.statement(body);
          if (!vector) throw internal_error("the epilogue of a register tile cannot be vectorised");
          body = as_ref<Stmt>(vector);
        }
        emitter_.statement(body);
      }
  }

  KernelEmitter& emitter_;
  llvm::IRBuilder<>& b_;
  const RegisterTile& tile_;
  DType type_;
  std::vector<std::vector<int64_t>> rows_; // the row axes' values at each row
  std::vector<Chunk> chunks_;
  std::unordered_map<const Load*, Stream> streams_;
  std::vector<std::vector<Ref<Expr>>> cursor_steps_;
  std::vector<Values> cursor_values_;
  std::vector<std::pair<size_t, int64_t>> displacement_; // unrolled axes: which, and where
  const Values* cursors_ = nullptr;
  std::map<std::tuple<const Node*, size_t, size_t>, llvm::Value*> values_;
  std::map<std::tuple<const void*, const void*, int64_t, int, int64_t, int64_t>, llvm::Value*> loaded_;
  std::unordered_map<const Node*, std::pair<bool, bool>> dependence_;
};

} // namespace

void emit_register_tile(KernelEmitter& emitter, const RegisterTile& tile) { RegisterTileEmitter(emitter, tile).emit(); }

} // namespace tw::codegen
