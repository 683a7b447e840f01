// SPDX-License-Identifier: Apache-2.0
// How register tiles read an operand column by column, and the order that suits them: panel after panel, each contiguous. A last, narrower
// panel is as wide as it needs to be: packing takes no more bytes than the operand had.
//
//   W: (K, N)  read as W[k, panel * 64 + column]   →   W: (K * N)  read as W[(panel * K + k) * 64 + column]
#pragma once

#include "arith/analyzer.h"
#include "ir/build.h"

#include <map>

namespace tw::passes {

struct Panels {
  std::vector<int64_t> shape; // of the operand
  size_t dimension = 0;       // the one that the columns walk along
  int64_t width = 0;
  int64_t columns() const { return shape[dimension]; }
  int64_t whole() const { return columns() / width * width; } // columns of whole panels
  int64_t rows() const;                                       // of a panel: all points of the other dimensions
  bool operator<(const Panels& other) const {
    return std::tie(shape, dimension, width) < std::tie(other.shape, other.dimension, other.width);
  }
};

// All reads of one parameter in a kernel.
class PanelReads {
public:
  PanelReads(const Kernel& kernel, const Buffer& buffer);
  // Empty unless the shape is constant, every read is that of a register tile's columns, and the operand does not lie in panels already;
  // one that does is one panel if `in_order` are wanted too.
  std::optional<Panels> panels(bool in_order = false);
  // How often each element is read, at least; loops of unknown length count once.
  int64_t times() const { return times_; }
  // A read, with its index in the packed buffer; empty for other loads.
  Opt<Expr> packed(const Load& load, const Panels& panels, const Ref<Buffer>& buffer);
  // The place of an element in the packed buffer: `row` counts the points of the other dimensions; `begin` and `extent` tell its panel.
  static Ref<Expr> place(const Panels& panels, const Ref<Expr>& row, const Ref<Expr>& begin, int64_t extent, const Ref<Expr>& column) {
    return begin * panels.rows() + row * extent + column;
  }

private:
  struct Read {
    Ref<Expr> begin; // of the tile's columns
    int64_t extent = 0;
    Ref<Var> column;
  };
  void add(const RegisterTile& tile, const Load& load);

  const Buffer& buffer_;
  arith::Analyzer analyzer_;
  std::vector<const For*> loops_;
  std::map<const Load*, Read> reads_;
  std::optional<size_t> dimension_;
  int inside_ = 0, all_ = 0;
  int64_t times_ = std::numeric_limits<int64_t>::max();
  bool fits_ = true;
};

} // namespace tw::passes
