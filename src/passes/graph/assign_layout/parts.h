// SPDX-License-Identifier: Apache-2.0
// What each operator call says about layouts. There are two: channels first, as the model declares it (N, C, space…), and channels last
// (N, space…, C). A tensor of rank 3 or more is in one of them at each side of a call.
#pragma once

#include "passes/operands.h"
#include "target/target.h"

namespace tw::passes::layout {

// Dimension i of channels-last data is dimension to_last(rank)[i] of channels-first data, and the other way round.
List<int64_t> to_last(size_t rank);
List<int64_t> to_first(size_t rank);
int64_t axis_in_last(int64_t axis, size_t rank);
template <class T> std::vector<T> permuted_to_last(const List<T>& sizes) {
  std::vector<T> out;
  for (int64_t d : to_last(sizes.size())) out.push_back(sizes[static_cast<size_t>(d)]);
  return out;
}

enum class Kind {
  fixed,          // takes and gives channels first
  twin,           // has the attribute `channels_last`
  follows,        // does the same in both layouts, with its attributes translated
  to_last,        // the model's own transpose to channels last: does nothing if its argument is channels last already
  to_first,       // the model's own transpose to channels first: does nothing if its result may stay channels last
  reads_any,      // a reshape of data whose spatial sizes are all 1: the bytes are the same in both layouts
  gives_any,      // a reshape to such data
  keeps_channels, // a reshape among spatial dimensions only
  flattens,       // a reshape to (N, C * space) for products by constants, whose rows can change places
};

struct Part {
  Kind kind = Kind::fixed;
  std::vector<size_t> followers;     // arguments that are in the call's layout; of full rank
  bool takes = false, gives = false; // has its arguments, its results a choice?
};
Part part_of(const OpCall& call, const List<Ref<Value>>& results);

// The attributes of the call for channels-last data; contract: its kind is twin or follows.
std::vector<Ref<Attr>> attributes_in_last(const OpCall& call, size_t rank);
// The order of a weight's dimensions for the channels-last twin; empty if the call has none.
std::vector<int64_t> weights_in_last(const OpCall& call, size_t rank);

size_t rank_of(const Node* operand);
template <class T> size_t rank_of(const Opt<T>& operand) { return rank_of(operand.node()); }
bool spatial_sizes_are_one(const Shape& shape);

// For each call whose arguments or results have a choice: are they channels last?
struct Choice {
  Part part;
  bool takes_last = false, gives_last = false;
};
using Plan = std::unordered_map<const Node*, Choice>; // by the first value that the call gives
// The choice that moves the fewest bytes, for the body and the bodies inside.
void plan_body(const Body& body, const Target& target, Plan& plan);

} // namespace tw::passes::layout
