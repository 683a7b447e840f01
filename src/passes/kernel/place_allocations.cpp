// SPDX-License-Identifier: Apache-2.0
// Brings each buffer of a kernel to the smallest scope that holds all its uses, drops the dimensions in which that scope always uses one
// and the same index (a row's buffer needs no rows), and says where it lives: small ones on the stack, others of one thread in its scratch
// memory, those that several threads share stay `global`, for hoist_allocations. A buffer of one thread whose size is not constant is
// `global` too, so it keeps the dimensions that tell the threads apart.
#include "ir/visit.h"
#include "passes/pass.h"

namespace tw::passes {
namespace {

constexpr int64_t stack_bytes = 8192;

using Loops = std::vector<Ref<For>>;

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

// A buffer, and whether each iteration of a parallel loop has one of its own.
struct Allocation {
  Ref<Buffer> buffer;
  bool of_iteration = false;
};

class Placer {
public:
  explicit Placer(bool of_iteration) : of_iteration_(of_iteration) {}

  Ref<Stmt> place(const Ref<Buffer>& buffer, const Ref<Stmt>& body, Loops around) {
    // Descend while one child alone uses the buffer.
    if (const auto* f = as<For>(body)) {
      around.push_back(as_ref<For>(body));
      return with(as_ref<For>(body), &For::body, place(buffer, f->body, std::move(around)));
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
        parts[first] = place(buffer, parts[first], std::move(around));
        return seq(std::move(parts));
      }
      if (first < last && (first > 0 || last + 1 < x->body.size())) {
        std::vector<Ref<Stmt>> parts(x->body.begin(), x->body.begin() + static_cast<int64_t>(first));
        std::vector<Ref<Stmt>> users(x->body.begin() + static_cast<int64_t>(first), x->body.begin() + static_cast<int64_t>(last) + 1);
        parts.push_back(here(buffer, seq(std::move(users)), around));
        parts.insert(parts.end(), x->body.begin() + static_cast<int64_t>(last) + 1, x->body.end());
        return seq(std::move(parts));
      }
    }
    if (const auto* a = as<Allocate>(body); a && !uses(a->buffer.node(), buffer.node()))
      return with(as_ref<Allocate>(body), &Allocate::body, place(buffer, a->body, std::move(around)));
    return here(buffer, body, around);
  }

private:
  static bool shares_threads(const Ref<Stmt>& body) {
    bool found = false;
    visit(body, [&](const For& f) { found = found || f.how == ForKind::parallel; });
    return found;
  }

  // The buffer with the kept dimensions, and a first one for each loop of `rows`.
  static Ref<Buffer> narrowed(const Buffer& buffer, const std::vector<size_t>& kept, const Loops& rows) {
    std::vector<Ref<Expr>> shape;
    for (const auto& loop : rows) shape.push_back(loop->extent);
    for (size_t d : kept) shape.push_back(buffer.shape[d]);
    return make(Buffer{.id = buffer.id, .shape = shape, .element = buffer.element, .scope = buffer.scope});
  }

  Ref<Stmt> here(const Ref<Buffer>& buffer, const Ref<Stmt>& body, const Loops& around) {
    if (!touches(body.node(), buffer.node())) return body;
    auto same = constant_indices(body.node(), *buffer);
    Loops shared, rows;
    for (const auto& loop : around)
      if (loop->how == ForKind::parallel) shared.push_back(loop);
    std::vector<size_t> kept, kept_by_thread;
    for (size_t d = 0; d < same.size(); ++d) {
      bool outside = same[d] && only_uses(as_ref<Expr>(same[d]), around);
      if (!outside) kept.push_back(d);
      if (!outside || uses_any(as_ref<Expr>(same[d]), shared)) kept_by_thread.push_back(d);
    }
    Ref<Buffer> smaller = narrowed(*buffer, kept, {});
    auto bytes = as_int(arith::simplify(element_count(smaller->shape) * smaller->element.bytes()));
    Name scope = "global";
    if (bytes && (!shared.empty() || !shares_threads(body))) {
      scope = *bytes <= stack_bytes ? "local" : "scratch";
    } else {
      kept = kept_by_thread;
      if (of_iteration_) rows = shared;
      smaller = narrowed(*buffer, kept, rows);
    }
    smaller = with(smaller, &Buffer::scope, scope);
    auto index = [&](const List<Ref<Expr>>& old) {
      std::vector<Ref<Expr>> out;
      for (const auto& loop : rows) out.push_back(arith::simplify(loop->var - loop->begin));
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

  static bool only_uses(const Ref<Expr>& e, const Loops& loops) {
    if (as<IntImm>(e)) return true;
    bool fine = true;
    visit(
        e, [&](const Var& v) { fine = fine && uses_any(ref_to<Expr>(v), loops); }, [&](const Load&) { fine = false; });
    return fine;
  }
  static bool uses_any(const Ref<Expr>& e, const Loops& loops) {
    return std::any_of(loops.begin(), loops.end(), [&](const Ref<For>& loop) { return uses(e.node(), loop->var.node()); });
  }

  bool of_iteration_;
};

// The kernel's body without its allocations, which it appends.
Ref<Stmt> without_allocations(const Ref<Stmt>& body, std::vector<Allocation>& out) {
  int parallel = 0;
  return rewrite(
      body,
      [&](const Allocate& a, Rewrite again) -> Opt<Stmt> {
        Ref<Stmt> inside = again(a.body);
        out.push_back({a.buffer, parallel > 0});
        return inside;
      },
      [&](const For& f, Rewrite again) -> Opt<Stmt> {
        int step = f.how == ForKind::parallel ? 1 : 0;
        parallel += step;
        Ref<Stmt> inside = again(f.body);
        parallel -= step;
        return with(ref_to(f), &For::body, inside);
      });
}

} // namespace

Ref<Kernel> place_allocations(const Ref<Kernel>& kernel, PassContext&) {
  std::vector<Allocation> allocations;
  Ref<Stmt> body = without_allocations(kernel->body, allocations);
  for (const auto& a : allocations) body = Placer(a.of_iteration).place(a.buffer, body, {});
  return with(kernel, &Kernel::body, body);
}

extern const Pass place_allocations_pass;
const Pass place_allocations_pass = {.name = "place_allocations",
                                     .doc = "gives each buffer of a kernel the smallest scope, shape and memory that do",
                                     .kernel = place_allocations};

} // namespace tw::passes
