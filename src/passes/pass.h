// SPDX-License-Identifier: Apache-2.0
// What a pass is: a free function Module → Module (graph passes) or Kernel → Kernel (kernel passes, mapped over all kernels), and one
// constant that names it. Results depend only on the module, the target and the options; a pass that changes nothing returns the same node.
//
//   Ref<Module> fold_batch_norm(const Ref<Module>&, PassContext&);
//   extern const Pass fold_batch_norm_pass;   // = {.name = "fold_batch_norm", .doc = …, .graph = fold_batch_norm}
//
// A file directly in passes/graph/ or passes/kernel/ is a pass; its parts, if it has several, lie in a folder of the same name. The build
// makes the table, and passes/all.h with every constant, from the names of the files.
// The driver (compile/driver.h) names, times, disables, verifies and dumps each; pipelines (compile/pipelines/) say the order.
#pragma once

#include "arith/analyzer.h"
#include "ir/build.h"
#include "ir/derived.h"
#include "ir/verify.h"
#include "target/target.h"

#include <map>
#include <span>

namespace tw::passes {

struct PassOptions {
  int64_t fold_bytes = int64_t{512} << 20; // largest constant that folding may make
  int64_t fold_steps = 200'000'000;        // scalar operations that folding may spend on one module
  std::map<std::string, int64_t> dims;     // sizes for symbolic dimensions of the entry function, by name (pin_dimensions)
  std::string entry = "main";              // the function that `dims` speaks of
  bool exact = false;                      // no approximations: neither Winograd nor reordered sums
};

struct PassContext {
  const Target& target;
  PassOptions options;
  std::vector<Remark> remarks; // fall-backs to something slow, assumptions, what a pass declined and why
  int threads = 1;
  void remark(std::string subject, std::string text) { remarks.push_back({std::move(subject), std::move(text)}); }
};

struct Pass {
  const char* name;
  const char* doc;
  Ref<Module> (*graph)(const Ref<Module>&, PassContext&) = nullptr;
  Ref<Kernel> (*kernel)(const Ref<Kernel>&, PassContext&) = nullptr;
  Stage leaves = Stage::any; // what every module is after it; `any`: what it was before
};

// Every pass by name, sorted; for the command line and Python.
std::span<const Pass* const> table();

// Runs a pass on a module: a kernel pass is mapped over the kernels.
Ref<Module> run(const Pass& pass, const Ref<Module>& module, PassContext& context);
// The module with every kernel replaced by what f gives, on all threads; each call has a context of its own.
Ref<Module> map_kernels(const Ref<Module>& module, PassContext& context, FunctionRef<Ref<Kernel>(const Ref<Kernel>&, PassContext&)> f);

// ---- helpers that passes share
// The module with some callables replaced or added (by name).
Ref<Module> with_callables(const Ref<Module>& module, const std::vector<Ref<Callable>>& changed, const std::vector<Name>& removed = {});
Name id_of(const Ref<Callable>& callable);
// The attributes with one set; what is new comes last.
List<Ref<Attr>> with_attribute(const List<Ref<Attr>>& attrs, std::string_view name, Attr::Value value);
Opt<Callable> find_callable(const Ref<Module>& module, Name name);
// Rewrites every body (function bodies and nested bodies of Branch and Loop), innermost first; f returns the new bindings.
Ref<Function> map_bodies(const Ref<Function>& function, FunctionRef<Ref<Body>(const Ref<Body>&)> f);

} // namespace tw::passes
