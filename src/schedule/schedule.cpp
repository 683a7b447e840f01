// SPDX-License-Identifier: Apache-2.0
#include "schedule/schedule.h"

#include "ir/visit.h"

namespace tw::schedule {

Error schedule_error(const char* primitive, const std::string& place, const std::string& sentence) {
  return user_error("{}: {}", primitive, sentence).at(place);
}

std::vector<Ref<Block>> Schedule::blocks() const {
  std::vector<Ref<Block>> out;
  visit(kernel_->body, [&](const Block& b) { out.push_back(ref_to(b)); });
  return out;
}

Ref<Block> Schedule::block(Name id) const {
  for (const auto& b : blocks())
    if (b->id == id) return b;
  throw schedule_error("schedule", "kernel " + kernel_->id.str(), fmt::format("there is no block '{}'", id.str()));
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
  if (!found)
    throw schedule_error("schedule", "kernel " + kernel_->id.str(), fmt::format("there is no loop '{}' any more", variable->id.str()));
  return as_ref<For>(found);
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
