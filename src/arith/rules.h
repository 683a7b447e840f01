// SPDX-License-Identifier: Apache-2.0
// The rules that are not about sums, one a line: what is found, what takes its place, when.
//
//   x y z     any expression (of the same value wherever the letter stands)
//   c d       a literal
//   0 1 -0.0  this literal; true, false
//   when      comparisons of literals, joined by `and`
//
// What concerns sums, quotients and comparisons of integers is algebra, not pattern: see simplify.cpp, divide.cpp, compare.cpp.
#pragma once

#include "arith/state.h"

namespace tw::arith {

enum class Domain { integers, floats, booleans, numbers, all }; // of the whole expression

struct Rule {
  Domain domain;
  const char *found, *replacement, *when = nullptr;
};

inline constexpr Rule rules[] = {
    // ---- minimum and maximum: a literal stands second; nested ones lose what is said twice
    {Domain::numbers, "min(x, x)", "x"},
    {Domain::numbers, "max(x, x)", "x"},
    {Domain::numbers, "min(min(x, y), x)", "min(x, y)"},
    {Domain::numbers, "min(min(x, y), y)", "min(x, y)"},
    {Domain::numbers, "min(x, min(x, y))", "min(x, y)"},
    {Domain::numbers, "min(y, min(x, y))", "min(x, y)"},
    {Domain::numbers, "max(max(x, y), x)", "max(x, y)"},
    {Domain::numbers, "max(max(x, y), y)", "max(x, y)"},
    {Domain::numbers, "max(x, max(x, y))", "max(x, y)"},
    {Domain::numbers, "max(y, max(x, y))", "max(x, y)"},
    {Domain::integers, "min(max(x, y), x)", "x"},
    {Domain::integers, "min(max(x, y), y)", "y"},
    {Domain::integers, "min(x, max(x, y))", "x"},
    {Domain::integers, "min(y, max(x, y))", "y"},
    {Domain::integers, "max(min(x, y), x)", "x"},
    {Domain::integers, "max(min(x, y), y)", "y"},
    {Domain::integers, "max(x, min(x, y))", "x"},
    {Domain::integers, "max(y, min(x, y))", "y"},
    {Domain::integers, "min(min(x, c), d)", "min(x, min(c, d))"},
    {Domain::integers, "max(max(x, c), d)", "max(x, max(c, d))"},
    {Domain::integers, "min(min(x, c), y)", "min(min(x, y), c)"},
    {Domain::integers, "max(max(x, c), y)", "max(max(x, y), c)"},
    {Domain::integers, "min(max(x, c), d)", "d", "c >= d"},
    {Domain::integers, "max(min(x, c), d)", "d", "c <= d"},

    // ---- selections
    {Domain::all, "select(z, x, x)", "x"},
    {Domain::all, "select(true, x, y)", "x"},
    {Domain::all, "select(false, x, y)", "y"},
    {Domain::all, "select(not z, x, y)", "select(z, y, x)"},
    {Domain::all, "select(z, select(z, x, y), w)", "select(z, x, w)"},
    {Domain::all, "select(z, w, select(z, x, y))", "select(z, w, y)"},
    {Domain::all, "select(z, x, select(w, x, y))", "select(z or w, x, y)"},
    {Domain::all, "select(z, select(w, x, y), y)", "select(z and w, x, y)"},
    {Domain::booleans, "select(z, true, false)", "z"},
    {Domain::booleans, "select(z, false, true)", "not z"},
    {Domain::booleans, "select(z, x, false)", "z and x"},
    {Domain::booleans, "select(z, true, x)", "z or x"},
    {Domain::integers, "select(x < y, x, y)", "min(x, y)"},
    {Domain::integers, "select(x <= y, x, y)", "min(x, y)"},
    {Domain::integers, "select(x < y, y, x)", "max(x, y)"},
    {Domain::integers, "select(x <= y, y, x)", "max(x, y)"},

    // ---- logic: constants and implications are decided before
    {Domain::booleans, "not not x", "x"},
    {Domain::booleans, "not (x == y)", "x != y"},
    {Domain::booleans, "not (x != y)", "x == y"},
    {Domain::booleans, "x and x", "x"},
    {Domain::booleans, "x or x", "x"},
    {Domain::booleans, "x and not x", "false"},
    {Domain::booleans, "not x and x", "false"},
    {Domain::booleans, "x or not x", "true"},
    {Domain::booleans, "not x or x", "true"},
    {Domain::booleans, "(x and y) and x", "x and y"},
    {Domain::booleans, "(x and y) and y", "x and y"},
    {Domain::booleans, "(x or y) or x", "x or y"},
    {Domain::booleans, "(x or y) or y", "x or y"},
    {Domain::booleans, "(x or y) and x", "x"},
    {Domain::booleans, "(x or y) and y", "y"},
    {Domain::booleans, "(x and y) or x", "x"},
    {Domain::booleans, "(x and y) or y", "y"},

    // ---- bits
    {Domain::integers, "x & x", "x"},
    {Domain::integers, "x | x", "x"},
    {Domain::integers, "x ^ x", "0"},
    {Domain::integers, "x & 0", "0"},
    {Domain::integers, "x | 0", "x"},
    {Domain::integers, "x ^ 0", "x"},
    {Domain::integers, "x << 0", "x"},
    {Domain::integers, "x >> 0", "x"},

    // ---- floats: only what gives the same bits. Not x + 0.0 (turns -0.0 into 0.0), not x * 0, not x - x.
    {Domain::floats, "x + -0.0", "x"},
    {Domain::floats, "-0.0 + x", "x"},
    {Domain::floats, "x - 0.0", "x"},
    {Domain::floats, "x * 1", "x"},
    {Domain::floats, "1 * x", "x"},
    {Domain::floats, "x / 1", "x"},
    {Domain::floats, "-(-x)", "x"},
    {Domain::floats, "x - -y", "x + y"},
    {Domain::floats, "x + -y", "x - y"},
};

// The replacement for the atom's expression by the first rule that fits, or empty.
Opt<Expr> replace_by_rules(const Atom* a);

} // namespace tw::arith
