// SPDX-License-Identifier: Apache-2.0
#include "runtime/artifact_file.h"
#include "runtime/cpu_features.h"
#include "support.h"

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace tw::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A library as the linker leaves it, made a module.
std::string make_module(const Folder& folder, const char* library, const std::string& features = "",
                        const std::string& name = "module.so") {
  std::filesystem::copy_file(library, folder / name, std::filesystem::copy_options::overwrite_existing);
  runtime::append_trailer(folder / name, features);
  return folder / name;
}

std::string refusal(const std::string& path, tw_status status = TW_USER_ERROR) {
  tw_module* module = reinterpret_cast<tw_module*>(1);
  EXPECT_EQ(tw_module_load(path.c_str(), &module), status) << path << ": " << tw_last_error();
  EXPECT_EQ(module, nullptr);
  EXPECT_THAT(tw_last_error(), StartsWith("module '" + path + "': "));
  return tw_last_error();
}

std::string refusal_with(const std::string& path, void (*change)(tw_trailer&), tw_status status = TW_USER_ERROR) {
  std::string bytes = bytes_of(path);
  tw_trailer trailer;
  std::memcpy(&trailer, bytes.data() + bytes.size() - sizeof trailer, sizeof trailer);
  change(trailer);
  std::memcpy(bytes.data() + bytes.size() - sizeof trailer, &trailer, sizeof trailer);
  write(path + ".changed", bytes);
  return refusal(path + ".changed", status);
}

size_t open_files() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

TEST(Loader, a_whole_module_loads_and_runs) {
  const Folder folder;
  const std::string path = make_module(folder, fake_module_path, "sse2");
  tw_module* module = nullptr;
  ASSERT_EQ(tw_module_load(path.c_str(), &module), TW_OK) << tw_last_error();
  EXPECT_STREQ(tw_module_describe(module)->name, "fake");
  tw_session* session = nullptr;
  ASSERT_EQ(tw_session_create(module, nullptr, &session), TW_OK) << tw_last_error();
  tw_module_release(module); // the session holds a count of its own
  Floats x = Floats::counting({2, 3});
  const tw_tensor input = x.tensor();
  tw_tensor outputs[2] = {};
  ASSERT_EQ(tw_session_run(session, &input, 1, outputs, 2), TW_OK) << tw_last_error();
  EXPECT_THAT(values(outputs[0]), ::testing::ElementsAre(1, 3, 5, 7, 9, 11));
  EXPECT_THAT(values(outputs[1]), ::testing::ElementsAre(36));
  tw_session_destroy(session);
}

TEST(Loader, loading_and_releasing_leaves_no_file_open) {
  const Folder folder;
  const std::string path = make_module(folder, fake_module_path);
  tw_module* kept = nullptr;
  ASSERT_EQ(tw_module_load(path.c_str(), &kept), TW_OK);
  const size_t before = open_files();
  for (int i = 0; i < 20; ++i) {
    tw_module* module = nullptr;
    ASSERT_EQ(tw_module_load(path.c_str(), &module), TW_OK) << tw_last_error();
    EXPECT_EQ(tw_module_describe(module), tw_module_describe(kept)) << "one file is in memory once";
    tw_module_release(module);
  }
  EXPECT_EQ(open_files(), before);
  tw_module_release(kept);
  EXPECT_EQ(open_files(), before - 1);
}

TEST(Loader, a_new_file_at_the_path_of_a_released_module_is_loaded_anew) {
  const Folder folder;
  for (int i = 0; i < 3; ++i) {
    const std::string path = make_module(folder, fake_module_path);
    tw_module* module = nullptr;
    ASSERT_EQ(tw_module_load(path.c_str(), &module), TW_OK) << tw_last_error();
    tw_module_release(module);
    std::filesystem::remove(path);
    EXPECT_THAT(refusal(make_module(folder, fake_module_without_symbol_path)), HasSubstr("expected the symbol 'tensorwright_module'"));
    std::filesystem::remove(path);
  }
}

TEST(Loader, a_file_that_is_overwritten_while_it_is_loaded_is_refused) {
  const Folder folder;
  const std::string path = make_module(folder, fake_module_path);
  tw_module* module = nullptr;
  ASSERT_EQ(tw_module_load(path.c_str(), &module), TW_OK);
  std::string bytes = bytes_of(fake_module_path) + "x";
  write(folder / "other.so", bytes);
  runtime::append_trailer(folder / "other.so", "");
  bytes = bytes_of(folder / "other.so");
  // Only behind the library, so that the loaded code stays as it is.
  const int file = ::open(path.c_str(), O_WRONLY);
  const size_t from = std::filesystem::file_size(fake_module_path);
  ASSERT_EQ(::pwrite(file, bytes.data() + from, bytes.size() - from, static_cast<off_t>(from)), static_cast<ssize_t>(bytes.size() - from));
  ::close(file);
  EXPECT_THAT(refusal(path), HasSubstr("was overwritten while it is loaded"));
  tw_module_release(module);
}

TEST(Loader, what_is_no_file_is_refused) {
  const Folder folder;
  EXPECT_THAT(refusal(folder / "nothing.so"), HasSubstr("cannot open the file: no such file or directory"));
  EXPECT_THAT(refusal(folder / "."), HasSubstr("expected a regular file, found a directory"));
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal(folder / "pipe"), HasSubstr("expected a regular file, found a pipe"));
  EXPECT_THAT(refusal("/dev/null"), HasSubstr("expected a regular file, found a device"));
}

TEST(Loader, what_is_no_module_is_refused) {
  const Folder folder;
  write(folder / "empty", "");
  EXPECT_THAT(refusal(folder / "empty"), HasSubstr("expected a module trailer of 56 bytes, found a file of 0 bytes"));
  EXPECT_THAT(refusal(fake_module_path), HasSubstr("expected 'TWMODULE' as the last 8 bytes"));
}

TEST(Loader, a_cut_module_is_refused_wherever_it_is_cut) {
  const Folder folder;
  const std::string bytes = bytes_of(make_module(folder, fake_module_path, "sse2"));
  for (size_t left = 0; left < bytes.size(); left += left + 70 < bytes.size() ? 509 : 1) {
    write(folder / "cut", bytes.substr(0, left));
    refusal(folder / "cut");
  }
  // Cut in the middle, with the end still there.
  write(folder / "cut", bytes.substr(0, 1000) + bytes.substr(2000));
  EXPECT_THAT(refusal(folder / "cut"), HasSubstr("the file is cut or damaged"));
}

TEST(Loader, a_flipped_bit_is_refused_wherever_it_is) {
  const Folder folder;
  std::string bytes = bytes_of(make_module(folder, fake_module_path, "sse2"));
  for (size_t i = 0; i < bytes.size(); i += i + 70 < bytes.size() ? 331 : 1) {
    bytes[i] = static_cast<char>(bytes[i] ^ 1 << i % 8);
    write(folder / "flipped", bytes);
    tw_module* module = nullptr;
    EXPECT_NE(tw_module_load((folder / "flipped").c_str(), &module), TW_OK) << "byte " << i << " of " << bytes.size();
    bytes[i] = static_cast<char>(bytes[i] ^ 1 << i % 8);
  }
  bytes[1000] = static_cast<char>(bytes[1000] ^ 4);
  write(folder / "flipped", bytes);
  EXPECT_THAT(refusal(folder / "flipped"),
              ::testing::MatchesRegex(".*expected checksum [0-9a-f]{16}, found [0-9a-f]{16}; the file is damaged.*"));
}

TEST(Loader, each_field_of_the_trailer_has_its_own_refusal) {
  const Folder folder;
  const std::string path = make_module(folder, fake_module_path);
  EXPECT_THAT(refusal_with(
                  path, [](tw_trailer& trailer) { trailer.version = 7; }, TW_UNSUPPORTED),
              HasSubstr("expected artifact version 3, found 7; compile the model again"));
  EXPECT_THAT(refusal_with(path, [](tw_trailer& trailer) { trailer.reserved = 5; }),
              HasSubstr("expected 0 in its reserved field, found 5"));
  EXPECT_THAT(refusal_with(path, [](tw_trailer& trailer) { trailer.features_bytes = 0xffffffff; }),
              HasSubstr("the file is cut or damaged"));
  EXPECT_THAT(refusal_with(path, [](tw_trailer& trailer) { trailer.library_bytes = ~uint64_t{0}; }),
              HasSubstr("the file is cut or damaged"));
  EXPECT_THAT(refusal_with(
                  path, [](tw_trailer& trailer) { std::memcpy(trailer.machine, "riscv64", 8); }, TW_UNSUPPORTED),
              HasSubstr("found code for 'riscv64'; compile the model for this machine"));
}

TEST(Loader, a_feature_that_this_processor_lacks_is_named) {
  const Folder folder;
  EXPECT_THAT(refusal(make_module(folder, fake_module_path, "sse2,quantum,warp_drive"), TW_UNSUPPORTED),
              HasSubstr("this processor lacks quantum, warp_drive; the module needs sse2,quantum,warp_drive"));
}

TEST(Loader, a_library_that_the_system_refuses_is_refused) {
  const Folder folder;
  write(folder / "text", "this is not a library");
  runtime::append_trailer(folder / "text", "");
  EXPECT_THAT(refusal(folder / "text"), HasSubstr("the system's loader refuses it: "));
}

TEST(Loader, a_library_without_a_valid_descriptor_is_refused) {
  const Folder folder;
  EXPECT_THAT(refusal(make_module(folder, fake_module_without_symbol_path, "", "a")),
              HasSubstr("expected the symbol 'tensorwright_module'"));
  EXPECT_THAT(refusal(make_module(folder, fake_module_of_version_99_path, "", "b"), TW_UNSUPPORTED),
              HasSubstr("expected a descriptor of version 3, found version 99"));
  EXPECT_THAT(refusal(make_module(folder, fake_module_too_small_path, "", "c"), TW_INTERNAL_ERROR), HasSubstr("found one of 16 bytes"));
}

TEST(Loader, null_arguments_are_refused) {
  tw_module* module = nullptr;
  EXPECT_EQ(tw_module_load(nullptr, &module), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_module_load: expected a path, found NULL");
  EXPECT_EQ(tw_module_load("x", nullptr), TW_USER_ERROR);
  EXPECT_STREQ(tw_last_error(), "tw_module_load: expected a place for the module, found NULL");
}

TEST(Trailer, is_refused_on_what_has_one_and_on_what_is_no_file) {
  const Folder folder;
  const std::string path = make_module(folder, fake_module_path);
  const std::string before = bytes_of(path);
  const auto error_of = [](const std::string& file, const std::string& features) -> std::string {
    try {
      runtime::append_trailer(file, features);
    } catch (const runtime::Failure& failure) { return failure.what(); }
    return "no error";
  };
  EXPECT_THAT(error_of(path, ""), HasSubstr("expected a plain library, found a module with a trailer"));
  EXPECT_EQ(bytes_of(path), before);
  EXPECT_THAT(error_of(folder / ".", ""), HasSubstr("expected a regular file, found a directory"));
  EXPECT_THAT(error_of(fake_module_path, std::string(20000, 'a')), HasSubstr("expected at most 16384 bytes of feature names, found 20000"));
}

TEST(Features, are_those_that_the_system_lists) {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line) && !line.starts_with("flags")) {}
  if (line.empty()) GTEST_SKIP() << "no flags in /proc/cpuinfo";
  std::istringstream words(line);
  const std::set<std::string> listed{std::istream_iterator<std::string>(words), {}};
  for (std::string_view feature : runtime::cpu_features()) EXPECT_TRUE(listed.contains(std::string(feature))) << feature;
  for (const char* feature : {"sse4_2", "avx", "avx2", "fma", "f16c", "bmi2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"})
    EXPECT_EQ(runtime::missing_features(feature).empty(), listed.contains(feature)) << feature;
}

} // namespace
} // namespace tw::test
