// SPDX-License-Identifier: Apache-2.0
// Brings each buffer of a kernel to the smallest scope that holds all its uses, drops the dimensions in which that scope always uses one
// and the same index (a row's buffer needs no rows), and says where it lives: small ones on the stack, others of one thread in its scratch
// memory, those that several threads share stay `global`, for hoist_allocations.
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

constexpr int64_t stack_bytes = 8192;

bool touches(const Node* n, const Node* buffer) {
  bool found = false;
  visit(
      n,
      [&](const Load& l, Walk walk) {
        found = found || l.buffer.same_as(buffer);
        walk(static_cast<const Node*>(&l));
      },
      [&](const Store& s, Walk walk) {
        found = found || s.buffer.same_as(buffer);
        walk(static_cast<const Node*>(&s));
      });
  return found;
}

// All indices of the buffer below n, by dimension: the one expression that is used everywhere, or nothing.
std::vector<Opt<Expr>> constant_indices(const Node* n, const Buffer& buffer) {
  std::vector<Opt<Expr>> same(buffer.shape.size());
  bool first = true;
  auto look = [&](const Ref<Buffer>& b, const List<Ref<Expr>>& index) {
    if (!b.same_as(&buffer)) return;
    for (size_t d = 0; d < index.size(); ++d)
      if (first) same[d] = index[d];
      else if (same[d] && !equal(same[d], index[d])) same[d] = {};
    first = false;
  };
  visit(
      n,
      [&](const Load& l, Walk walk) {
        look(l.buffer, l.index);
        walk(static_cast<const Node*>(&l));
      },
      [&](const Store& s, Walk walk) {
        look(s.buffer, s.index);
        walk(static_cast<const Node*>(&s));
      });
  return same;
}

class Placer {
public:
  Ref<Stmt> place(const Ref<Buffer>& buffer, const Ref<Stmt>& body, bool inside_parallel, std::vector<Ref<Var>> around) {
    // Descend while one child alone uses the buffer.
    if (const auto* f = as<For>(body)) {
      std::vector<Ref<Var>> outside = around;
      around.push_back(f->var);
      bool shared = f->how == ForKind::parallel;
      Ref<Stmt> inner = place(buffer, f->body, inside_parallel || shared, std::move(around));
      // A thread's own memory has a constant size; else each iteration needs its part of one buffer that all share.
      if (shared && !inside_parallel && allocates_shared(inner, buffer->id)) return here(buffer, body, false, outside);
      return with(as_ref<For>(body), &For::body, inner);
    }
    if (const auto* x = as<Seq>(body)) {
      size_t first = x->body.size(), last = 0;
      for (size_t i = 0; i < x->body.size(); ++i)
        if (touches(x->body[i].node(), buffer.node())) {
          first = std::min(first, i);
          last = i;
        }
      if (first == last) {
        std::vector<Ref<Stmt>> parts = x->body.vector();
        parts[first] = place(buffer, parts[first], inside_parallel, std::move(around));
        return seq(std::move(parts));
      }
      if (first < last && (first > 0 || last + 1 < x->body.size())) {
        std::vector<Ref<Stmt>> parts(x->body.begin(), x->body.begin() + static_cast<int64_t>(first));
        std::vector<Ref<Stmt>> users(x->body.begin() + static_cast<int64_t>(first), x->body.begin() + static_cast<int64_t>(last) + 1);
        parts.push_back(here(buffer, seq(std::move(users)), inside_parallel, around));
        parts.insert(parts.end(), x->body.begin() + static_cast<int64_t>(last) + 1, x->body.end());
        return seq(std::move(parts));
      }
    }
    if (const auto* a = as<Allocate>(body); a && !uses(a->buffer.node(), buffer.node()))
      return with(as_ref<Allocate>(body), &Allocate::body, place(buffer, a->body, inside_parallel, std::move(around)));
    return here(buffer, body, inside_parallel, around);
  }

private:
  static bool allocates_shared(const Ref<Stmt>& body, const Name& id) {
    bool found = false;
    visit(body, [&](const Allocate& a, Walk walk) {
      found = found || (a.buffer->id == id && a.buffer->scope == "global");
      walk(static_cast<const Node*>(&a));
    });
    return found;
  }

  static bool shares_threads(const Ref<Stmt>& body) {
    bool found = false;
    visit(body, [&](const For& f) { found = found || f.how == ForKind::parallel; });
    return found;
  }

  Ref<Stmt> here(const Ref<Buffer>& buffer, const Ref<Stmt>& body, bool inside_parallel, const std::vector<Ref<Var>>& around) {
    if (!touches(body.node(), buffer.node())) return body;
    auto same = constant_indices(body.node(), *buffer);
    std::vector<Ref<Expr>> shape;
    std::vector<size_t> kept;
    for (size_t d = 0; d < same.size(); ++d) {
      bool outside = same[d] && only_uses(as_ref<Expr>(same[d]), around);
      if (outside) continue;
      kept.push_back(d);
      shape.push_back(buffer->shape[d]);
    }
    Ref<Buffer> smaller = make(Buffer{.id = buffer->id, .shape = shape, .element = buffer->element, .scope = buffer->scope});
    auto bytes = as_int(arith::simplify(element_count(smaller->shape) * smaller->element.bytes()));
    Name scope = "global";
    bool own = inside_parallel || !shares_threads(body);
    if (bytes && own) scope = *bytes <= stack_bytes ? "local" : "scratch";
    smaller = with(smaller, &Buffer::scope, scope);
    auto index = [&](const List<Ref<Expr>>& old) {
      std::vector<Ref<Expr>> out;
      for (size_t d : kept) out.push_back(old[d]);
      return List<Ref<Expr>>(std::move(out));
    };
    Ref<Stmt> changed = rewrite(
        body,
        [&](const Load& l, Rewrite again) -> Opt<Expr> {
          if (!l.buffer.same_as(buffer)) return again(ref_to<Expr>(l));
          return make(Load{.buffer = smaller, .index = index(again(l.index)), .mask = again(l.mask)});
        },
        [&](const Store& s, Rewrite again) -> Opt<Stmt> {
          if (!s.buffer.same_as(buffer)) return again(ref_to<Stmt>(s));
          return make(Store{.buffer = smaller, .index = index(again(s.index)), .value = again(s.value), .mask = again(s.mask)});
        });
    return make(Allocate{.buffer = smaller, .body = changed});
  }

  static bool only_uses(const Ref<Expr>& e, const std::vector<Ref<Var>>& variables) {
    if (as<IntImm>(e)) return true;
    bool fine = true;
    visit(
        e,
        [&](const Var& v) {
          bool known = false;
          for (const auto& a : variables) known = known || a.same_as(&v);
          fine = fine && known;
        },
        [&](const Load&) { fine = false; });
    return fine;
  }
};

} // namespace

Ref<Kernel> place_allocations(const Ref<Kernel>& kernel, PassContext&) {
  std::vector<Ref<Buffer>> buffers;
  Ref<Stmt> body = rewrite(kernel->body, [&](const Allocate& a) -> Opt<Stmt> {
    buffers.push_back(a.buffer);
    return a.body;
  });
  for (const auto& buffer : buffers) body = Placer().place(buffer, body, false, {});
  return with(kernel, &Kernel::body, body);
}

extern const Pass place_allocations_pass;
const Pass place_allocations_pass = {.name = "place_allocations",
                                     .doc = "gives each buffer of a kernel the smallest scope, shape and memory that do",
                                     .kernel = place_allocations};

} // namespace tw::passes
