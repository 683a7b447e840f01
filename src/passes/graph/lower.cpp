// SPDX-License-Identifier: Apache-2.0
// Each fused function becomes one kernel: the loops of its operators one after the other, as their `compute` writes them, unscheduled.
// Parameters in order: the function's, then its results. Sizes stay symbolic: the kernel's dims are the function's.
#include "ir/visit.h"
#include "ops/op.h"
#include "passes/fusion.h"
#include "passes/pass.h"

#include <cstring>
#include <set>

namespace tw::passes {
namespace {

class Lowering {
public:
  explicit Lowering(const Ref<Function>& function) : function_(function) {}

  Ref<Kernel> run() {
    const Body& body = *function_->body;
    std::vector<Ref<Param>> params;
    for (const auto& p : body.params) {
      Ref<Buffer> buffer = buffer_for(p.node(), p->id);
      buffers_.emplace(p.node(), buffer);
      params.push_back(make(Param{.buffer = buffer, .access = Access::in}));
    }
    for (size_t i = 0; i < body.results.size(); ++i) {
      Ref<Buffer> buffer = buffer_for(body.results[i].node(), fmt::format("out{}", i));
      buffers_.emplace(body.results[i].node(), buffer);
      params.push_back(make(Param{.buffer = buffer, .access = Access::out}));
    }
    for (const auto& binding : body.bindings) with_place("operator " + as<OpCall>(binding->operation)->op.str(), [&] { call(*binding); });
    Ref<Stmt> statement = seq(statements_);
    for (size_t i = intermediates_.size(); i-- > 0;) statement = make(Allocate{.buffer = intermediates_[i], .body = statement});
    return make(
        Kernel{.id = function_->id, .dims = function_->dims, .params = std::move(params), .body = statement, .attrs = function_->attrs});
  }

private:
  Ref<Buffer> buffer_for(const Node* operand, Name id) {
    Ref<TensorType> type = tensor_of(operand);
    return make(Buffer{.id = id, .shape = type->shape, .element = type->element});
  }

  // A constant of one element is written out: a buffer that its reader replaces by the literal.
  Opt<Buffer> input(const Opt<Operand>& arg) {
    if (!arg) return {};
    if (auto found = buffers_.find(arg.node()); found != buffers_.end()) return found->second;
    Ref<Buffer> buffer = buffer_for(arg.node(), "literal");
    buffers_.emplace(arg.node(), buffer);
    literals_.emplace(buffer.node(), literal_of(*as<Constant>(arg)));
    return buffer;
  }

  static Ref<Expr> literal_of(const Constant& c) {
    DType t = c.type->element;
    if (t == f32) return literal(c.data.as<float>()[0], t);
    if (t == f64) return literal(c.data.as<double>()[0], t);
    if (t == f16) return literal(half_to_float(c.data.as<uint16_t>()[0]), t);
    if (t == bf16) return literal(bfloat_to_float(c.data.as<uint16_t>()[0]), t);
    int64_t value = 0;
    std::memcpy(&value, c.data.bytes().data(), static_cast<size_t>(t.bytes()));
    return imm(t.is_bool() ? value != 0 : value, t); // IntImm wraps to the width
  }

  void call(const Binding& binding) {
    const auto& operation = *as<OpCall>(binding.operation);
    OriginScope origin(binding.operation->origin);
    std::vector<Opt<Buffer>> inputs;
    for (const auto& a : operation.args) inputs.push_back(input(a));
    std::vector<Ref<Buffer>> outputs;
    for (const auto& v : binding.values) {
      auto found = buffers_.find(v.node());
      if (found == buffers_.end()) {
        found = buffers_.emplace(v.node(), buffer_for(v.node(), unique(v->id.str()))).first;
        intermediates_.push_back(as_ref<Buffer>(found->second));
      }
      outputs.push_back(as_ref<Buffer>(found->second));
    }
    ops::Compute compute(operation, inputs, outputs, fmt::format("{}{}", operation.op.str(), blocks_++));
    ops::get(operation.op).compute(compute);
    for (const auto& b : compute.intermediates()) intermediates_.push_back(b);
    for (const auto& s : compute.statements()) statements_.push_back(literals_.empty() ? s : with_literals(s));
  }

  Ref<Stmt> with_literals(const Ref<Stmt>& statement) const {
    return rewrite(
        statement,
        [&](const Load& load) -> Opt<Expr> {
          auto found = literals_.find(load.buffer.node());
          return found == literals_.end() ? Opt<Expr>() : Opt<Expr>(found->second);
        },
        [&](const Block& block) -> Opt<Stmt> {
          std::vector<Ref<Region>> reads;
          for (const auto& region : block.reads)
            if (!literals_.count(region->buffer.node())) reads.push_back(region);
          if (reads.size() == block.reads.size()) return {};
          return with(ref_to(block), &Block::reads, List<Ref<Region>>(std::move(reads)));
        });
  }

  // Values of different operators may have one name; their blocks must not.
  std::string unique(const std::string& id) {
    std::string name = id;
    for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", id, i);
    return name;
  }

  Ref<Function> function_;
  std::unordered_map<const Node*, Opt<Buffer>> buffers_;
  std::unordered_map<const Node*, Ref<Expr>> literals_;
  std::vector<Ref<Buffer>> intermediates_;
  std::vector<Ref<Stmt>> statements_;
  std::set<std::string> names_;
  int blocks_ = 0;
};

} // namespace

Ref<Module> lower(const Ref<Module>& module, PassContext&) {
  std::vector<Ref<Callable>> changed;
  for (const auto& callable : module->functions)
    if (is_fused(*callable)) changed.push_back(Lowering(as_ref<Function>(callable)).run());
  return with_callables(module, changed);
}

extern const Pass lower_pass;
const Pass lower_pass = {
    .name = "lower", .doc = "turns each fused group into one unscheduled kernel", .graph = lower, .leaves = Stage::lowered};

} // namespace tw::passes
