// SPDX-License-Identifier: Apache-2.0
// Gives symbolic dimensions of the entry function fixed sizes (`dims={"batch": 4}`), and types everything again: what was computed from
// them becomes constant too.
#include "ir/visit.h"
#include "passes/graph_rewriter.h"

#include <unordered_set>

namespace tw::passes {
namespace {

std::string names_of(const List<Ref<Var>>& dims) {
  std::string out;
  for (const auto& dim : dims) out += fmt::format("{}'{}'", out.empty() ? "" : ", ", dim->id.str());
  return out.empty() ? "none" : out;
}

void check_size(const Var& dim, int64_t size) {
  if (size < dim.min) throw user_error("dimension '{}' must be at least {}, found {}", dim.id.str(), dim.min, size);
  if (size > dim.max) throw user_error("dimension '{}' must be at most {}, found {}", dim.id.str(), dim.max, size);
  if (dim.multiple > 1 && size % dim.multiple)
    throw user_error("dimension '{}' must be a multiple of {}, found {}", dim.id.str(), dim.multiple, size);
}

Ref<Module> pin_dimensions(const Ref<Module>& module, PassContext& context) {
  const auto& sizes = context.options.dims;
  if (sizes.empty()) return module;
  auto callable = find_callable(module, context.options.entry);
  const auto* function = as<Function>(callable);
  if (!function) throw user_error("the module has no function '{}'", context.options.entry);
  std::unordered_map<const Node*, Ref<Expr>> pinned;
  std::vector<Ref<Var>> others;
  std::unordered_set<std::string> found;
  for (const auto& dim : function->dims) {
    auto size = sizes.find(dim->id.str());
    if (size == sizes.end()) {
      others.push_back(dim);
      continue;
    }
    check_size(*dim.get(), size->second);
    pinned.emplace(dim.node(), imm(size->second, dim->type));
    found.insert(dim->id.str());
  }
  for (const auto& [name, size] : sizes)
    if (!found.count(name))
      throw user_error("the model has no symbolic dimension '{}'; it has: {}", name, names_of(function->dims))
          .hint("sizes that are fixed in the model cannot be set");
  Ref<Body> body = rewrite(
      function->body,
      [&](const Var& v) -> Opt<Expr> {
        auto size = pinned.find(&v);
        return size == pinned.end() ? Opt<Expr>() : size->second;
      },
      [](const Binary& e) -> Opt<Expr> { return binary(e.op, e.a, e.b); });
  Function copy(*function);
  copy.dims = std::move(others);
  copy.body = body;
  return with_callables(module, {infer_types_again(make(std::move(copy)))});
}

} // namespace

extern const Pass pin_dimensions_pass = {
    .name = "pin_dimensions",
    .doc = "gives symbolic dimensions of the entry function fixed sizes",
    .graph = pin_dimensions,
};

} // namespace tw::passes
