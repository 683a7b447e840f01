// SPDX-License-Identifier: Apache-2.0
// What convolutions share whose elements are multiplied in different ways.
#pragma once

#include "ops/products.h"

namespace tw::ops {

struct ConvolutionAttributes {
  List<int64_t> strides, dilations;
  List<Ref<Expr>> pads;
  int64_t groups = 1;
  bool channels_last = false;
  static constexpr auto fields =
      std::tuple{field("strides", &ConvolutionAttributes::strides), field("dilations", &ConvolutionAttributes::dilations),
                 field("pads", &ConvolutionAttributes::pads), field("groups", &ConvolutionAttributes::groups),
                 field("channels_last", &ConvolutionAttributes::channels_last)};
};

// `products`: of numbers in one of elements.
OpDef define_convolution(std::string doc, std::vector<std::string> inputs, int64_t products, Multiply multiply,
                         std::vector<std::string> examples);

} // namespace tw::ops
