// SPDX-License-Identifier: Apache-2.0
#include "schedule/schedule.h"

#include "ir/visit.h"

#include <algorithm>

namespace tw::schedule {

ScheduleError schedule_error(const char* primitive, const Place& place, const std::string& sentence) {
  return ScheduleError(fmt::format("{}: expected that {}", primitive, sentence), place);
}

std::vector<Ref<Block>> Schedule::blocks() const {
  std::vector<Ref<Block>> out;
  visit(kernel_->body, [&](const Block& b) { out.push_back(ref_to(b)); });
  return out;
}

Ref<Block> Schedule::block(Name id) const {
  for (const auto& b : blocks())
    if (b->id == id) return b;
  std::vector<std::string> names;
  for (const auto& b : blocks()) names.push_back("'" + b->id.str() + "'");
  throw ScheduleError(fmt::format("there is no block '{}'; there is {}", id.str(), fmt::join(names, ", ")), kernel_);
}

namespace {
bool find_path(const Node* here, const Node* wanted, std::vector<const Node*>& path) {
  path.push_back(here);
  if (here == wanted) return true;
  bool found = false;
  for_children(here, [&](const Node* c) {
    if (!found && as<Stmt>(c)) found = find_path(c, wanted, path);
  });
  if (!found) path.pop_back();
  return found;
}

// The statement with `node` replaced; empty if nothing remains.
Opt<Stmt> replaced(const Node* here, const std::vector<const Node*>& path, size_t depth, const Opt<Stmt>& replacement) {
  if (depth + 1 == path.size()) return replacement;
  const Node* next = path[depth + 1];
  Opt<Stmt> inside = replaced(next, path, depth + 1, replacement);
  if (const auto* x = as<Seq>(here)) {
    std::vector<Ref<Stmt>> body;
    for (const auto& part : x->body) {
      if (part.node() != next) body.push_back(part);
      else if (inside) body.push_back(as_ref<Stmt>(inside));
    }
    if (body.empty()) return {};
    return seq(std::move(body));
  }
  if (!inside) return {};
  bool done = false;
  return as_opt<Stmt>(map_children(here, [&](const Node* c) -> Opt<Node> {
    if (c != next || done) return Opt<Node>(c, 0);
    done = true;
    return inside;
  }));
}
} // namespace

std::vector<const Node*> Schedule::path(const Node* node) const {
  std::vector<const Node*> out;
  find_path(kernel_->body.node(), node, out);
  return out;
}

std::vector<Ref<For>> Schedule::loops(Name id) const {
  std::vector<Ref<For>> out;
  for (const Node* n : path(block(id).node()))
    if (const auto* f = as<For>(n)) out.push_back(ref_to(*f));
  return out;
}

Ref<For> Schedule::loop(const Ref<Var>& variable) const {
  Opt<For> found;
  visit(kernel_->body, [&](const For& f) {
    if (f.var.same_as(variable)) found = ref_to(f);
  });
  if (!found) throw ScheduleError(fmt::format("there is no loop '{}' any more", variable->id.str()), kernel_);
  return as_ref<For>(found);
}

std::vector<Ref<Buffer>> Schedule::buffers() const {
  std::vector<Ref<Buffer>> out;
  for (const auto& p : kernel_->params) out.push_back(p->buffer);
  visit(kernel_->body, [&](const Allocate& a, Walk walk) {
    out.push_back(a.buffer);
    walk(a.body);
  });
  return out;
}

namespace {
// The one of them that has the name.
template <class T>
Ref<T> named(const std::vector<Ref<T>>& all, const std::string& name, const char* what, const char* other, const Place& place) {
  Opt<T> found;
  int count = 0;
  std::vector<std::string> names;
  for (const auto& x : all) {
    if (std::string text = "'" + x->id.str() + "'"; std::find(names.begin(), names.end(), text) == names.end()) names.push_back(text);
    if (x->id.str() != name) continue;
    found = x;
    ++count;
  }
  if (count == 1) return as_ref<T>(found);
  if (count == 0) throw ScheduleError(fmt::format("there is no {} '{}'; there is {}", what, name, fmt::join(names, ", ")), place);
  ScheduleError several(fmt::format("there are {} {}s '{}'", count, what, name), place);
  std::move(several).hint(other);
  throw several;
}
} // namespace

Ref<Var> Schedule::loop_named(const std::string& name) const {
  Loops all;
  visit(kernel_->body, [&](const For& f, Walk walk) {
    all.push_back(f.var);
    walk(f.body);
  });
  return named(all, name, "loop", "take one of s.loops(block)", kernel_);
}

Ref<Buffer> Schedule::buffer_named(const std::string& name) const {
  return named(buffers(), name, "buffer", "take one of s.buffers()", kernel_);
}

bool Schedule::is_parameter(const Buffer& buffer) const {
  for (const auto& p : kernel_->params)
    if (p->buffer.same_as(&buffer)) return true;
  return false;
}

void Schedule::replace(const Node* node, const Opt<Stmt>& replacement) {
  auto where = path(node);
  TW_CHECK(!where.empty(), "the statement to replace is not in kernel {}", kernel_->id.str());
  Opt<Stmt> body = replaced(kernel_->body.node(), where, 0, replacement);
  set_body(body ? as_ref<Stmt>(body) : seq({}));
}

void Schedule::set_body(const Ref<Stmt>& body) {
  // A rule that changes the kernel itself: a trace without it would not be true.
  if (records()) trace_->text += "s.unrecorded()\n";
  kernel_ = with(kernel_, &Kernel::body, body);
}

void Schedule::adopt(Schedule attempt) {
  kernel_ = std::move(attempt.kernel_);
  trace_ = std::move(attempt.trace_);
}

Name Schedule::unique_block(const std::string& id) const {
  auto taken = [&](const std::string& name) {
    for (const auto& b : blocks())
      if (b->id == Name(name)) return true;
    return false;
  };
  std::string name = id;
  for (int n = 1; taken(name); ++n) name = fmt::format("{}_{}", id, n);
  return name;
}

} // namespace tw::schedule
