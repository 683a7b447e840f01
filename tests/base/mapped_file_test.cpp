// SPDX-License-Identifier: Apache-2.0
// Mapped files: what is refused, and that a name from a document cannot leave its folder.
#include "base/mapped_file.h"

#include "base/checked.h"
#include "base/diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace tw {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    fs::create_directories(folder / "inside/deeper");
    write(folder / "outside.bin", "secret");
    write(folder / "inside/weights.bin", "12345");
    write(folder / "inside/deeper/more.bin", "678");
  }
  void TearDown() override { fs::remove_all(folder); }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  static std::string text(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }
  std::string refusal(const std::string& name) {
    try {
      MappedFile::open_inside((folder / "inside").string(), name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return error.what();
    }
    return "accepted";
  }
  fs::path folder = fs::temp_directory_path() / ("tensorwright_mapped_file_" + std::to_string(::getpid()));
};

std::string open_error(const std::string& path) {
  try {
    MappedFile::open(path);
  } catch (const Error& error) { return error.what(); }
  return "accepted";
}

TEST_F(MappedFileTest, ShowsAFilesBytesAndAnEmptyFileIsNoError) {
  EXPECT_EQ(text(*MappedFile::open((folder / "inside/weights.bin").string())), "12345");
  write(folder / "empty", "");
  EXPECT_TRUE(MappedFile::open((folder / "empty").string())->bytes().empty());
}

TEST_F(MappedFileTest, RefusesWhatIsNoOrdinaryFileAndDoesNotWaitForAPipe) {
  EXPECT_THAT(open_error((folder / "gone").string()), HasSubstr("No such file"));
  EXPECT_THAT(open_error(folder.string()), HasSubstr("is a folder, expected a file"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(open_error((folder / "pipe").string()), HasSubstr("is not an ordinary file"));
  EXPECT_THAT(open_error(std::string("a\0b", 3)), HasSubstr("zero byte"));
}

TEST_F(MappedFileTest, OpensNamesInsideTheFolder) {
  EXPECT_EQ(text(*MappedFile::open_inside((folder / "inside").string(), "weights.bin")), "12345");
  EXPECT_EQ(text(*MappedFile::open_inside((folder / "inside").string(), "deeper/more.bin")), "678");
  EXPECT_EQ(text(*MappedFile::open_inside((folder / "inside").string(), "./deeper/./more.bin")), "678");
}

TEST_F(MappedFileTest, RefusesNamesThatLeaveTheFolder) {
  EXPECT_THAT(refusal("../outside.bin"), HasSubstr("contains '..'"));
  EXPECT_THAT(refusal("deeper/../weights.bin"), HasSubstr("contains '..'"));
  EXPECT_THAT(refusal((folder / "outside.bin").string()), HasSubstr("is absolute"));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(std::string("weights.bin\0x", 13)), HasSubstr("zero byte"));
  EXPECT_THAT(refusal("gone.bin"), HasSubstr("No such file"));
  EXPECT_THAT(refusal("deeper"), HasSubstr("is a folder"));
  EXPECT_THAT(refusal("."), HasSubstr("is a folder"));
}

TEST_F(MappedFileTest, FollowsALinkThatStaysInsideAndRefusesOneThatLeavesAlsoAsAFolder) {
  fs::create_symlink("deeper/more.bin", folder / "inside/near");
  fs::create_symlink("../outside.bin", folder / "inside/far");
  fs::create_directory_symlink("..", folder / "inside/up");
  EXPECT_EQ(text(*MappedFile::open_inside((folder / "inside").string(), "near")), "678");
  EXPECT_THAT(refusal("far"), HasSubstr("leads outside through a link"));
  EXPECT_THAT(refusal("up/outside.bin"), HasSubstr("leads outside through a link"));
  EXPECT_EQ(text(*MappedFile::open_inside((folder / "inside").string(), "far", folder.string())), "secret") << "a second folder is allowed";
}

TEST(Checked, SizesThatOverflowOrAreNegativeHaveNoProduct) {
  constexpr int64_t large = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(checked_product(std::vector<int64_t>{2, 3, 4}), 24);
  EXPECT_EQ(checked_product(std::vector<int64_t>{}), 1);
  EXPECT_EQ(checked_product(std::vector<int64_t>{0, large}), 0);
  EXPECT_EQ(checked_product(std::vector<int64_t>{0, large, 2}), std::nullopt);
  EXPECT_EQ(checked_product(std::vector<int64_t>{large, 2}), std::nullopt);
  EXPECT_EQ(checked_product(std::vector<int64_t>{2, -1}), std::nullopt);
  EXPECT_EQ(checked_add(large, 1), std::nullopt);
}

} // namespace
} // namespace tw
