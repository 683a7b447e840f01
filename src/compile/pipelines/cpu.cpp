// SPDX-License-Identifier: Apache-2.0
#include "compile/pipelines/cpu.h"

#include "schedule/rules/rules.h"

#include <passes/all.h> // generated: every pass

namespace tw::compile {

using namespace tw::passes;

namespace {
Ref<Kernel> schedule_for_target(const Ref<Kernel>& kernel, PassContext& context) {
  return schedule::schedule_kernel(kernel, context.target,
                                   [&](std::string subject, std::string text) { context.remark(std::move(subject), std::move(text)); });
}
} // namespace

extern const Pass schedule_pass;
const Pass schedule_pass = {
    .name = "schedule", .doc = "schedules each kernel by its family's rule", .kernel = schedule_for_target, .leaves = Stage::scheduled};

Pipeline cpu_pipeline(const Target&) {
  return {
      &pin_dimensions_pass,
      &inline_functions_pass,
      &check_sizes_pass, // before anything is taken apart: the operators' own conditions, in the model's terms
      &decompose_pass,
      &fold_constants_pass, // before layout: what it permutes is done now, not in each run
      &eliminate_common_subexpressions_pass,
      &simplify_graph_pass,
      &recognise_patterns_pass,
      &merge_products_pass,  // asks who is attention
      &fold_batch_norm_pass, // before layout: it looks for weights as the model has them
      &assign_layout_pass,
      &split_phases_pass,   // before folding, which sorts the weights
      &fold_constants_pass, // the weights that assign_layout has permuted
      &simplify_graph_pass, // a transpose of one channel is a reshape
      &select_winograd_pass,
      &eliminate_common_subexpressions_pass,
      &eliminate_dead_code_pass,
      &materialise_results_pass, // before fusing: the copies may join other groups
      &pad_in_place_pass,
      &join_in_place_pass, // before fusing: such a concatenation is no kernel
      &fuse_pass,
      &lower_pass,
      &set_strides_pass, // before scheduling: the schedule goes by what lies side by side
      &schedule_pass,
      &eliminate_dead_stores_pass, // epilogues have taken values from registers
      &pack_weights_pass,          // the schedule has chosen the panels
      &pack_operands_pass,         // what is no constant
      &erase_blocks_pass,          // schedules are done: blocks have served
      &simplify_kernel_pass,       // makes equal indices equal, which place_allocations looks for
      &place_allocations_pass,
      &hoist_allocations_pass,
      &flatten_buffers_pass, // before vectorising: one index that can become a vector
      &simplify_kernel_pass,
      &vectorise_pass,
      &unroll_pass,
      &simplify_kernel_pass,
      &cut_deep_panels_pass, // the loops are as they will run
      &prefetch_panels_pass,
      &stream_results_pass, // stores are the vectors that they will be
      &plan_memory_pass,
      &prefetch_replaced_pass, // the plan says what is replaced
      &place_barriers_pass,    // who waits for whom depends on who shares memory
  };
}

} // namespace tw::compile
