// SPDX-License-Identifier: Apache-2.0
// Maps by rows: a nest of loops around one store runs a hundred iterations at a time, each operation as a loop over a row of values.
//
// The nest's loops are walked together, so that short inner ones (a window of 7) fill rows too. What no loop changes is computed once. All
// of a row's values are there before the first is stored, and the nest reads nothing of what it writes, so whatever a row meets that it
// cannot do (an index outside, an element not yet written, a division by zero, no steps left) leaves no trace: those iterations are run
// one by one instead, which gives the result or the error.
#include "interpreter/machine.h"
#include "ir/visit.h"

#include <algorithm>
#include <memory>

namespace tw::interpreter {
namespace {

constexpr size_t row_length = 128; // a few dozen rows fit the first-level cache

struct Row {
  Frame& frame;
  Value* registers; // row_length values each
  size_t count;
  Value* operator[](size_t at) const { return registers + at * row_length; }
};
// False: the row cannot do it.
using Step = std::function<bool(const Row&)>;

// The value of a loop in each iteration, as an odometer turns.
struct Loop {
  Code begin, extent;
  size_t slot, at;
  Ref<Var> var;
};

struct Plan {
  std::vector<Loop> loops; // the innermost last
  std::vector<std::pair<size_t, Code>> once;
  std::vector<Step> steps;
  Step store;
  Ref<Stmt> body; // of the innermost loop
  size_t registers = 0;
};

class RowCompiler {
public:
  RowCompiler(const For& nest, ExpressionCompiler& expressions) : expressions_(expressions), plan_{.body = nest.body} {}

  std::optional<Plan> compile(const For& nest) {
    for (const For* f = &nest; f && bounds_are_fixed(*f); f = as<For>(plan_.body)) {
      add_loop(*f);
      plan_.body = f->body;
    }
    const auto* block = as<Block>(plan_.body);
    const auto* store = as<Store>(block ? block->body : plan_.body);
    if (plan_.loops.empty() || !store || store->mask || (block && (block->init || block->where))) return {};
    if (!is_map(*store, block)) return {};
    if (block)
      for (const auto& iter : block->iters) bind(*iter);
    plan_.store = store_step(*store);
    return std::move(plan_);
  }

private:
  void add_loop(const For& f) {
    plan_.loops.push_back({.begin = expressions_.compile(f.begin),
                           .extent = expressions_.compile(f.extent),
                           .slot = static_cast<size_t>(expressions_.slot(f.var.node())),
                           .at = plan_.registers,
                           .var = f.var});
    places_.emplace(f.var.node(), plan_.registers++);
  }
  bool bounds_are_fixed(const For& f) {
    return std::ranges::none_of(plan_.loops,
                                [&](const Loop& l) { return uses(f.begin.node(), l.var.node()) || uses(f.extent.node(), l.var.node()); });
  }
  // Scalars only, each iteration on its own, nothing read of what is written.
  bool is_map(const Store& store, const Block* block) {
    bool fine = true;
    auto check = [&](const Ref<Expr>& e) {
      visit(
          e,
          [&](const Load& l) {
            fine = fine && !l.buffer.same_as(store.buffer) && l.dtype.lanes == 1;
            for (const auto& i : l.index) fine = fine && i->dtype.lanes == 1;
          },
          [&](const Call& c) { fine = fine && c.dtype.lanes == 1 && !c.args.empty() && c.args.size() <= most_arguments; },
          [&](const Lambda&) { fine = false; }, [&](const Expr& x) { fine = fine && x.dtype.lanes == 1; });
    };
    check(store.value);
    for (const auto& i : store.index) check(i);
    if (block)
      for (const auto& iter : block->iters) {
        fine = fine && iter->how == IterKind::spatial;
        check(iter->value);
        check(iter->extent);
        for (const auto& l : plan_.loops) fine = fine && !uses(iter->extent.node(), l.var.node());
      }
    return fine && store.value->dtype.element() == store.buffer->element;
  }

  void bind(const Iter& iter) {
    size_t value = build(iter.value), extent = build(iter.extent);
    places_.emplace(iter.var.node(), value);
    varying_.emplace(iter.var.node(), true);
    plan_.steps.push_back([=](const Row& row) {
      bool inside = true;
      for (size_t i = 0; i < row.count; ++i) inside = inside && row[value][i].i >= 0 && row[value][i].i < row[extent][i].i;
      return inside;
    });
  }

  bool varies(const Ref<Expr>& e) {
    if (auto known = varying_.find(e.node()); known != varying_.end()) return known->second;
    bool result = places_.count(e.node()) > 0;
    if (!as<Var>(e)) for_children(e.node(), [&](const Node* c) { result = result || (as<Expr>(c) && varies(ref_to(*as<Expr>(c)))); });
    return varying_.emplace(e.node(), result).first->second;
  }

  // The register that will hold it.
  size_t build(const Ref<Expr>& e) {
    if (auto known = places_.find(e.node()); known != places_.end()) return known->second;
    size_t at = 0;
    if (!varies(e)) {
      at = plan_.registers++;
      plan_.once.emplace_back(at, expressions_.compile(e));
    } else {
      at = build_varying(e);
    }
    places_.emplace(e.node(), at);
    return at;
  }
  size_t build_varying(const Ref<Expr>& e) {
    if (const auto* x = as<Unary>(e)) return operation(unary_rows(x->op, x->dtype), x->a, x->a);
    if (const auto* x = as<Binary>(e)) return operation(binary_rows(x->op, x->a->dtype), x->a, x->b);
    if (const auto* x = as<Cast>(e)) return operation(cast_rows(x->to, x->value->dtype), x->value, x->value);
    if (const auto* x = as<Select>(e)) {
      size_t cond = build(x->cond), a = build(x->a), b = build(x->b), out = plan_.registers++;
      plan_.steps.push_back([=](const Row& row) {
        for (size_t i = 0; i < row.count; ++i) row[out][i] = row[cond][i].i ? row[a][i] : row[b][i];
        return true;
      });
      return out;
    }
    if (const auto* x = as<Load>(e)) return load(*x);
    if (const auto* x = as<Call>(e)) {
      std::vector<size_t> args;
      for (const auto& a : x->args) args.push_back(build(a));
      size_t out = plan_.registers++;
      plan_.steps.push_back([args, out, call = call_rows(*x)](const Row& row) {
        const Value* values[most_arguments];
        for (size_t a = 0; a < args.size(); ++a) values[a] = row[args[a]];
        call(values, row[out], row.count);
        return true;
      });
      return out;
    }
    throw internal_error("the interpreter does not evaluate a {}", kind_name(e.node()));
  }
  size_t operation(RowOperation run, const Ref<Expr>& first, const Ref<Expr>& second) {
    size_t a = build(first), b = build(second), out = plan_.registers++;
    plan_.steps.push_back([=, run = std::move(run)](const Row& row) {
      run(row[a], row[b], row[out], row.count);
      return true;
    });
    return out;
  }

  // Elements that the indices name; false if one is outside. Where the mask is false nothing is asked.
  using Places = std::function<bool(const Row&, int64_t* offsets)>;
  Places places_of(const Buffer* buffer, const List<Ref<Expr>>& index, std::optional<size_t> mask) {
    auto memory_at = static_cast<size_t>(expressions_.memory(buffer));
    std::vector<size_t> indices;
    for (const auto& i : index) indices.push_back(build(i));
    return [=](const Row& row, int64_t* offsets) {
      const Memory& memory = row.frame.memories[memory_at];
      std::fill_n(offsets, row.count, 0);
      bool inside = true;
      for (size_t d = 0; d < indices.size(); ++d) {
        const Value *values = row[indices[d]], *asked = mask ? row[*mask] : nullptr;
        auto size = static_cast<uint64_t>(memory.sizes[d]);
        int64_t stride = memory.strides[d];
        for (size_t i = 0; i < row.count; ++i) {
          inside = inside & ((asked && !asked[i].i) || static_cast<uint64_t>(values[i].i) < size);
          offsets[i] += static_cast<int64_t>(static_cast<uint64_t>(values[i].i) * static_cast<uint64_t>(stride));
        }
      }
      for (size_t i = 0; i < row.count; ++i)
        inside = inside & ((mask && !row[*mask][i].i) || static_cast<uint64_t>(offsets[i]) < static_cast<uint64_t>(memory.elements));
      return inside;
    };
  }

  size_t load(const Load& e) {
    std::optional<size_t> mask;
    if (e.mask) mask = build(as_ref<Expr>(e.mask));
    Places places = places_of(e.buffer.get(), e.index, mask);
    auto memory_at = static_cast<size_t>(expressions_.memory(e.buffer.get()));
    size_t out = plan_.registers++;
    plan_.steps.push_back([=, type = e.buffer->element](const Row& row) {
      int64_t offsets[row_length];
      if (!places(row, offsets)) return false;
      const Memory& memory = row.frame.memories[memory_at];
      const int64_t width = type.bytes();
      Value nothing = type.is_float() ? real(0) : integer(0);
      bool there = true;
      for (size_t i = 0; i < row.count; ++i) {
        bool asked = !mask || row[*mask][i].i;
        there = there && (!asked || !memory.written || (*memory.written)[static_cast<size_t>(offsets[i])]);
        row[out][i] = asked ? read_element(type, memory.data + offsets[i] * width) : nothing;
      }
      return there;
    });
    return out;
  }

  Step store_step(const Store& s) {
    size_t value = build(s.value);
    Places places = places_of(s.buffer.get(), s.index, {});
    auto memory_at = static_cast<size_t>(expressions_.memory(s.buffer.get()));
    return [=, type = s.buffer->element](const Row& row) {
      int64_t offsets[row_length];
      Memory& memory = row.frame.memories[memory_at];
      if (memory.read_only || !places(row, offsets)) return false;
      const int64_t width = type.bytes();
      if (memory.written)
        for (size_t i = 0; i < row.count; ++i) (*memory.written)[static_cast<size_t>(offsets[i])] = 1;
      for (size_t i = 0; i < row.count; ++i) write_element(type, memory.data + offsets[i] * width, row[value][i]);
      return true;
    };
  }

  ExpressionCompiler& expressions_;
  Plan plan_;
  std::unordered_map<const Node*, size_t> places_; // registers of what is built
  std::unordered_map<const Node*, bool> varying_;
};

class Runner {
public:
  Runner(Plan plan, Action body, int64_t* steps) : plan_(std::move(plan)), body_(std::move(body)), steps_(steps) {}

  void run(Frame& frame) {
    int64_t total = start(frame);
    if (total == 0) return;
    registers_.resize(plan_.registers * row_length);
    bool fine = attempt([&] {
      for (const auto& [at, code] : plan_.once) std::fill_n(&registers_[at * row_length], row_length, code(frame));
      return true;
    });
    for (int64_t done = 0; done < total;) {
      Row row{frame, registers_.data(), static_cast<size_t>(std::min<int64_t>(total - done, row_length))};
      turn(row);
      auto count = static_cast<int64_t>(row.count);
      done += count;
      fine = fine && *steps_ >= count &&
             attempt([&] { return std::ranges::all_of(plan_.steps, [&](const Step& step) { return step(row); }) && plan_.store(row); });
      if (fine) *steps_ -= count;
      else one_by_one(row);
    }
  }

private:
  // Sets the odometer; how many iterations there are.
  int64_t start(Frame& frame) {
    begins_.clear();
    extents_.clear();
    int64_t total = 1;
    for (const Loop& l : plan_.loops) {
      begins_.push_back(l.begin(frame).i);
      extents_.push_back(l.extent(frame).i);
      if (extents_.back() <= 0) return 0;
      if (__builtin_mul_overflow(total, extents_.back(), &total)) throw unsupported("a nest of too many iterations");
    }
    at_.assign(plan_.loops.size(), 0);
    return total;
  }
  void turn(const Row& row) {
    for (size_t i = 0; i < row.count; ++i) {
      for (size_t l = 0; l < at_.size(); ++l) row[plan_.loops[l].at][i].i = begins_[l] + at_[l];
      for (size_t l = at_.size(); l-- > 0;) {
        if (++at_[l] < extents_[l]) break;
        at_[l] = 0;
      }
    }
  }
  void one_by_one(const Row& row) {
    for (size_t i = 0; i < row.count; ++i) {
      for (const Loop& l : plan_.loops) row.frame.slots[l.slot] = row[l.at][i];
      body_(row.frame);
    }
  }
  template <class F> static bool attempt(F&& f) {
    try {
      return f();
    } catch (const Error&) { return false; }
  }

  Plan plan_;
  Action body_;
  int64_t* steps_;
  std::vector<Value> registers_;
  std::vector<int64_t> begins_, extents_, at_;
};

} // namespace

Action compile_rows(const For& nest, FunctionRef<Action(const Ref<Stmt>&)> compile, ExpressionCompiler& expressions, int64_t* steps) {
  auto plan = RowCompiler(nest, expressions).compile(nest);
  if (!plan) return {};
  Action body = compile(plan->body);
  auto runner = std::make_shared<Runner>(std::move(*plan), std::move(body), steps);
  return [runner](Frame& frame) { runner->run(frame); };
}

} // namespace tw::interpreter
