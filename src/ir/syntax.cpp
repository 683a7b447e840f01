// SPDX-License-Identifier: Apache-2.0
// Words, operators and string literals of the text form, shared by printer and parser.
#include "ir/syntax.h"

#include <algorithm>

namespace tw::syntax {

std::string_view Tree::last_name() const {
  std::string_view all = text;
  size_t dot = all.rfind('.');
  return dot == std::string_view::npos ? all : all.substr(dot + 1);
}

bool Tree::calls(std::string_view name) const {
  return kind == TreeKind::call && children[0].is(TreeKind::name) && children[0].last_name() == name;
}

namespace {
struct Operator {
  BinaryOp op;
  const char* symbol;
  int level;
};
constexpr Operator operators[] = {{BinaryOp::logical_or, "or", or_level},
                                  {BinaryOp::logical_and, "and", and_level},
                                  {BinaryOp::eq, "==", compare_level},
                                  {BinaryOp::ne, "!=", compare_level},
                                  {BinaryOp::lt, "<", compare_level},
                                  {BinaryOp::le, "<=", compare_level},
                                  {BinaryOp::gt, ">", compare_level},
                                  {BinaryOp::ge, ">=", compare_level},
                                  {BinaryOp::bit_or, "|", 5},
                                  {BinaryOp::bit_xor, "^", 6},
                                  {BinaryOp::bit_and, "&", 7},
                                  {BinaryOp::shift_left, "<<", 8},
                                  {BinaryOp::shift_right, ">>", 8},
                                  {BinaryOp::add, "+", 9},
                                  {BinaryOp::sub, "-", 9},
                                  {BinaryOp::mul, "*", 10},
                                  {BinaryOp::div, "/", 10},
                                  {BinaryOp::floordiv, "//", 10},
                                  {BinaryOp::floormod, "%", 10}};
} // namespace

int level_of(BinaryOp op) {
  for (const Operator& row : operators)
    if (row.op == op) return row.level;
  return postfix_level;
}
const char* symbol_of(BinaryOp op) {
  for (const Operator& row : operators)
    if (row.op == op) return row.symbol;
  return nullptr;
}
std::optional<BinaryOp> operator_of(std::string_view symbol) {
  for (const Operator& row : operators)
    if (row.symbol == symbol) return row.op;
  return {};
}

bool is_identifier(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (text.empty() || !letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_reserved(std::string_view word) {
  static constexpr std::string_view words[] = {
      "False",  "None",     "True",   "and",    "as",       "assert",   "async",  "await",  "break", "class",  "continue", "def",
      "del",    "elif",     "else",   "except", "finally",  "for",      "from",   "global", "if",    "import", "in",       "is",
      "lambda", "nonlocal", "not",    "or",     "pass",     "raise",    "return", "try",    "while", "with",   "yield",    "inf",
      "nan",    "Tensor",   "Scalar", "Tuple",  "Sequence", "Optional", "Stored", "In",     "Out",   "InOut"};
  return std::find(std::begin(words), std::end(words), word) != std::end(words) || parse_dtype(word);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (byte < 0x20 || byte == 0x7f) out += fmt::format("\\x{:02x}", byte);
    else out += c;
  }
  return out + "\"";
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  auto distance = [](std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= b.size(); ++j) {
        size_t above = row[j];
        row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
        diagonal = above;
      }
    }
    return row[b.size()];
  };
  std::optional<std::string> best;
  if (word.size() > 60) return best;
  size_t limit = word.size() <= 3 ? 1 : 2, smallest = limit + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > word.size() + limit || word.size() > candidate.size() + limit) continue;
    size_t d = distance(word, candidate);
    if (d < smallest || (d == smallest && best && candidate < *best)) {
      smallest = d;
      best = candidate;
    }
  }
  return best;
}

std::string nearest_or_all(std::string_view word, const std::vector<std::string>& candidates, std::string_view heading) {
  auto near = nearest(word, candidates);
  return near ? fmt::format("did you mean '{}'?", *near) : fmt::format("{} {}", heading, fmt::join(candidates, ", "));
}

} // namespace tw::syntax
