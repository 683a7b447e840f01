// SPDX-License-Identifier: Apache-2.0
// Buffers of any rank become one-dimensional; indices become offsets in elements. Afterwards an address is one expression, which is what
// vectorising and code generation look at.
#include "ir/visit.h"
#include "passes/operands.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

class Flattener {
public:
  Ref<Buffer> flat(const Ref<Buffer>& buffer) {
    if (buffer->shape.size() == 1 && buffer->strides.empty()) return buffer;
    auto [found, fresh] = buffers_.try_emplace(buffer.node());
    if (fresh) {
      Ref<Expr> size = element_count(buffer->shape);
      if (!buffer->strides.empty()) {
        size = imm(1);
        for (size_t d = 0; d < buffer->shape.size(); ++d) size = size + (buffer->shape[d] - 1) * buffer->strides[d];
      }
      found->second = make(Buffer{.id = buffer->id, .shape = {arith::simplify(size)}, .element = buffer->element, .scope = buffer->scope});
      originals_.push_back(buffer);
    }
    return as_ref<Buffer>(found->second);
  }

  List<Ref<Expr>> offset(const Buffer& buffer, const List<Ref<Expr>>& index) {
    if (buffer.shape.size() == 1 && buffer.strides.empty()) return index;
    List<Ref<Expr>> strides = buffer.strides.empty() ? dense_strides(buffer.shape) : buffer.strides;
    Ref<Expr> sum = imm(0);
    for (size_t d = 0; d < index.size(); ++d) sum = sum + index[d] * strides[d];
    return {sum};
  }

private:
  std::unordered_map<const Node*, Opt<Buffer>> buffers_;
  std::vector<Ref<Buffer>> originals_; // keeps the keys alive
};

} // namespace

Ref<Kernel> flatten_buffers(const Ref<Kernel>& kernel, PassContext&) {
  Flattener flattener;
  return rewrite(
      kernel,
      [&](const Load& e, Rewrite again) -> Opt<Expr> {
        return make(Load{.buffer = flattener.flat(e.buffer), .index = flattener.offset(*e.buffer, again(e.index)), .mask = again(e.mask)});
      },
      [&](const Store& s, Rewrite again) -> Opt<Stmt> {
        return make(Store{.buffer = flattener.flat(s.buffer),
                          .index = flattener.offset(*s.buffer, again(s.index)),
                          .value = again(s.value),
                          .mask = again(s.mask)});
      },
      [&](const Allocate& s, Rewrite again) -> Opt<Stmt> {
        return make(Allocate{.buffer = flattener.flat(s.buffer), .body = again(s.body)});
      },
      [&](const Param& p, Rewrite) -> Opt<Node> { return make(Param{.buffer = flattener.flat(p.buffer), .access = p.access}); });
}

extern const Pass flatten_buffers_pass;
const Pass flatten_buffers_pass = {.name = "flatten_buffers",
                                   .doc = "makes every buffer one-dimensional and every index an offset",
                                   .kernel = flatten_buffers,
                                   .leaves = Stage::flat};

} // namespace tw::passes
