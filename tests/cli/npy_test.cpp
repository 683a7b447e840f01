// SPDX-License-Identifier: Apache-2.0
// Arrays in files: what is written comes back, and damaged files are refused with a sentence, never with a crash.
#include "base/diagnostics.h"
#include "cli/host_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace tw::cli {
namespace {

using ::testing::HasSubstr;

HostTensor counting(DType dtype, std::vector<int64_t> shape) {
  HostTensor out = HostTensor::allocate(dtype, std::move(shape));
  for (int64_t i = 0; i < out.elements(); ++i) out.set_number(i, static_cast<double>(dtype.is_bool() ? i % 2 : i % 100));
  return out;
}

bool same(const HostTensor& a, const HostTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape && std::ranges::equal(a.view(), b.view());
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// A version 1 file with this header and data.
std::vector<std::byte> npy(const std::string& header, const std::string& data = "") {
  std::string text = "\x93NUMPY";
  text += {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return bytes_of(text + header + data);
}

std::string error_of(const std::vector<std::byte>& bytes) {
  try {
    parse_npy(bytes, "x.npy");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "no error";
}

class Folder {
public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "tensorwright_XXXXXX";
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Every type and rank comes back as it was; bfloat16 comes back as the uint16 that NumPy can hold.
TEST(Npy, RoundTrip) {
  for (DType dtype : {boolean, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64})
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {0}, {5}, {2, 3}, {2, 0, 3}, {1, 2, 3, 4, 5}}) {
      const HostTensor tensor = counting(dtype, shape);
      const auto bytes = format_npy(tensor);
      EXPECT_TRUE(same(parse_npy(bytes, "x"), tensor)) << tensor.type_text();
      EXPECT_EQ((bytes.size() - static_cast<size_t>(tensor.bytes())) % 64, 0u) << "elements are aligned in the file";
    }
  const HostTensor brain = counting(bf16, {3});
  const HostTensor bits = parse_npy(format_npy(brain), "x");
  EXPECT_EQ(bits.dtype, u16);
  EXPECT_TRUE(std::ranges::equal(bits.view(), brain.view()));
}

// Column-major files are transposed while reading.
TEST(Npy, FortranOrder) {
  const HostTensor tensor =
      parse_npy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", std::string("\0\1\2\3\4\5", 6)), "x");
  std::vector<double> values;
  for (int64_t i = 0; i < 6; ++i) values.push_back(tensor.number(i));
  EXPECT_EQ(values, (std::vector<double>{0, 2, 4, 1, 3, 5}));
}

// Headers of other writers: double quotes, other orders of keys, no trailing comma, Python 2's long integers.
TEST(Npy, OtherWritersHeaders) {
  for (const char* header :
       {"{\"shape\": (2,), \"fortran_order\": False, \"descr\": \"|i1\"}", "{'descr':'|i1','fortran_order':False,'shape':(2L,),}"})
    EXPECT_EQ(parse_npy(npy(header, "ab"), "x").shape, std::vector<int64_t>{2});
}

// Each kind of mistake has its own sentence.
TEST(Npy, RefusesWithASentence) {
  EXPECT_THAT(error_of(bytes_of("hello")), HasSubstr("expected an npy file, found 5 bytes that begin otherwise"));
  EXPECT_THAT(error_of(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "1234")), HasSubstr("found elements of type '>f4'"));
  EXPECT_THAT(error_of(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "1234")), HasSubstr("found elements of type '|O'"));
  EXPECT_THAT(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}")),
              HasSubstr("structured and object arrays are not read"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "1234")),
              HasSubstr("expected 12 bytes of elements for f32[3], found 4"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}")), HasSubstr("a shape that is no tuple of sizes"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4', 'fortran_order': 1, 'shape': ()}")), HasSubstr("neither True nor False"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4'}")), HasSubstr("no descr, fortran_order or shape"));
  EXPECT_THAT(error_of(npy("{'fast': '<f4'}")), HasSubstr("the key 'fast'"));
  EXPECT_THAT(error_of(npy("{'descr': '<f4")), HasSubstr("a text without end"));
  EXPECT_THAT(error_of(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}")), HasSubstr("fits into memory"));
  EXPECT_THAT(error_of(bytes_of(std::string("\x93NUMPY\x01\x00\xff\xff{}", 12))), HasSubstr("expected a header of 65535 bytes, found 2"));
  EXPECT_THAT(error_of(bytes_of(std::string("\x93NUMPY\x09\x00\x00\x00", 10))), HasSubstr("expected npy version 1 to 3, found 9"));
}

// Any cut and any flipped bit of a file gives an array or an error, nothing else.
TEST(Npy, DamageNeverCrashes) {
  const auto whole = format_npy(counting(f32, {2, 3}));
  for (size_t length = 0; length < whole.size(); ++length) EXPECT_THROW(parse_npy(std::span(whole).first(length), "x"), Error) << length;
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = whole;
      damaged[i] ^= static_cast<std::byte>(1 << bit);
      try {
        parse_npy(damaged, "x");
      } catch (const Error& error) { EXPECT_EQ(error.kind(), ErrorKind::user) << error.what(); }
    }
}

// Archives keep names and order, with an odd name among them.
TEST(Npz, RoundTrip) {
  const Folder folder;
  const NamedTensors tensors = {{"x", counting(f32, {2, 3})}, {"a/b:c", counting(i64, {4})}, {"", counting(u8, {})}};
  write_npz(folder.path / "x.npz", tensors);
  const NamedTensors back = read_npz(folder.path / "x.npz");
  ASSERT_EQ(back.size(), tensors.size());
  for (size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].first, tensors[i].first);
    EXPECT_TRUE(same(back[i].second, tensors[i].second));
  }
  EXPECT_TRUE(read_npz((write_npz(folder.path / "empty.npz", {}), folder.path / "empty.npz")).empty());
}

// Any cut and any flipped bit of an archive gives arrays or a user error.
TEST(Npz, DamageNeverCrashes) {
  const Folder folder;
  write_npz(folder.path / "x.npz", {{"x", counting(f32, {2})}, {"y", counting(i8, {3})}});
  const auto whole = read_file(folder.path / "x.npz");
  EXPECT_THROW(parse_npz(bytes_of("PK"), "x"), Error);
  for (size_t length = 0; length < whole.size(); ++length) EXPECT_THROW(parse_npz(std::span(whole).first(length), "x"), Error) << length;
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = whole;
      damaged[i] ^= static_cast<std::byte>(1 << bit);
      try {
        parse_npz(damaged, "x");
      } catch (const Error& error) { EXPECT_EQ(error.kind(), ErrorKind::user) << error.what(); }
    }
}

// Files that cannot be read or written say which and why, and nothing half-written stays behind.
TEST(Files, ErrorsNameThePath) {
  const Folder folder;
  const auto error = [](auto f) -> std::string {
    try {
      f();
    } catch (const Error& e) { return e.message(); }
    return "no error";
  };
  EXPECT_THAT(error([&] { read_npy(folder.path / "absent.npy"); }), HasSubstr("absent.npy: No such file"));
  EXPECT_THAT(error([&] { read_npy(folder.path); }), HasSubstr("expected a file, found the folder"));
  EXPECT_THAT(error([&] { write_npy(folder.path / "no/x.npy", counting(f32, {1})); }), HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

} // namespace
} // namespace tw::cli
