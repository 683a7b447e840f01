// SPDX-License-Identifier: Apache-2.0
// Kernels that compute or read a part of a larger value (concatenations in place) learn the distance from row to row: the parameter gets
// strides. Kernels that others call for dense values are copied.
#include "ir/visit.h"
#include "passes/operands.h"
#include "passes/pass.h"
#include "passes/placement.h"

#include <unordered_set>

namespace tw::passes {
namespace {

using Strides = List<Ref<Expr>>;

class StrideSetter {
public:
  explicit StrideSetter(const Ref<Module>& module) : module_(module) {}

  Ref<Module> run() {
    std::vector<Ref<Callable>> changed;
    for (const auto& callable : module_->functions)
      if (as<Function>(callable)) {
        Ref<Function> after = function(as_ref<Function>(callable));
        if (!after.same_as(callable)) changed.push_back(after);
      }
    if (changed.empty()) return module_;
    // Kernels that nobody calls for dense values any more.
    std::vector<Name> unused;
    for (const auto& [name, called] : still_called_)
      if (!called) unused.push_back(name);
    changed.insert(changed.end(), made_.begin(), made_.end());
    return with_callables(module_, changed, unused);
  }

private:
  static bool same(const Strides& a, const Strides& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return equal(x, y); });
  }

  Ref<Function> function(const Ref<Function>& function) {
    Placements places = placements(*function->body);
    return rewrite(function, [&](const Binding& binding) -> Opt<Node> {
      const auto* call = as<Invoke>(binding.operation);
      Opt<Callable> callee = call ? find_callable(module_, call->callee) : Opt<Callable>();
      const auto* kernel = as<Kernel>(callee);
      if (!kernel) return {};
      std::vector<Strides> strides;
      Sizes sizes(*kernel, *call);
      size_t argument = 0, value = 0;
      bool any = false;
      for (const auto& param : kernel->params) {
        const Node* operand = param->access == Access::out ? binding.values[value].node() : call->args[argument].node();
        argument += param->access != Access::out;
        value += param->access != Access::in;
        auto place = places.find(operand);
        strides.push_back(place == places.end() ? Strides() : strides_in(place->second.whole, operand, param->buffer->shape, sizes));
        any = any || !same(param->buffer->strides, strides.back());
      }
      if (!any) {
        still_called_[call->callee] = true;
        return {};
      }
      still_called_.try_emplace(call->callee, false);
      Name name = strided(as_ref<Kernel>(callee), strides, sizes.dims);
      Ref<Invoke> strided_call = with(with(ref_to(*call), &Invoke::callee, name), &Invoke::scalars, List<Ref<Expr>>(sizes.scalars));
      return with(ref_to(binding), &Binding::operation, Ref<Operation>(strided_call));
    });
  }

  // The caller's sizes as a kernel knows them: by its dims, to which it gets those that it has none for.
  struct Sizes {
    std::vector<Ref<Var>> dims;
    std::vector<Ref<Expr>> scalars;
    Substitution renaming;

    Sizes(const Kernel& kernel, const Invoke& call) : dims(kernel.dims.vector()), scalars(call.scalars.vector()) {
      for (size_t i = 0; i < dims.size(); ++i)
        if (as<Var>(scalars[i])) renaming.emplace(scalars[i].node(), dims[i]);
    }
    Ref<Expr> in_kernel(const Ref<Expr>& size) {
      visit(size, [&](const Var& v) {
        if (renaming.contains(&v)) return;
        dims.push_back(dim(v.id, v.min, v.max, v.multiple));
        scalars.push_back(ref_to<Expr>(v));
        renaming.emplace(&v, dims.back());
      });
      return substitute(size, renaming);
    }
  };

  // Elements from one index to the next along each dimension of a part, which the kernel knows by that shape; empty: it is dense.
  static Strides strides_in(const Node* whole, const Node* part, const Shape& shape, Sizes& sizes) {
    Shape outer = shape_of_operand(whole), inner = shape_of_operand(part);
    size_t outermost = 0; // its size is in no stride that counts
    while (outermost + 1 < shape.size() && is_int(shape[outermost], 1)) ++outermost;
    std::vector<Ref<Expr>> known = shape.vector();
    for (size_t d = 0; d < known.size(); ++d)
      if (as_int(outer[d]) || (d > outermost && !equal(outer[d], inner[d]))) known[d] = sizes.in_kernel(outer[d]);
    Strides strides = dense_strides(Shape(known)), own = dense_strides(shape);
    bool dense = true;
    for (size_t d = 0; d < strides.size(); ++d) dense = dense && (is_int(shape[d], 1) || equal(strides[d], own[d]));
    return dense ? Strides() : strides;
  }

  Name strided(const Ref<Kernel>& kernel, const std::vector<Strides>& strides, const std::vector<Ref<Var>>& dims) {
    std::vector<Ref<Param>> params;
    Substitution buffers;
    for (size_t i = 0; i < strides.size(); ++i) {
      Ref<Buffer> buffer = kernel->params[i]->buffer;
      if (!strides[i].empty()) {
        buffer = make(Buffer{.id = buffer->id, .shape = buffer->shape, .element = buffer->element, .strides = strides[i]});
        buffers.emplace(kernel->params[i]->buffer.node(), buffer);
      }
      params.push_back(with(kernel->params[i], &Param::buffer, buffer));
    }
    Ref<Kernel> copy =
        with(with(kernel, &Kernel::body, substitute(kernel->body, buffers)), &Kernel::params, List<Ref<Param>>(std::move(params)));
    copy = renew(with(copy, &Kernel::dims, List<Ref<Var>>(dims)));
    auto& same = by_kernel_[kernel->id];
    for (const auto& known : same)
      if (equal(with(known, &Kernel::id, kernel->id), copy)) return known->id;
    Name name = kernel->id;
    for (int n = 1; find_callable(module_, name) || !names_.insert(name).second; ++n) name = fmt::format("{}_part_{}", kernel->id.str(), n);
    copy = with(copy, &Kernel::id, name);
    same.push_back(copy);
    made_.push_back(copy);
    return name;
  }

  Ref<Module> module_;
  std::map<Name, bool> still_called_; // kernels that some call gives a part
  std::map<Name, std::vector<Ref<Kernel>>> by_kernel_;
  std::unordered_set<Name> names_;
  std::vector<Ref<Callable>> made_;
};

} // namespace

Ref<Module> set_strides(const Ref<Module>& module, PassContext&) { return StrideSetter(module).run(); }

extern const Pass set_strides_pass;
const Pass set_strides_pass = {
    .name = "set_strides", .doc = "gives kernels that compute or read a part of a larger value its strides", .graph = set_strides};

} // namespace tw::passes
