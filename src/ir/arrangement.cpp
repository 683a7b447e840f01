// SPDX-License-Identifier: Apache-2.0
#include "ir/arrangement.h"

#include "base/diagnostics.h"
#include "base/mapped_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace tw {

namespace {
float normal_or_zero(float x) { return std::abs(x) < std::numeric_limits<float>::min() ? 0 : x; }
} // namespace

int64_t ArrangedPart::count() const {
  int64_t count = 1;
  for (const auto& d : dims) count *= d.extent;
  return count;
}

int64_t Arrangement::count() const { return parts.empty() ? 0 : parts.back().to + parts.back().count(); }

std::byte* Arrangement::read(int64_t index, std::byte* to) const {
  auto width = static_cast<size_t>(element.bytes());
  auto part = std::prev(std::ranges::upper_bound(parts, index, {}, &ArrangedPart::to));
  int64_t from = part->from, factor = part->factor, rest = index - part->to;
  for (size_t d = part->dims.size(); d-- > 0; rest /= part->dims[d].extent) {
    from += rest % part->dims[d].extent * part->dims[d].stride;
    factor += rest % part->dims[d].extent * part->dims[d].factor;
  }
  source.read(static_cast<size_t>(from) * width, {to, width});
  if (factors || without_subnormals) {
    float value;
    std::memcpy(&value, to, sizeof value);
    if (factors) value = static_cast<float>(value * (*factors)[static_cast<size_t>(factor)]);
    if (without_subnormals) value = normal_or_zero(value);
    std::memcpy(to, &value, sizeof value);
  }
  return to;
}

// ---- copying
namespace {

struct CopyDim {
  int64_t extent, to, from, factor; // strides
};

// Loops over the outer dimensions, the last of `dims` innermost; the source is walked mostly forwards.
template <class T> class Copy {
public:
  Copy(std::vector<CopyDim> dims, const double* factors, bool without_subnormals)
      : dims_(std::move(dims)), factors_(factors), computes_(factors || without_subnormals), without_subnormals_(without_subnormals) {
    size_t last = dims_.size() - 1;
    // Lines of the source that lie across the rows of the result are read whole: a block of rows at once.
    tile_ = dims_.size() >= 2 && dims_[last].from != 1 && dims_[last - 1].from == 1 && dims_[last - 1].factor == 0;
  }
  void run(T* to, const T* from, int64_t factor) { loop(0, to, from, factor); }

private:
  static constexpr int64_t rows = 16;

  void loop(size_t d, T* to, const T* from, int64_t factor) {
    const CopyDim& dim = dims_[d];
    if (d + 1 == dims_.size()) return row(to, from, factor);
    if (tile_ && d + 2 == dims_.size()) {
      int64_t i = 0;
      for (; i + rows <= dim.extent; i += rows) tile(to + i * dim.to, from + i, factor);
      for (; i < dim.extent; ++i) row(to + i * dim.to, from + i, factor);
      return;
    }
    for (int64_t i = 0; i < dim.extent; ++i) loop(d + 1, to + i * dim.to, from + i * dim.from, factor + i * dim.factor);
  }

  T scale(T value, int64_t factor) const {
    if constexpr (std::is_same_v<T, float>) {
      if (factors_) value = static_cast<float>(value * factors_[factor]);
      return without_subnormals_ ? normal_or_zero(value) : value;
    } else {
      return value;
    }
  }

  void tile(T* to, const T* from, int64_t factor) {
    const CopyDim &inner = dims_.back(), &outer = dims_[dims_.size() - 2];
    for (int64_t c = 0; c < inner.extent; ++c, from += inner.from) {
      if (computes_)
        for (int64_t r = 0; r < rows; ++r) to[r * outer.to + c * inner.to] = scale(from[r], factor + c * inner.factor);
      else
        for (int64_t r = 0; r < rows; ++r) to[r * outer.to + c * inner.to] = from[r];
    }
  }
  void row(T* to, const T* from, int64_t factor) {
    const CopyDim& dim = dims_.back();
    if (factors_ || (computes_ && (dim.from != 1 || dim.to != 1))) {
      for (int64_t i = 0; i < dim.extent; ++i) to[i * dim.to] = scale(from[i * dim.from], factor + i * dim.factor);
    } else if (dim.from == 1 && dim.to == 1) {
      std::memcpy(to, from, static_cast<size_t>(dim.extent) * sizeof(T));
      if constexpr (std::is_same_v<T, float>)
        if (without_subnormals_) flush(to, dim.extent);
    } else if (dim.from == 0 && dim.to == 1) {
      std::fill_n(to, dim.extent, *from);
    } else {
      for (int64_t i = 0; i < dim.extent; ++i) to[i * dim.to] = from[i * dim.from];
    }
  }

  // In blocks of a constant length, which compilers turn into vectors.
  static void flush(float* x, int64_t count) {
    std::array<float, 16> block;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
      std::memcpy(block.data(), x + i, sizeof block);
      for (float& value : block) value = normal_or_zero(value);
      std::memcpy(x + i, block.data(), sizeof block);
    }
    for (; i < count; ++i) x[i] = normal_or_zero(x[i]);
  }

  std::vector<CopyDim> dims_;
  const double* factors_;
  bool computes_, without_subnormals_, tile_ = false;
};

void copy(const std::vector<CopyDim>& dims, const Arrangement& how, std::byte* to, const std::byte* from, int64_t factor) {
  const double* factors = how.factors ? how.factors->data() : nullptr;
  auto run = [&]<class T>(T*) {
    Copy<T>(dims, factors, how.without_subnormals).run(reinterpret_cast<T*>(to), reinterpret_cast<const T*>(from), factor);
  };
  if (factors || how.without_subnormals) return run(static_cast<float*>(nullptr));
  DType element = how.element;
  switch (element.bytes()) {
  case 1: return run(static_cast<uint8_t*>(nullptr));
  case 2: return run(static_cast<uint16_t*>(nullptr));
  case 4: return run(static_cast<uint32_t*>(nullptr));
  case 8: return run(static_cast<uint64_t*>(nullptr));
  default: throw internal_error("an element of {} bytes", element.bytes());
  }
}

// The dimensions of a part as loops: neighbours that are one walk merged, the largest steps through the source outermost, except that the
// loop along the result, or across the lines of the source, stays innermost.
std::vector<CopyDim> loops_of(const ArrangedPart& part) {
  std::vector<CopyDim> dims;
  int64_t to = 1;
  for (size_t d = part.dims.size(); d-- > 0;) {
    const ArrangedDim& dim = part.dims[d];
    if (dim.extent == 1) continue;
    if (!dims.empty() && dims.back().from * dims.back().extent == dim.stride && dims.back().factor * dims.back().extent == dim.factor)
      dims.back().extent *= dim.extent;
    else dims.push_back({dim.extent, to, dim.stride, dim.factor});
    to *= dim.extent;
  }
  if (dims.empty()) dims.push_back({1, 1, 1, 0});
  std::sort(dims.begin() + 1, dims.end(), [](const CopyDim& a, const CopyDim& b) { return a.from < b.from; });
  std::ranges::reverse(dims);
  return dims;
}

} // namespace

void Arrangement::copy_steps(std::byte* to, std::vector<std::function<void()>>& steps) const {
  constexpr int64_t step_bytes = int64_t{2} << 20;
  auto width = static_cast<int64_t>(element.bytes());
  const std::byte* from = source.bytes().data();
  for (const ArrangedPart& part : parts) {
    if (part.count() == 0) continue;
    std::vector<CopyDim> dims = loops_of(part);
    // Cut where the source is walked in the largest steps: each job then reads a stretch of the file of its own.
    auto cut = static_cast<size_t>(std::ranges::max_element(dims, {}, [](const CopyDim& d) { return d.from; }) - dims.begin());
    int64_t extent = dims[cut].extent, each = part.count() / extent * width, at_once = std::clamp(step_bytes / each, int64_t{1}, extent);
    if (dims[cut].from == 1) at_once = std::min(extent, (at_once + 15) / 16 * 16);
    for (int64_t begin = 0; begin < extent; begin += at_once) {
      std::vector<CopyDim> mine = dims;
      mine[cut].extent = std::min(at_once, extent - begin);
      int64_t first = part.from + begin * dims[cut].from, factor = part.factor + begin * dims[cut].factor, span = 1;
      for (const CopyDim& d : mine) span += (d.extent - 1) * d.from;
      Arrangement how{.source = source, .element = element, .parts = {}, .factors = factors, .without_subnormals = without_subnormals};
      steps.push_back([=, target = to + (part.to + begin * dims[cut].to) * width] {
        copy(mine, how, target, from + first * width, factor);
        MappedFile::release({from + first * width, static_cast<size_t>(span * width)});
      });
    }
  }
}

// ---- making them
namespace {

// An array's dimensions, each as the walks through the source that it is made of.
struct View {
  Blob source;
  DType element;
  int64_t from = 0, factor = 0;
  std::vector<std::vector<ArrangedDim>> dims;
  std::shared_ptr<const std::vector<double>> factors;
  bool without_subnormals = false;

  Blob blob(std::vector<ArrangedPart> parts) const {
    return Blob(Arrangement{source, element, std::move(parts), factors, without_subnormals});
  }
  Blob blob() const {
    ArrangedPart part{.to = 0, .from = from, .factor = factor, .dims = {}};
    for (const auto& walks : dims) part.dims.insert(part.dims.end(), walks.begin(), walks.end());
    return blob({std::move(part)});
  }
};

View plain_view(const Blob& data, DType element, const std::vector<int64_t>& shape) {
  View view{.source = data, .element = element, .dims = {}, .factors = {}};
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) view.dims.push_back({{shape[d], stride, 0}});
  std::ranges::reverse(view.dims);
  return view;
}

// Cuts the walks of `part`, from the innermost, into those of each dimension; none if a dimension's end falls within a step.
std::optional<std::vector<std::vector<ArrangedDim>>> regroup(const ArrangedPart& part, const std::vector<int64_t>& shape) {
  std::vector<ArrangedDim> left = part.dims;
  std::vector<std::vector<ArrangedDim>> out(shape.size());
  for (size_t d = shape.size(); d-- > 0;) {
    int64_t wanted = shape[d];
    while (wanted > 1) {
      while (!left.empty() && left.back().extent == 1) left.pop_back();
      if (left.empty()) return {};
      ArrangedDim& walk = left.back();
      if (wanted % walk.extent == 0) {
        wanted /= walk.extent;
        out[d].insert(out[d].begin(), walk);
        left.pop_back();
      } else if (walk.extent % wanted == 0) {
        out[d].insert(out[d].begin(), {wanted, walk.stride, walk.factor});
        walk = {walk.extent / wanted, walk.stride * wanted, walk.factor * wanted};
        wanted = 1;
      } else {
        return {};
      }
    }
  }
  return out;
}

View view_of(const Blob& data, DType element, const std::vector<int64_t>& shape) {
  auto before = data.arrangement();
  if (!before || before->parts.size() != 1 || before->element != element) return plain_view(data, element, shape);
  const ArrangedPart& part = before->parts[0];
  auto dims = regroup(part, shape);
  if (!dims) return plain_view(data, element, shape);
  return {before->source, element, part.from, part.factor, std::move(*dims), before->factors, before->without_subnormals};
}

} // namespace

Blob permuted(const Blob& data, DType element, const std::vector<int64_t>& shape, const std::vector<int64_t>& axes) {
  std::vector<ReadAt> reads(shape.size());
  std::vector<int64_t> result;
  for (size_t d = 0; d < axes.size(); ++d) {
    reads[static_cast<size_t>(axes[d])].dimension = d;
    result.push_back(shape[static_cast<size_t>(axes[d])]);
  }
  return indexed(data, element, shape, reads, result);
}

Blob indexed(const Blob& data, DType element, const std::vector<int64_t>& shape, const std::vector<ReadAt>& reads,
             const std::vector<int64_t>& result) {
  View view = view_of(data, element, shape);
  auto is_whole = [&](size_t d) {
    const ReadAt& read = reads[d];
    return read.dimension && read.begin == 0 && read.step == 1 && result[*read.dimension] == shape[d];
  };
  // A part of a dimension that is several walks begins and ends anywhere in them.
  for (size_t d = 0; d < shape.size(); ++d)
    if (!is_whole(d) && view.dims[d].size() > 1) view = plain_view(data, element, shape);
  auto dims = std::exchange(view.dims, std::vector<std::vector<ArrangedDim>>(result.size()));
  for (size_t d = 0; d < shape.size(); ++d) {
    const ReadAt& read = reads[d];
    if (is_whole(d)) {
      auto& walks = view.dims[*read.dimension];
      TW_CHECK(walks.empty(), "two dimensions are read along one");
      walks = std::move(dims[d]);
      continue;
    }
    ArrangedDim walk = dims[d].empty() ? ArrangedDim{} : dims[d][0];
    view.from += read.begin * walk.stride;
    view.factor += read.begin * walk.factor;
    if (read.dimension) view.dims[*read.dimension] = {{result[*read.dimension], walk.stride * read.step, walk.factor * read.step}};
  }
  for (size_t d = 0; d < result.size(); ++d)
    if (view.dims[d].empty()) view.dims[d] = {{result[d], 0, 0}};
  return view.blob();
}

Blob scaled(const Blob& data, DType element, const std::vector<int64_t>& shape, size_t axis, const std::vector<double>& factors) {
  TW_CHECK(element == f32 && static_cast<size_t>(shape[axis]) == factors.size());
  View view = view_of(data, element, shape);
  if (view.factors || view.without_subnormals) view = plain_view(data, element, shape);
  int64_t stride = 1;
  for (size_t w = view.dims[axis].size(); w-- > 0; stride *= view.dims[axis][w].extent) view.dims[axis][w].factor = stride;
  view.factors = std::make_shared<const std::vector<double>>(factors);
  return view.blob();
}

Blob paneled(const Blob& data, DType element, const std::vector<int64_t>& shape, size_t dimension, int64_t width, bool without_subnormals) {
  TW_CHECK(element == f32 || !without_subnormals);
  View view = view_of(data, element, shape);
  if (view.dims[dimension].size() > 1) view = plain_view(data, element, shape);
  ArrangedDim columns = view.dims[dimension].empty() ? ArrangedDim{} : view.dims[dimension][0];
  view.without_subnormals = view.without_subnormals || without_subnormals;
  std::vector<ArrangedDim> rows;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != dimension) rows.insert(rows.end(), view.dims[d].begin(), view.dims[d].end());
  std::vector<ArrangedPart> parts;
  auto add = [&](int64_t begin, int64_t panels, int64_t wide) {
    if (panels * wide == 0) return;
    ArrangedPart part{.to = parts.empty() ? 0 : parts.back().count(),
                      .from = view.from + begin * columns.stride,
                      .factor = view.factor + begin * columns.factor,
                      .dims = {{panels, wide * columns.stride, wide * columns.factor}}};
    part.dims.insert(part.dims.end(), rows.begin(), rows.end());
    part.dims.push_back({wide, columns.stride, columns.factor});
    parts.push_back(std::move(part));
  };
  int64_t whole = columns.extent / width;
  add(0, whole, width);
  add(whole * width, 1, columns.extent - whole * width);
  return view.blob(std::move(parts));
}

} // namespace tw
