// SPDX-License-Identifier: Apache-2.0
// Statements as closures, and the frame of a kernel: parameters bound to arrays, sizes found from shapes.
#include "interpreter/kernel.h"

#include "interpreter/machine.h"
#include "ops/op.h"

#include <cstring>
#include <unordered_map>

namespace tw::interpreter {
namespace {

// Where a buffer's sizes and strides come from when it comes to life.
struct Layout {
  std::vector<Code> sizes, strides;
  int64_t fill(Frame& m, Memory& memory, const Buffer* buffer) const {
    memory.sizes.clear();
    for (const auto& code : sizes) memory.sizes.push_back(code(m).i);
    int64_t count = count_of(memory.sizes);
    memory.strides.assign(memory.sizes.size(), 1);
    if (strides.empty()) {
      for (size_t d = memory.sizes.size(); d-- > 1;) memory.strides[d - 1] = memory.strides[d] * memory.sizes[d];
      return count;
    }
    int64_t last = count ? 1 : 0;
    for (size_t d = 0; d < strides.size(); ++d) {
      memory.strides[d] = strides[d](m).i;
      if (memory.strides[d] < 0) throw internal_error("buffer {} has a negative stride", buffer->id.str());
      if (count) last += (memory.sizes[d] - 1) * memory.strides[d];
    }
    return last;
  }
};

class StatementCompiler {
public:
  explicit StatementCompiler(int64_t* steps) : steps_(steps) {}
  Action compile(const Ref<Stmt>& s);
  Layout layout(const Ref<Buffer>& buffer) {
    Layout out;
    for (const auto& e : buffer->shape) out.sizes.push_back(expressions.compile(e));
    for (const auto& e : buffer->strides) out.strides.push_back(expressions.compile(e));
    return out;
  }
  ExpressionCompiler expressions;

private:
  Action loop(const For& s);
  Action block(const Block& s);
  Action store(const Store& s);
  Action vector_store(const Store& s, int64_t lanes);
  Action let(const Let& s);
  Action allocate(const Allocate& s);
  Action tile(const RegisterTile& s);
  Action optional(const Opt<Stmt>& s) { return s ? compile(as_ref<Stmt>(s)) : Action(); }
  size_t slot(const Ref<Var>& v) { return static_cast<size_t>(expressions.slot(v.node(), v->type.lanes)); }

  int64_t* steps_;
};

Action StatementCompiler::compile(const Ref<Stmt>& s) {
  if (const auto* x = as<For>(s)) return loop(*x);
  if (const auto* x = as<Block>(s)) return block(*x);
  if (const auto* x = as<Store>(s)) return store(*x);
  if (const auto* x = as<Let>(s)) return let(*x);
  if (const auto* x = as<Allocate>(s)) return allocate(*x);
  if (const auto* x = as<RegisterTile>(s)) return tile(*x);
  if (const auto* x = as<If>(s)) {
    Code cond = expressions.compile(x->cond);
    Action then = compile(x->then), otherwise = optional(x->otherwise);
    return [=](Frame& m) {
      if (cond(m).i) then(m);
      else if (otherwise) otherwise(m);
    };
  }
  if (const auto* x = as<While>(s)) {
    Code cond = expressions.compile(x->cond);
    Action body = compile(x->body);
    return [=](Frame& m) {
      while (cond(m).i) body(m);
    };
  }
  if (const auto* x = as<Seq>(s)) {
    std::vector<Action> parts;
    for (const auto& part : x->body) parts.push_back(compile(part));
    return [parts](Frame& m) {
      for (const auto& part : parts) part(m);
    };
  }
  if (const auto* x = as<Assert>(s)) {
    Code cond = expressions.compile(x->cond);
    return [cond, message = x->message, fault = x->fault](Frame& m) {
      if (!cond(m).i) throw Error(fault == Fault::user ? ErrorKind::user : ErrorKind::internal, message.str());
    };
  }
  if (const auto* x = as<Evaluate>(s)) {
    Code value = expressions.compile(x->value);
    return [value](Frame& m) { value(m); };
  }
  throw internal_error("the interpreter does not execute a {}", kind_name(s.node()));
}

Action StatementCompiler::loop(const For& s) {
  Code begin = expressions.compile(s.begin), extent = expressions.compile(s.extent);
  size_t at = slot(s.var);
  if (Action rows = compile_rows(
          s, [this](const Ref<Stmt>& inner) { return compile(inner); }, expressions, steps_))
    return rows;
  Action body = compile(s.body);
  return [=](Frame& m) {
    int64_t first = begin(m).i, count = extent(m).i;
    for (int64_t i = 0; i < count; ++i) {
      m.slots[at].i = first + i;
      body(m);
    }
  };
}

Action StatementCompiler::block(const Block& s) {
  struct Bound {
    size_t slot;
    Code value, extent;
    bool reduce;
    Ref<Var> var;
  };
  std::vector<Bound> iters;
  for (const auto& iter : s.iters)
    iters.push_back(
        {slot(iter->var), expressions.compile(iter->value), expressions.compile(iter->extent), iter->how == IterKind::reduce, iter->var});
  Code where = s.where ? expressions.compile(as_ref<Expr>(s.where)) : Code();
  Action init = optional(s.init), body = compile(s.body);
  return [=, id = s.id](Frame& m) {
    for (const auto& iter : iters) m.slots[iter.slot] = iter.value(m);
    if (where && !where(m).i) return;
    bool first = true;
    for (const auto& iter : iters) {
      int64_t i = m.slots[iter.slot].i, extent = iter.extent(m).i;
      if (i < 0 || i >= extent) throw internal_error("block {}: {} = {} is outside 0 … {}", id.str(), iter.var->id.str(), i, extent - 1);
      first = first && (!iter.reduce || i == 0);
    }
    if (init && first) init(m);
    body(m);
  };
}

Action StatementCompiler::store(const Store& s) {
  int64_t lanes = std::max<int64_t>(s.value->dtype.lanes, s.index.empty() ? 1 : s.index.back()->dtype.lanes);
  if (lanes > 1) return vector_store(s, lanes);
  auto at = static_cast<size_t>(expressions.memory(s.buffer.get()));
  DType type = s.buffer->element;
  if (s.value->dtype.element() != type) throw internal_error("a store of {} to {}", to_string(s.value->dtype), s.buffer->id.str());
  Code value = expressions.compile(s.value), mask = s.mask ? expressions.compile(as_ref<Expr>(s.mask)) : Code();
  auto place = expressions.place_alone(s.buffer.get(), s.index, "writes");
  return [=, steps = steps_, bytes = type.bytes()](Frame& m) {
    if (--*steps < 0) throw unsupported("the interpreter's budget of steps is used up");
    if (mask && !mask(m).i) return;
    Value v = value(m);
    int64_t offset = place(m);
    Memory& memory = m.memories[at];
    if (memory.read_only) throw internal_error("a kernel writes to its input parameter");
    if (memory.written) (*memory.written)[static_cast<size_t>(offset)] = 1;
    write_element(type, memory.data + offset * bytes, v);
  };
}

Action StatementCompiler::vector_store(const Store& s, int64_t lanes) {
  auto at = static_cast<size_t>(expressions.memory(s.buffer.get()));
  DType type = s.buffer->element;
  Code value = expressions.compile(s.value), mask = s.mask ? expressions.compile(as_ref<Expr>(s.mask)) : Code();
  auto place = expressions.place_alone(s.buffer.get(), s.index, "writes");
  return [=, steps = steps_](Frame& m) {
    if ((*steps -= lanes) < 0) throw unsupported("the interpreter's budget of steps is used up");
    std::vector<std::pair<int64_t, Value>> results;
    for (m.lane = 0; m.lane < lanes; ++m.lane)
      if (!mask || mask(m).i) results.emplace_back(place(m), value(m));
    m.lane = 0;
    Memory& memory = m.memories[at];
    if (memory.read_only) throw internal_error("a kernel writes to its input parameter");
    for (const auto& [offset, v] : results) {
      if (memory.written) (*memory.written)[static_cast<size_t>(offset)] = 1;
      write_element(type, memory.data + offset * type.bytes(), v);
    }
  };
}

Action StatementCompiler::let(const Let& s) {
  Code value = expressions.compile(s.value);
  size_t at = slot(s.var);
  auto lanes = static_cast<int64_t>(s.var->type.lanes);
  Action body = compile(s.body);
  return [=](Frame& m) {
    for (m.lane = 0; m.lane < lanes; ++m.lane) m.slots[at + static_cast<size_t>(m.lane)] = value(m);
    m.lane = 0;
    body(m);
  };
}

Action StatementCompiler::allocate(const Allocate& s) {
  const Buffer* buffer = s.buffer.get();
  auto at = static_cast<size_t>(expressions.memory(buffer));
  Layout shape = layout(s.buffer);
  Action body = compile(s.body);
  return [=, bytes = static_cast<size_t>(buffer->element.bytes())](Frame& m) {
    Memory memory;
    auto count = static_cast<size_t>(shape.fill(m, memory, buffer));
    std::vector<std::byte> data(count * bytes);
    std::vector<uint8_t> written(count);
    memory.elements = static_cast<int64_t>(count);
    memory.data = data.data();
    memory.written = &written;
    m.memories[at] = std::move(memory);
    body(m);
    m.memories[at] = Memory();
  };
}

// A loop nest over axes, the last one fastest.
std::function<void(Frame&, const Action&)> nest(const std::vector<std::pair<size_t, Code>>& axes) {
  return [axes](Frame& m, const Action& body) {
    std::function<void(size_t)> step = [&](size_t d) {
      if (d == axes.size()) return body(m);
      int64_t extent = axes[d].second(m).i;
      for (int64_t i = 0; i < extent; ++i) {
        m.slots[axes[d].first].i = i;
        step(d + 1);
      }
    };
    step(0);
  };
}

Action StatementCompiler::tile(const RegisterTile& s) {
  auto axis = [&](const Ref<TileAxis>& a) { return std::pair<size_t, Code>(slot(a->var), expressions.compile(a->extent)); };
  std::vector<std::pair<size_t, Code>> outer, inner;
  for (const auto& row : s.rows) outer.push_back(axis(row));
  outer.push_back(axis(s.column));
  for (const auto& r : s.reduce) inner.push_back(axis(r));
  size_t column = outer.back().first, acc = slot(s.acc);
  Code init = expressions.compile(s.init), columns = s.columns ? expressions.compile(as_ref<Expr>(s.columns)) : Code();
  Code update = expressions.compile(ops::combine_values(s.combine, s.acc, s.value));
  Action body = compile(s.body);
  auto over = nest(outer), reduce = nest(inner);
  return [=](Frame& m) {
    std::vector<Value> accumulators;
    int64_t real_columns = columns ? columns(m).i : unbounded;
    over(m, [&](Frame& f) {
      if (f.slots[column].i >= real_columns) return;
      f.slots[acc] = init(f);
      reduce(f, [&](Frame& g) { g.slots[acc] = update(g); });
      accumulators.push_back(f.slots[acc]);
    });
    size_t next = 0;
    over(m, [&](Frame& f) {
      if (f.slots[column].i >= real_columns) return;
      f.slots[acc] = accumulators[next++];
      body(f);
    });
  };
}

// Binds the dims that stand alone in a parameter's shape to the sizes found there.
void sizes_from(const Buffer& buffer, const Array& array, Sizes& sizes) {
  if (buffer.shape.size() != array.shape.size())
    throw user_error("{} has rank {}, expected {}", buffer.id.str(), array.shape.size(), buffer.shape.size());
  for (size_t d = 0; d < array.shape.size(); ++d)
    if (as<Var>(buffer.shape[d])) sizes.emplace(buffer.shape[d].node(), array.shape[d]);
}
void check_shape(const Buffer& buffer, const Array& array, const Sizes& sizes) {
  if (array.dtype != buffer.element)
    throw user_error("{} has elements of {}, expected {}", buffer.id.str(), to_string(array.dtype), to_string(buffer.element));
  for (size_t d = 0; d < array.shape.size(); ++d) {
    auto size = evaluate_size(buffer.shape[d], sizes);
    if (size != array.shape[d])
      throw user_error("{} has size {} in dimension {}, expected {}", buffer.id.str(), array.shape[d], d, size.value_or(-1));
  }
}

} // namespace

std::optional<int64_t> evaluate_size(const Ref<Expr>& e, const Sizes& sizes) {
  if (auto value = as_int(e)) return value;
  if (auto found = sizes.find(e.node()); found != sizes.end()) return found->second;
  if (as<Load>(e) || as<Var>(e) || as<Call>(e) || as<FloatImm>(e)) return {};
  bool known = true;
  Opt<Node> folded = map_children(e.node(), [&](const Node* c) -> Opt<Node> {
    const auto* x = as<Expr>(c);
    auto value = x ? evaluate_size(ref_to(*x), sizes) : std::nullopt;
    if (!value) {
      known = false;
      return Opt<Node>(c, 0);
    }
    return imm(*value, x->dtype);
  });
  if (!known) return {};
  if (const auto* b = as<Binary>(folded)) return as_int(binary(b->op, b->a, b->b));
  if (const auto* s = as<Select>(folded)) return as_int(select(s->cond, s->a, s->b));
  if (const auto* c = as<Cast>(folded)) return as_int(cast(c->to, c->value));
  if (const auto* u = as<Unary>(folded)) return as_int(u->op == UnaryOp::neg ? -u->a : u->op == UnaryOp::logical_not ? !u->a : u->a);
  return {};
}

std::vector<Array> interpret_kernel(const Kernel& kernel, const std::vector<Array>& inputs, const std::vector<int64_t>& dims,
                                    Limits* limits) {
  int64_t steps = limits ? limits->steps : unbounded;
  StatementCompiler compiler(&steps);
  Sizes sizes;
  for (size_t i = 0; i < std::min(dims.size(), kernel.dims.size()); ++i) sizes.emplace(kernel.dims[i].node(), dims[i]);
  size_t next = 0;
  for (const auto& param : kernel.params) {
    if (param->access == Access::out) continue;
    if (next == inputs.size()) throw user_error("kernel {}: expected more than {} inputs", kernel.id.str(), inputs.size());
    sizes_from(*param->buffer, inputs[next++], sizes);
  }
  if (next != inputs.size()) throw user_error("kernel {}: expected {} inputs, found {}", kernel.id.str(), next, inputs.size());

  std::vector<Layout> layouts;
  for (const auto& param : kernel.params) {
    compiler.expressions.memory(param->buffer.get());
    layouts.push_back(compiler.layout(param->buffer));
    layouts.back().strides.clear(); // arrays that come and go are dense; where a caller's memory has gaps is for compiled code
  }
  std::vector<std::pair<size_t, int64_t>> scalars;
  for (const auto& d : kernel.dims) {
    auto found = sizes.find(d.node());
    if (found == sizes.end()) throw user_error("kernel {}: the value of {} is not known", kernel.id.str(), d->id.str());
    scalars.emplace_back(compiler.expressions.slot(d.node()), found->second);
  }
  Action body = compiler.compile(kernel.body);
  Frame frame = compiler.expressions.frame();
  for (auto [slot, value] : scalars) frame.slots[slot].i = value;

  size_t count = kernel.params.size();
  std::vector<std::vector<std::byte>> bytes(count);
  std::vector<std::vector<uint8_t>> written(count);
  next = 0;
  for (size_t p = 0; p < count; ++p) {
    const auto& param = kernel.params[p];
    Memory& memory = frame.memories[static_cast<size_t>(compiler.expressions.memory(param->buffer.get()))];
    memory.elements = layouts[p].fill(frame, memory, param->buffer.get());
    auto size = static_cast<size_t>(memory.elements * param->buffer->element.bytes());
    if (param->access == Access::out) {
      bytes[p].resize(size);
      written[p].resize(static_cast<size_t>(memory.elements));
      memory.written = &written[p];
      memory.data = bytes[p].data();
      continue;
    }
    const Array& array = inputs[next++];
    check_shape(*param->buffer, array, sizes);
    if (array.bytes.size() < size) throw user_error("{} has {} bytes, expected {}", param->buffer->id.str(), array.bytes.size(), size);
    if (param->access == Access::inout) bytes[p].assign(array.bytes.bytes().begin(), array.bytes.bytes().end());
    memory.read_only = param->access == Access::in;
    memory.data = param->access == Access::inout ? bytes[p].data() : const_cast<std::byte*>(array.bytes.bytes().data());
  }
  with_place(fmt::format("kernel {}", kernel.id.str()), [&] { body(frame); });
  if (limits) limits->steps = steps;
  std::vector<Array> results;
  for (size_t p = 0; p < count; ++p) {
    if (kernel.params[p]->access == Access::in) continue;
    const Buffer& buffer = *kernel.params[p]->buffer;
    for (size_t i = 0; i < written[p].size(); ++i)
      if (!written[p][i]) throw internal_error("kernel {} does not write {} at element {}", kernel.id.str(), buffer.id.str(), i);
    std::vector<int64_t> shape = frame.memories[static_cast<size_t>(compiler.expressions.memory(&buffer))].sizes;
    results.push_back(Array{buffer.element, std::move(shape), Blob(std::move(bytes[p]))});
  }
  return results;
}

} // namespace tw::interpreter
