// SPDX-License-Identifier: Apache-2.0
#include "ops/window.h"

#include "ops/loops.h"
#include "ops/sizes.h"

namespace tw::ops {

Indices DataLayout::index(const Ref<Expr>& n, const Ref<Expr>& channel, const Indices& place) const {
  Indices out{n};
  if (!channels_last) out.push_back(channel);
  out.insert(out.end(), place.begin(), place.end());
  if (channels_last) out.push_back(channel);
  return out;
}

Ref<Expr> WindowAxis::output(bool ceil_mode) const {
  Ref<Expr> room = input + pad_begin + pad_end - span();
  if (!ceil_mode) return simplified(floordiv(room, stride) + 1);
  Ref<Expr> count = ceildiv(room, imm(stride)) + 1;
  // The last window must begin inside the input or the padding before it.
  return simplified(select((count - 1) * stride >= input + pad_begin, count - 1, count));
}

namespace {
int64_t entry(const List<int64_t>& list, size_t d, size_t rank, const char* name) {
  if (list.empty()) return 1;
  if (list.size() != rank) throw user_error("{} must have {} entries, found {}", name, rank, list.size());
  if (list[d] < 1) throw user_error("{} must be at least 1, found {}", name, list[d]);
  return list[d];
}
} // namespace

Window make_window(const Shape& input, const Shape& kernel, const List<Ref<Expr>>& pads, const List<int64_t>& strides,
                   const List<int64_t>& dilations) {
  size_t rank = input.size();
  if (kernel.size() != rank) throw user_error("the kernel must have {} spatial sizes, found {}", rank, kernel.size());
  if (!pads.empty() && pads.size() != 2 * rank) throw user_error("pads must have {} entries, found {}", 2 * rank, pads.size());
  Window window;
  for (size_t d = 0; d < rank; ++d) {
    WindowAxis axis{.input = input[d],
                    .kernel = kernel[d],
                    .pad_begin = pads.empty() ? imm(0) : pads[d],
                    .pad_end = pads.empty() ? imm(0) : pads[rank + d],
                    .stride = entry(strides, d, rank, "strides"),
                    .dilation = entry(dilations, d, rank, "dilations")};
    if (auto k = as_int(kernel[d]); k && *k < 1) throw user_error("kernel sizes must be at least 1, found {}", *k);
    window.push_back(std::move(axis));
  }
  return window;
}

bool has_padding(const Window& window) {
  for (const auto& axis : window)
    if (!is_int(axis.pad_begin, 0) || !is_int(axis.pad_end, 0)) return true;
  return false;
}
Shape output_sizes(const Window& window, bool ceil_mode) {
  std::vector<Ref<Expr>> out;
  for (const auto& axis : window) out.push_back(axis.output(ceil_mode));
  return Shape(std::move(out));
}
Shape kernel_sizes(const Window& window) {
  std::vector<Ref<Expr>> out;
  for (const auto& axis : window) out.push_back(axis.kernel);
  return Shape(std::move(out));
}

void assume_fits(TypeContext& c, const Window& window) {
  for (const auto& axis : window) {
    Ref<Expr> room = simplified(axis.input + axis.pad_begin + axis.pad_end), span = simplified(axis.span());
    if (surely_at_most(span, room)) continue;
    std::string text = fmt::format("a window of {} must fit into a padded size of {}", to_string(span), to_string(room));
    if (surely_greater(span, room)) throw user_error("{}", text);
    c.assume(span <= room, text);
  }
}

Tensor padded(Compute& c, const Tensor& x, const DataLayout& layout, const Window& window, const Shape& outputs, const Ref<Expr>& fill) {
  DType type = fill->dtype;
  std::vector<Ref<Expr>> sizes;
  bool longer = false;
  for (size_t d = 0; d < window.size(); ++d) {
    const auto& axis = window[d];
    Ref<Expr> last = simplified((outputs[d] - 1) * axis.stride + axis.span());
    if (is_int(axis.pad_begin, 0) && surely_at_most(last, axis.input)) {
      sizes.push_back(axis.input);
      continue;
    }
    longer = true;
    sizes.push_back(last);
  }
  if (!longer && x.element() == type) return x;
  Shape shape = layout.shape(x.size(0), x.size(layout.channel()), Shape(sizes));
  return c.tensor(longer ? "padded" : "widened", shape, type, [&](Indices i) {
    Indices place = i;
    Ref<Expr> valid = imm(1, boolean);
    for (size_t d = 0; d < window.size(); ++d) {
      Ref<Expr>& p = place[layout.first() + d];
      if (sizes[d].same_as(window[d].input)) continue;
      p = p - window[d].pad_begin;
      valid = valid && inside(p, window[d].input);
    }
    Ref<Expr> value = cast(type, x.where(valid, place));
    if (const auto* f = as<FloatImm>(fill); is_int(fill, 0) || (f && f->value == 0)) return value;
    return select(valid, value, fill);
  });
}

} // namespace tw::ops
