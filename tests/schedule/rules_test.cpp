// SPDX-License-Identifier: Apache-2.0
// The rules on small kernels: the numbers stay, products become register tiles.
#include "kernels.h"

#include "schedule/rules/rules.h"

namespace tw {
namespace {

using namespace schedule;
using testing::buffer;
using testing::nest;

Ref<Kernel> product(const Ref<Expr>& rows, int64_t columns, const std::vector<Ref<Var>>& dims) {
  Ref<Buffer> a = buffer("A", {rows, imm(24)}), b = buffer("B", shape_of({24, columns})), t = buffer("T", {rows, imm(columns)}),
              c = buffer("C", {rows, imm(columns)});
  auto mm = nest(
      "mm", {rows, imm(columns), imm(24)},
      [&](auto v) {
        return store(t, {v[0], v[1]}, load(t, {v[0], v[1]}) + load(a, {v[0], v[2]}) * load(b, {v[2], v[1]}));
      },
      2,
      [&](auto v) {
        return store(t, {v[0], v[1]}, literal(0, f32));
      });
  auto relu = nest("relu", {rows, imm(columns)}, [&](auto v) { return store(c, v, max(load(t, v), literal(0, f32))); });
  return testing::kernel({a, b}, {c}, {t}, {mm.stmt, relu.stmt}, dims);
}

int tiles(const Ref<Kernel>& k) {
  int count = 0;
  visit(k->body, [&](const RegisterTile&) { ++count; });
  return count;
}

TEST(Rules, ProductsBecomeRegisterTilesAndKeepTheirNumbers) {
  Target target;
  std::vector<std::string> remarks;
  auto remark = [&](std::string subject, std::string text) { remarks.push_back(subject + ": " + text); };
  Ref<Var> n = dim("n", 1, 100);
  for (int64_t columns : {16, 40, 7}) {
    for (bool symbolic : {false, true}) {
      Ref<Kernel> k = symbolic ? product(n, columns, {n}) : product(imm(13), columns, {});
      Ref<Kernel> scheduled = schedule_kernel(k, target, remark);
      EXPECT_GT(tiles(scheduled), 0) << columns << symbolic << "\n" << ::testing::PrintToString(remarks) << to_text(scheduled);
      EXPECT_EQ(testing::misplaced(*scheduled), "");
      for (int64_t rows : symbolic ? std::vector<int64_t>{1, 5, 17} : std::vector<int64_t>{0}) {
        std::vector<int64_t> dims = symbolic ? std::vector<int64_t>{rows} : std::vector<int64_t>{};
        EXPECT_EQ(testing::run(*k, dims), testing::run(*scheduled, dims)) << to_text(scheduled);
      }
    }
  }
}

// Rows of each tile of the kernel, in order.
std::vector<int64_t> heights(const Ref<Kernel>& k) {
  std::vector<int64_t> out;
  visit(k->body, [&](const RegisterTile& t) { out.push_back(t.rows.empty() ? 1 : *as_int(t.rows.back()->extent)); });
  return out;
}

TEST(Rules, WhatIsLeftOfAnUnknownNumberOfRowsTakesTilesThatKeepTheUnitsBusy) {
  // Whole tiles, then the lowest that are as fast, then at most one that is lower still; any number of rows keeps its numbers.
  Target target = parse_target("x86-64-v4");
  Ref<Var> n = dim("n", 0, 1000);
  Ref<Kernel> k = product(n, 32, {n});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  EXPECT_EQ(heights(scheduled), (std::vector<int64_t>{12, 4, 2, 1})) << to_text(scheduled);
  EXPECT_EQ(testing::misplaced(*scheduled), "");
  for (int64_t rows : {0, 1, 2, 3, 7, 11, 12, 23, 50}) EXPECT_EQ(testing::run(*k, {rows}), testing::run(*scheduled, {rows})) << rows;
}

TEST(Rules, ImagesOfAKnownNumberOfRowsAreCutAsIfTheyWereAlone) {
  // 49 rows get the tiles of one image; 5 rows would make low ones, so that images become one run of rows.
  Target target = parse_target("x86-64-v4");
  Ref<Var> n = dim("n", 0, 100);
  auto alone = heights(schedule_kernel(product(imm(49), 32, {}), target, [](std::string, std::string) {}));
  for (auto [rows, expected] : {std::pair{49, alone}, {5, {12, 4, 2, 1}}}) {
    Ref<Buffer> a = buffer("A", {n, imm(rows), imm(24)}), b = buffer("B", shape_of({24, 32})), c = buffer("C", {n, imm(rows), imm(32)});
    auto mm = nest(
        "mm", {n, imm(rows), imm(32), imm(24)},
        [&](auto v) {
          return store(c, {v[0], v[1], v[2]}, load(c, {v[0], v[1], v[2]}) + load(a, {v[0], v[1], v[3]}) * load(b, {v[3], v[2]}));
        },
        3,
        [&](auto v) {
          return store(c, {v[0], v[1], v[2]}, literal(0, f32));
        });
    Ref<Kernel> k = testing::kernel({a, b}, {c}, {}, {mm.stmt}, {n});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(heights(scheduled), expected) << to_text(scheduled);
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    for (int64_t images : {0, 1, 3}) EXPECT_EQ(testing::run(*k, {images}), testing::run(*scheduled, {images})) << to_text(scheduled);
  }
}

TEST(Rules, NarrowWeightsLetRowsGoByOnceAndWideOnesLetPanels) {
  Target target;
  // The operand, A or B, that the outermost loop walks through.
  auto walked = [&](int64_t columns) {
    Ref<Kernel> k = product(imm(96), columns, {});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
    Opt<Var> outermost;
    std::string out;
    visit(
        scheduled.node(),
        [&](const For& f, Walk walk) {
          if (!outermost) outermost = f.var;
          walk(static_cast<const Node*>(&f));
        },
        [&](const RegisterTile& t) {
          visit(t.value.node(), [&](const Load& l) {
            for (const auto& i : l.index)
              if (uses(i.node(), outermost.node())) out += l.buffer->id.str();
          });
        });
    return out;
  };
  EXPECT_EQ(walked(64), "A");
  EXPECT_EQ(walked(target.l2_bytes / 8 / (24 * 4) / 64 * 64 + 64), "B");
}

TEST(Rules, OverlappingWindowsAndLargeWeightsStayOneBlock) {
  // Seven lines, whose windows fill the cache one by one: in seven blocks the weights of eight panels would be read seven times.
  Target target;
  target.l2_bytes = 4096;
  Ref<Buffer> a = buffer("A", shape_of({9, 9, 8})), b = buffer("B", shape_of({3, 3, 8, 128})), c = buffer("C", shape_of({7, 7, 128}));
  auto convolution = nest(
      "conv", shape_of({7, 7, 128, 3, 3, 8}),
      [&](auto v) {
        return store(c, {v[0], v[1], v[2]},
                     load(c, {v[0], v[1], v[2]}) + load(a, {v[0] + v[3], v[1] + v[4], v[5]}) * load(b, {v[3], v[4], v[5], v[2]}));
      },
      3,
      [&](auto v) {
        return store(c, {v[0], v[1], v[2]}, literal(0, f32));
      });
  Ref<Kernel> k = testing::kernel({a, b}, {c}, {}, {convolution.stmt}, {});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
  Opt<Var> outermost;
  visit(scheduled->body, [&](const For& f, Walk walk) {
    if (!outermost) outermost = f.var;
    walk(static_cast<const Node*>(&f));
  });
  int rows = 0, tiles = 0;
  visit(scheduled->body, [&](const RegisterTile& t) {
    ++tiles;
    visit(t.value, [&](const Load& l) {
      if (l.buffer.same_as(a))
        for (const auto& i : l.index) rows += uses(i.node(), outermost.node());
    });
  });
  EXPECT_GT(tiles, 0);
  EXPECT_EQ(rows, 0) << to_text(scheduled);
}

// Multiplications of a statement, and those of the thread with most of them when two share its loops.
int64_t products_of(const Node* n, bool busiest) {
  if (const auto* f = as<For>(n)) {
    int64_t times = as_int(f->extent).value();
    if (busiest && f->how == ForKind::parallel) return (times + 1) / 2 * products_of(f->body.node(), false);
    return times * products_of(f->body.node(), busiest);
  }
  if (const auto* t = as<RegisterTile>(n)) {
    int64_t points = as_int(t->column->extent).value();
    for (const auto& axis : t->rows) points *= as_int(axis->extent).value();
    for (const auto& axis : t->reduce) points *= as_int(axis->extent).value();
    return points;
  }
  int64_t sum = 0;
  for_children(n, [&](const Node* child) { sum += as<Stmt>(child) ? products_of(child, busiest) : 0; });
  return sum;
}

TEST(Rules, LinesAndPanelsThatNothingDividesAreCutSoThatThreadsDivideThem) {
  // Seventeen lines of five panels in two blocks would be six panels for one thread and four for the other; 28 lines in seven, four and
  // three.
  Target target = parse_target("x86-64-v4");
  target.cores = 2;
  for (auto [lines, columns] : {std::pair<int64_t, int64_t>{17, 80}, {17, 160}, {28, 32}, {28, 96}, {14, 48}}) {
    Ref<Buffer> a = buffer("A", shape_of({lines, 12, 64})), b = buffer("B", shape_of({3, 64, columns})),
                c = buffer("C", shape_of({lines, 10, columns}));
    auto convolution = nest(
        "conv", shape_of({lines, 10, columns, 3, 64}),
        [&](auto v) {
          return store(c, {v[0], v[1], v[2]},
                       load(c, {v[0], v[1], v[2]}) + load(a, {v[0], v[1] + v[3], v[4]}) * load(b, {v[3], v[4], v[2]}));
        },
        3,
        [&](auto v) {
          return store(c, {v[0], v[1], v[2]}, literal(0, f32));
        });
    Ref<Kernel> scheduled =
        schedule_kernel(testing::kernel({a, b}, {c}, {}, {convolution.stmt}, {}), target, [](std::string, std::string) {});
    const int64_t all = products_of(scheduled->body.node(), false), most = products_of(scheduled->body.node(), true);
    EXPECT_EQ(all, lines * 10 * columns * 3 * 64) << to_text(scheduled);
    EXPECT_LE(static_cast<double>(most) * 2, static_cast<double>(all) * 1.06) << to_text(scheduled);
  }
}

TEST(Rules, ReductionsOverRowsKeepTheirNumbers) {
  Target target;
  Ref<Var> n = dim("n", 1, 100);
  Ref<Buffer> a = buffer("A", {n, imm(48)}), sum = buffer("S", {n}), c = buffer("C", {n, imm(48)});
  auto first = nest(
      "sum", {n, imm(48)},
      [&](auto v) {
        return store(sum, {v[0]}, load(sum, {v[0]}) + load(a, {v[0], v[1]}));
      },
      1, [&](auto v) { return store(sum, {v[0]}, literal(0, f32)); });
  auto second = nest("centre", {n, imm(48)}, [&](auto v) { return store(c, v, load(a, v) * literal(48, f32) - load(sum, {v[0]})); });
  Ref<Kernel> k = testing::kernel({a}, {c}, {sum}, {first.stmt, second.stmt}, {n});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  EXPECT_EQ(testing::misplaced(*scheduled), "");
  for (int64_t rows : {1, 5, 17}) EXPECT_EQ(testing::run(*k, {rows}), testing::run(*scheduled, {rows})) << to_text(scheduled);
}

TEST(Rules, RowsThatAreGroupsOfOthersAreTakenTogether) {
  // Eight groups of four rows: one loop over the groups does everything, where each row asks only for its own group.
  Target target;
  for (bool own : {true, false}) {
    Ref<Buffer> a = buffer("A", shape_of({32, 48})), sum = buffer("S", shape_of({8})), c = buffer("C", shape_of({32, 48}));
    auto first = nest(
        "sum", shape_of({8, 4, 48}),
        [&](auto v) {
          return store(sum, {v[0]}, load(sum, {v[0]}) + load(a, {v[0] * 4 + v[1], v[2]}));
        },
        1, [&](auto v) { return store(sum, {v[0]}, literal(0, f32)); });
    auto second = nest("centre", shape_of({32, 48}), [&](auto v) {
      return store(c, v, load(a, v) * literal(48, f32) - load(sum, {own ? floordiv(v[0], 4) : floormod(v[0], 8)}));
    });
    Ref<Kernel> k = testing::kernel({a}, {c}, {sum}, {first.stmt, second.stmt}, {});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
    size_t groups = 0;
    visit(scheduled, [&](const For& f) { groups += f.how == ForKind::parallel && is_int(f.extent, 8); });
    EXPECT_EQ(groups, own ? 1 : 0) << to_text(scheduled);
  }
}

TEST(Rules, RowsOfAnyWidthKeepTheirNumbers) {
  // Whole vectors at once, several partial sums, and what is left over.
  Target target;
  for (int64_t width : {1, 2, 7, 8, 49, 96, 130, 288, 300}) {
    Ref<Buffer> a = buffer("A", shape_of({3, width})), sum = buffer("S", shape_of({3}));
    auto rows = nest(
        "sum", shape_of({3, width}),
        [&](auto v) {
          return store(sum, {v[0]}, load(sum, {v[0]}) + load(a, {v[0], v[1]}));
        },
        1, [&](auto v) { return store(sum, {v[0]}, literal(0, f32)); });
    Ref<Kernel> k = testing::kernel({a}, {sum}, {}, {rows.stmt}, {});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
  }
}

int squares(const Ref<Kernel>& k) {
  int count = 0;
  visit(k->body, [&](const For& f, Walk walk) {
    const auto* inner = as<For>(f.body);
    count += f.how == ForKind::vectorised && inner && inner->how == ForKind::vectorised;
    walk(static_cast<const Node*>(&f));
  });
  return count;
}

TEST(Rules, TransposesBecomeSquares) {
  // Both loops of a square are vectorised; rows and columns beside the squares keep their numbers too.
  Target target;
  for (auto [rows, columns] : {std::pair{32, 32}, {40, 19}, {17, 64}}) {
    Ref<Buffer> a = buffer("A", shape_of({2, columns, rows})), b = buffer("B", shape_of({2, rows, columns}));
    auto copy = nest("copy", shape_of({2, rows, columns}), [&](auto v) { return store(b, v, load(a, {v[0], v[2], v[1]})); });
    Ref<Kernel> k = testing::kernel({a}, {b}, {}, {copy.stmt}, {});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(squares(scheduled), 1) << to_text(scheduled);
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
  }
}

TEST(Rules, PlacesOfAMapAreTurnedTogetherWhereSquaresThenCoverThem) {
  // Twelve rows of twelve places are 144, whole squares of eight or sixteen; ten of ten are not, and stay rows.
  Target target;
  const int64_t side = target.lanes(4);
  for (int64_t size : {12, 10}) {
    Ref<Buffer> first = buffer("A", shape_of({32, size, size})), last = buffer("B", shape_of({size, size, 32}));
    auto to_last = nest("to_last", shape_of({size, size, 32}), [&](auto v) { return store(last, v, load(first, {v[2], v[0], v[1]})); });
    auto to_first = nest("to_first", shape_of({32, size, size}), [&](auto v) { return store(first, v, load(last, {v[1], v[2], v[0]})); });
    for (const Ref<Kernel>& k :
         {testing::kernel({first}, {last}, {}, {to_last.stmt}), testing::kernel({last}, {first}, {}, {to_first.stmt})}) {
      Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
      size_t blocks = 0;
      visit(scheduled->body, [&](const Block&) { ++blocks; });
      EXPECT_EQ(blocks == 1, size * size % side == 0) << to_text(scheduled);
      EXPECT_EQ(testing::misplaced(*scheduled), "");
      EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
    }
  }
}

TEST(Rules, TransposesOfUnknownSizesBecomeSquaresToo) {
  // Whether rows, columns or both are unknown: one nest of squares, and any sizes, also less than a square, keep their numbers.
  Target target;
  Ref<Var> n = dim("n", 0, 100), m = dim("m", 0, 100);
  for (auto [rows, columns] : {std::pair<Ref<Expr>, Ref<Expr>>{n, imm(3)}, {n, imm(32)}, {imm(20), m}, {n, m}}) {
    Ref<Buffer> a = buffer("A", {imm(2), columns, rows}), b = buffer("B", {imm(2), rows, columns});
    auto copy = nest("copy", {imm(2), rows, columns}, [&](auto v) { return store(b, v, load(a, {v[0], v[2], v[1]})); });
    Ref<Kernel> k = testing::kernel({a}, {b}, {}, {copy.stmt}, {n, m});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(squares(scheduled), 1) << to_text(scheduled);
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    for (std::vector<int64_t> sizes : {std::vector<int64_t>{0, 5}, {1, 3}, {19, 33}, {40, 4}})
      EXPECT_EQ(testing::run(*k, sizes), testing::run(*scheduled, sizes)) << to_text(scheduled);
  }
}

TEST(Rules, AnIndexIsNotDividedByUnknownLengthsForLittleWork) {
  // Vectors of each line: threads share the lines, of which there may be expected to be enough. Of one unknown loop only, its own too.
  Target target;
  Ref<Var> n = dim("n", 0, 100), h = dim("h", 0, 100), w = dim("w", 0, 1000);
  auto divisions = [&](const std::vector<Ref<Expr>>& sizes) {
    std::vector<Ref<Expr>> from = sizes;
    std::rotate(from.begin() + 1, from.end() - 1, from.end());
    Ref<Buffer> a = buffer("A", from), b = buffer("B", sizes);
    auto copy = nest("copy", sizes, [&](auto v) {
      auto at = v;
      std::rotate(at.begin() + 1, at.end() - 1, at.end());
      return store(b, v, load(a, at));
    });
    Ref<Kernel> k = testing::kernel({a}, {b}, {}, {copy.stmt}, {n, h, w});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_EQ(testing::run(*k, {2, 3, 21}), testing::run(*scheduled, {2, 3, 21})) << to_text(scheduled);
    int count = 0;
    visit(scheduled->body, [&](const For& f, Walk walk) {
      if (f.how != ForKind::parallel) return walk(static_cast<const Node*>(&f));
      visit(f.body, [&](const Binary& x) { count += x.op == BinaryOp::floordiv && uses(x.b.node(), w.node()); });
    });
    return count;
  };
  EXPECT_EQ(divisions({n, h, w, imm(3)}), 0);
  EXPECT_GT(divisions({n, w, imm(3)}), 0);
}

int questions(const Ref<Kernel>& k) {
  int count = 0;
  visit(
      k->body, [&](const Select&) { ++count; }, [&](const Load& load) { count += load.mask ? 1 : 0; });
  return count;
}

// The parts along a dimension, each with its border on both sides; zero behind the last.
Ref<Kernel> joined(const std::vector<int64_t>& shape, size_t axis, const std::vector<int64_t>& parts) {
  std::vector<Ref<Buffer>> inputs;
  for (int64_t part : parts) {
    std::vector<int64_t> sizes = shape;
    sizes[axis] = part;
    inputs.push_back(buffer(fmt::format("A{}", inputs.size()), shape_of(sizes)));
  }
  Ref<Buffer> c = buffer("C", shape_of(shape));
  std::vector<Ref<Expr>> extents;
  for (int64_t size : shape) extents.push_back(imm(size));
  auto map = nest("join", extents, [&](auto v) {
    Ref<Expr> value = zero(f32);
    int64_t begin = 0;
    for (int64_t part : parts) begin += part;
    for (size_t i = parts.size(); i-- > 0;) {
      begin -= parts[i];
      auto at = v;
      at[axis] = v[axis] - imm(begin);
      Ref<Expr> inside = i == 0 ? v[axis] <= imm(parts[0] - 1) : at[axis] >= imm(0) && imm(begin + parts[i]) > v[axis];
      Ref<Expr> x = make(Load{.buffer = inputs[i], .index = at, .mask = inside});
      value = select(inside, x, value);
    }
    return store(c, v, value);
  });
  return testing::kernel(inputs, {c}, {}, {map.stmt}, {});
}

TEST(Rules, BordersOfAnUnknownLengthAreCutToo) {
  // Two zeros, n numbers, zeros up to n + 5: no condition is left along the loop, also where n is 0.
  Target target;
  Ref<Var> n = dim("n", 0, 100);
  Ref<Buffer> a = buffer("A", {imm(3), n}), c = buffer("C", {imm(3), n + 5});
  auto map = nest("pad", {imm(3), n + 5}, [&](auto v) {
    Ref<Expr> inside = v[1] >= imm(2) && (v[1] - 2 < Ref<Expr>(n));
    return store(c, v, make(Load{.buffer = a, .index = {v[0], v[1] - 2}, .mask = inside}));
  });
  Ref<Kernel> k = testing::kernel({a}, {c}, {}, {map.stmt}, {n});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  EXPECT_EQ(questions(scheduled), 0) << to_text(scheduled);
  EXPECT_EQ(testing::misplaced(*scheduled), "");
  for (int64_t length : {0, 1, 40}) EXPECT_EQ(testing::run(*k, {length}), testing::run(*scheduled, {length})) << to_text(scheduled);
}

TEST(Partition, TakesAPlaceThatSpeaksOfTheExtentAndNeedsMoreThanItsSign) {
  // n - 1 lies within n only because n is at least 1.
  Target target;
  Ref<Var> n = dim("n", 1, 100);
  Ref<Buffer> a = buffer("A", {n}), c = buffer("C", {n});
  auto map = nest("copy", {n}, [&](auto v) { return store(c, v, load(a, v)); });
  Ref<Kernel> k = testing::kernel({a}, {c}, {}, {map.stmt}, {n});
  Schedule s(k, target);
  partition(s, map.loops[0], Ref<Expr>(n) - 1);
  for (int64_t length : {1, 7}) EXPECT_EQ(testing::run(*k, {length}), testing::run(*s.kernel().get(), {length}));
}

TEST(Rules, MapsAskNothingAlongALoopThatIsCutWhereAnswersChange) {
  // Whichever dimension the parts are joined along, and whether they fill it or zeros follow: no condition is left, numbers stay.
  Target target;
  for (size_t axis : {0, 1, 2})
    for (const std::vector<int64_t>& parts : {std::vector<int64_t>{3, 1, 8}, {5, 2}, {1}}) {
      std::vector<int64_t> shape = {5, 6, 7};
      shape[axis] = 12;
      Ref<Kernel> k = joined(shape, axis, parts);
      Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
      EXPECT_EQ(questions(scheduled), 0) << to_text(scheduled);
      EXPECT_EQ(testing::misplaced(*scheduled), "");
      EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
    }
}

std::vector<const RegisterTile*> tiles_of(const Ref<Kernel>& k) {
  std::vector<const RegisterTile*> out;
  visit(k->body, [&](const RegisterTile& t) { out.push_back(&t); });
  return out;
}
int allocations(const Ref<Kernel>& k) {
  int count = 0;
  visit(k->body, [&](const Allocate& a, Walk walk) {
    ++count;
    walk(static_cast<const Node*>(&a));
  });
  return count;
}

TEST(Rules, PhasesAreWrittenWhereTheyBelong) {
  // The map behind the phases becomes the tiles' epilogue where the phases divide the result; else it stays a nest of its own.
  Target target;
  for (int64_t length : {20, 19, 2}) {
    int64_t places = (length + 1) / 2;
    Ref<Buffer> a = buffer("A", shape_of({places + 1, 6})), b = buffer("B", shape_of({2, 6, 16})), c = buffer("C", shape_of({length, 16})),
                t = buffer("T", shape_of({2, places, 16}));
    auto sum = nest(
        "sum", shape_of({2, places, 16, 6}),
        [&](auto v) {
          return store(t, {v[0], v[1], v[2]}, load(t, {v[0], v[1], v[2]}) + load(a, {v[1] + v[0], v[3]}) * load(b, {v[0], v[3], v[2]}));
        },
        3,
        [&](auto v) {
          return store(t, {v[0], v[1], v[2]}, literal(0, f32));
        });
    auto relu = nest("relu", shape_of({length, 16}), [&](auto v) {
      return store(c, v, max(load(t, {floormod(v[0], imm(2)), floordiv(v[0], imm(2)), v[1]}), literal(0, f32)));
    });
    Ref<Kernel> k = testing::kernel({a, b}, {c}, {t}, {sum.stmt, relu.stmt});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    EXPECT_FALSE(tiles_of(scheduled).empty());
    EXPECT_EQ(allocations(scheduled), length % 2) << to_text(scheduled);
    EXPECT_EQ(testing::misplaced(*scheduled), "");
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
  }
}

TEST(Rules, RowsOfATileShareWhatIsReadAlongTheColumns) {
  // A convolution whose columns are places: the rows are output channels, not neighbouring lines, which would read vectors of their own.
  Target target;
  Ref<Buffer> a = buffer("A", shape_of({5, 12, 66})), b = buffer("B", shape_of({3, 5, 3})), c = buffer("C", shape_of({3, 12, 64}));
  auto sum = nest(
      "sum", shape_of({3, 12, 64, 5, 3}),
      [&](auto v) {
        return store(c, {v[0], v[1], v[2]}, load(c, {v[0], v[1], v[2]}) + load(a, {v[3], v[1], v[2] + v[4]}) * load(b, {v[0], v[3], v[4]}));
      },
      3,
      [&](auto v) {
        return store(c, {v[0], v[1], v[2]}, literal(0, f32));
      });
  Ref<Kernel> k = testing::kernel({a, b}, {c}, {}, {sum.stmt});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  ASSERT_FALSE(tiles_of(scheduled).empty());
  for (const RegisterTile* tile : tiles_of(scheduled)) {
    ASSERT_EQ(tile->rows.size(), 1u);
    visit(tile->value.node(), [&](const Load& load) {
      for (const auto& i : load.index) EXPECT_FALSE(load.buffer.same_as(a) && uses(i.node(), tile->rows[0]->var.node()));
    });
  }
  EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
}

TEST(Rules, WindowsWithStridesBecomeTilesAlongWhatIsReadWithGaps) {
  // All of a window's elements lie a few apart from column to column, which shuffles can take; nine apart they would be gathered.
  Target target;
  for (int64_t stride : {2, 5, 9}) {
    Ref<Buffer> a = buffer("A", shape_of({6, 20 * stride + 2})), c = buffer("C", shape_of({6, 20}));
    auto largest = nest(
        "largest", shape_of({6, 20, 3}),
        [&](auto v) {
          return store(c, {v[0], v[1]}, max(load(c, {v[0], v[1]}), load(a, {v[0], v[1] * stride + v[2]})));
        },
        2,
        [&](auto v) {
          return store(c, {v[0], v[1]}, literal(-1000, f32));
        });
    Ref<Kernel> k = testing::kernel({a}, {c}, {}, {largest.stmt});
    Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
    bool along = false; // the tile's columns are the window's places
    for (const RegisterTile* tile : tiles_of(scheduled)) along = along || as_int(tile->column->extent).value_or(0) > 3;
    EXPECT_EQ(along, stride < 9) << to_text(scheduled);
    EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
  }
}

TEST(Rules, SumsGoOverALineTogether) {
  // Two sums over the inner axis of lines, the second of which needs the first one's result of the same line, and a sum over the lines.
  Target target;
  Ref<Buffer> a = buffer("A", shape_of({9, 7, 16})), s = buffer("S", shape_of({9, 16})), q = buffer("Q", shape_of({9, 16})),
              c = buffer("C", shape_of({16}));
  auto zero_at = [&](const Ref<Buffer>& b) { return [b](auto v) { return store(b, {v[0], v[1]}, literal(0, f32)); }; };
  auto line = nest(
      "line", shape_of({9, 16, 7}),
      [&](auto v) {
        return store(s, {v[0], v[1]}, load(s, {v[0], v[1]}) + load(a, {v[0], v[2], v[1]}));
      },
      2, zero_at(s));
  auto spread = nest(
      "spread", shape_of({9, 16, 7}),
      [&](auto v) {
        Ref<Expr> d = load(a, {v[0], v[2], v[1]}) - load(s, {v[0], v[1]});
        return store(q, {v[0], v[1]}, load(q, {v[0], v[1]}) + d * d);
      },
      2, zero_at(q));
  auto total = nest(
      "total", shape_of({16, 9}),
      [&](auto v) {
        return store(c, {v[0]}, load(c, {v[0]}) + (load(q, {v[1], v[0]}) + load(s, {v[1], v[0]})));
      },
      1, [&](auto v) { return store(c, {v[0]}, literal(0, f32)); });
  Ref<Kernel> k = testing::kernel({a}, {c}, {s, q}, {line.stmt, spread.stmt, total.stmt});
  Ref<Kernel> scheduled = schedule_kernel(k, target, [](std::string, std::string) {});
  EXPECT_EQ(tiles_of(scheduled).size(), 3u) << to_text(scheduled);
  int together = 0;
  visit(scheduled->body, [&](const For& f) {
    int inside = 0;
    visit(f.body, [&](const RegisterTile&) { ++inside; });
    together += inside == 2;
  });
  EXPECT_EQ(together, 1) << to_text(scheduled);
  EXPECT_EQ(testing::run(*k, {}), testing::run(*scheduled, {})) << to_text(scheduled);
}

} // namespace
} // namespace tw
