// SPDX-License-Identifier: Apache-2.0
// What is refused, and how: each message of the parser, its place, limits, and damaged texts.
#include "round_trip.h"

#include <gmock/gmock.h>

#include <fstream>
#include <random>
#include <sstream>

namespace tw::test {
namespace {

using testing::HasSubstr;

// Every text of bad.txt is refused as the user's mistake, with the message written below it and a caret.
TEST(ParseError, MessagesOfTheTable) {
  std::ifstream file(TENSORWRIGHT_SOURCE_DIR "/tests/ir/bad.txt");
  ASSERT_TRUE(file);
  std::string line, text;
  std::getline(file, line);
  int count = 0;
  while (std::getline(file, line)) {
    if (!line.starts_with("---- ")) {
      text += line + "\n";
      continue;
    }
    std::string message = message_of([&] { parse(text); });
    EXPECT_THAT(message, HasSubstr(line.substr(5))) << text;
    EXPECT_THAT(message, HasSubstr("^")) << text;
    text.clear();
    ++count;
  }
  EXPECT_GT(count, 130);
}

// A message shows file, line and column as the user counts them, the line, a caret below the place, and a hint.
TEST(ParseError, ShowsThePlace) {
  std::string text = "@kernel\ndef f(A: Out[(4,), f32]):\n    A[0] = sqtr(A[1])\n";
  EXPECT_EQ(message_of([&] { parse(text, {.file = "model.py", .line = 10, .column = 5}); }), "there is no intrinsic 'sqtr'\n"
                                                                                             "  at model.py:12:16\n"
                                                                                             "        A[0] = sqtr(A[1])\n"
                                                                                             "               ^\n"
                                                                                             "  hint: did you mean 'sqrt'?");
}

// Nesting ends in a message, not in an overflow of the stack: parentheses, operators, chains, blocks, scopes.
TEST(ParseError, DepthIsLimited) {
  auto many = [](std::string_view part, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += part;
    return out;
  };
  for (const std::string& text : {many("(", 5000) + "1" + many(")", 5000), many("-", 100000) + "x", many("not ", 100000) + "x",
                                  "1" + many(" + 1", 100000), many("exp(", 5000) + "x" + many(")", 5000), many("1 if x else ", 5000) + "1",
                                  many("lambda: ", 5000) + "1", many("x[", 5000) + "1" + many("]", 5000)})
    EXPECT_THAT(message_of([&] { parse_expression(text); }), HasSubstr("nested more than 1000 deep")) << text.substr(0, 40);
  std::string nest, chain = "@kernel\ndef f():\n";
  for (int i = 0; i < 3000; ++i) nest += std::string(static_cast<size_t>(i), ' ') + "if True:\n";
  EXPECT_THAT(message_of([&] { parse_statement(nest + std::string(3000, ' ') + "pass\n"); }), HasSubstr("nested more than 1000 deep"));
  std::string elifs = "if True:\n    pass\n" + many("elif True:\n    pass\n", 5000);
  EXPECT_THAT(message_of([&] { parse_statement(elifs); }), HasSubstr("nested more than 1000 deep"));
  for (int i = 0; i < 3000; ++i) chain += "    x = 1\n";
  EXPECT_THAT(message_of([&] { parse(chain); }), HasSubstr("more than 1000 scopes inside each other"));
}

// What the limit allows, works: 900 levels of parentheses around sums print and read back.
TEST(ParseError, DepthBelowTheLimitWorks) {
  std::string text = "2 - 1";
  for (int i = 0; i < 900; ++i) text = "2 - (" + text + ")";
  EXPECT_EQ(to_text(parse_expression(text)), text);
}

std::string valid_text() {
  return file_head + R"(
scale = constant(f32, (2,), [1.0, -inf])

@function(n=Dim(1, 64), exported=True)
def main(x: Tensor[(n, 2), f32]) -> Tensor[(n, 2), f32]:
    t = Dim(0)
    def step(i: Tensor[(), i64], h: Tensor[(n, 2), f32]):
        z: Tensor[(n, 2), f32] = add(h, scale, axis=1, names=("a", "b"), shape=sizes(n, 2))
        return z
    y: Tensor[(n, 2), f32] = loop(step, init=(x,), stacked=0)
    return y

@kernel(n=Dim(6, 4096, multiple=6))
def matmul(A: In[(n, 512), f32, strides(512, 1)], C: Out[(n, 512), f32]):
    T = allocate((16,), f32, scope="local")
    for i in parallel(n // 6):
        with block("mm"):
            vi, vk = spatial(n, i), reduce(512, 3)
            reads(A[vi, vk : vk + 4])
            writes(C[vi, 0:512])
            with init():
                C[vi, 0] = 0.0
            C[vi, vk] = max(A[vi, vk] * 2.0, 1.0 if i < 3 and True else f32(i))
    with register_tile():
        r, c, k = row(6), column(16), reduce(n)
        acc = fold("add", 0.0, A[r, k])
        C[r, c] = acc
    x = 3 + 4  #@ model "Conv_0"
    assert x == 7, "sum"
    Evaluate(value=Lambda(params=(Var(id="p", type=f32),), results=(p,)))
)";
}

// A damaged text is either read or refused as the user's mistake; whatever is read prints and reads back.
TEST(ParseError, DamagedTextsNeverCrash) {
  const std::string text = valid_text();
  expect_same_text(parse(text));
  static constexpr std::string_view pieces[] = {
      "(",    ")", "[",   "]", ",",       ":", "=",   "\n",  "    ", "\"", "-", "None",         "f32",
      "Dim(", "0", "1e9", "x", "lambda ", "A", "#@ ", "**{", "not ", "\\", "é", "Seq(body=())", "nan"};
  int read = 0;
  for (unsigned seed = 0; seed < 10000; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = text;
    for (unsigned changes = 1 + random() % 3; changes; --changes) {
      size_t at = random() % damaged.size(), length = random() % 8;
      switch (random() % 4) {
      case 0: damaged.erase(at, length); break;
      case 1: damaged.insert(at, pieces[random() % std::size(pieces)]); break;
      case 2: damaged[at] = static_cast<char>(random() % 256); break;
      default: damaged.insert(at, damaged.substr(random() % damaged.size(), length)); break;
      }
    }
    try {
      Ref<Module> module = parse(damaged);
      ++read;
      std::string printed = to_text(module);
      ASSERT_TRUE(equal(module, parse(printed))) << damaged;
      ASSERT_EQ(to_text(parse(printed)), printed) << damaged;
    } catch (const Error& error) { ASSERT_EQ(error.kind(), ErrorKind::user) << error.what() << "\n" << damaged; }
  }
  EXPECT_GT(read, 500);
}

} // namespace
} // namespace tw::test
