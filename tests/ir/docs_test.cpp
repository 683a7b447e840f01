// SPDX-License-Identifier: Apache-2.0
// The page docs/ir.md: its examples are what the parser reads, and they are legal.
#include "ir/verify.h"
#include "round_trip.h"

#include <fstream>
#include <sstream>

namespace tw::test {
namespace {

// Every Python example of the page parses, verifies and comes back equal.
TEST(Documentation, ExamplesParse) {
  std::ifstream file(TENSORWRIGHT_SOURCE_DIR "/docs/ir.md");
  ASSERT_TRUE(file);
  std::stringstream all;
  all << file.rdbuf();
  std::string page = all.str();
  int count = 0;
  for (size_t at = page.find("```python\n"); at != std::string::npos; at = page.find("```python\n", at)) {
    at += 10;
    Ref<Module> module = parse(page.substr(at, page.find("```", at) - at));
    verify(module, Stage::imported);
    expect_same_text(module);
    ++count;
  }
  EXPECT_EQ(count, 4);
}

// The page names every kind of node.
TEST(Documentation, NamesEveryKind) {
  std::ifstream file(TENSORWRIGHT_SOURCE_DIR "/docs/ir.md");
  std::stringstream all;
  all << file.rdbuf();
  std::string page = all.str();
  []<class... T>(TypeList<T...>, const std::string& text) {
    auto check = [&](std::string name) { EXPECT_NE(text.find("`" + name + "`"), std::string::npos) << name; };
    (check(T::kind_name), ...);
  }(NodeList{}, page);
}

} // namespace
} // namespace tw::test
