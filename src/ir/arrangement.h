// SPDX-License-Identifier: Apache-2.0
// The bytes of a constant as those of another one in another order, perhaps scaled: what transposing, scaling and packing weights leave
// behind. Nothing is copied until the bytes are wanted, and several such steps in a row are one copy, from the model's file to the place
// where machine code reads them. So weights are in memory about once while a model is compiled, however many passes move them.
#pragma once

#include "base/dtype.h"
#include "ir/blob.h"

#include <functional>
#include <optional>

namespace tw {

// A dimension of a part, in elements: how far one step goes in the source, and in the factors.
struct ArrangedDim {
  int64_t extent = 1, stride = 0, factor = 0;
  bool operator==(const ArrangedDim&) const = default;
};
// Elements that lie in the result one after the other, in row-major order of the dimensions.
struct ArrangedPart {
  int64_t to = 0, from = 0, factor = 0; // where it begins: in the result, in the source, in the factors
  std::vector<ArrangedDim> dims;
  int64_t count() const;
  bool operator==(const ArrangedPart&) const = default;
};

struct Arrangement {
  Blob source;
  DType element;
  std::vector<ArrangedPart> parts;                    // in order, without gaps
  std::shared_ptr<const std::vector<double>> factors; // f32 only; products are rounded once. None: not scaled
  bool without_subnormals = false;                    // f32 only: those are zero in the result

  int64_t count() const;
  std::byte* read(int64_t index, std::byte* to) const; // one element
  // Independent jobs that together write the result to `to`. Each gives back the pages of the source's file that it is done with.
  void copy_steps(std::byte* to, std::vector<std::function<void()>>& steps) const;
};

// The elements of a row-major array with the dimensions in another order: dimension d of the result is dimension axes[d].
Blob permuted(const Blob& data, DType element, const std::vector<int64_t>& shape, const std::vector<int64_t>& axes);
// Where a dimension of an array is read: at `begin` + `step` times the index along `dimension` of the result, or at `begin` only.
struct ReadAt {
  std::optional<size_t> dimension;
  int64_t begin = 0, step = 1;
};
// The array that has, at each index, the element that `reads` (one for each dimension of the source) names: expanded, sliced, transposed.
// Contract: all of them lie inside, no step is negative.
Blob indexed(const Blob& data, DType element, const std::vector<int64_t>& shape, const std::vector<ReadAt>& reads,
             const std::vector<int64_t>& result);
// Each element times the factor of its place along the axis. Contract: f32.
Blob scaled(const Blob& data, DType element, const std::vector<int64_t>& shape, size_t axis, const std::vector<double>& factors);
// One dimension cut into panels of `width`, each contiguous with that dimension last; the last panel may be narrower.
Blob paneled(const Blob& data, DType element, const std::vector<int64_t>& shape, size_t dimension, int64_t width,
             bool without_subnormals = false);

} // namespace tw
