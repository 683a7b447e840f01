// SPDX-License-Identifier: Apache-2.0
// The .npy format: magic, version, the length of a header, the header (a Python dict literal), the elements.
#include "base/checked.h"
#include "base/diagnostics.h"
#include "cli/host_tensor.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace tw::cli {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

// '<f4' and its like.
std::optional<DType> parse_descr(std::string_view text) {
  if (text.size() < 3 || text.size() > 4) return {};
  if (text[0] != '<' && text[0] != '|' && text[0] != '=') return {};
  int size = 0;
  if (std::from_chars(text.data() + 2, text.data() + text.size(), size).ptr != text.data() + text.size()) return {};
  const bool whole = size == 1 || size == 2 || size == 4 || size == 8;
  const auto bits = static_cast<uint8_t>(size * 8);
  switch (text[1]) {
  case 'f': return size == 2 || size == 4 || size == 8 ? std::optional(DType{DTypeCode::ieee_float, bits}) : std::nullopt;
  case 'i': return whole ? std::optional(DType{DTypeCode::signed_int, bits}) : std::nullopt;
  case 'u': return whole ? std::optional(DType{DTypeCode::unsigned_int, bits}) : std::nullopt;
  case 'b': return size == 1 ? std::optional(boolean) : std::nullopt;
  default: return {};
  }
}

std::string format_descr(DType type) {
  const char letter = type.is_bool() ? 'b' : type.is_signed() ? 'i' : type.is_unsigned() || type == bf16 ? 'u' : 'f';
  return fmt::format("{}{}{}", type.bytes() == 1 ? '|' : '<', letter, type.bytes());
}

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// The dict literal that numpy writes: quoted keys; values are a string, True or False, a tuple of integers.
class HeaderReader {
public:
  HeaderReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header read() {
    Header header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr") header.descr = quoted(), has_descr = true;
      else if (key == "fortran_order") header.fortran = truth(), has_order = true;
      else if (key == "shape") header.shape = sizes(), has_shape = true;
      else fail(fmt::format("the key '{}'", key));
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    if (!has_descr || !has_order || !has_shape) fail("no descr, fortran_order or shape");
    return header;
  }

private:
  [[noreturn]] void fail(const std::string& found) const {
    throw user_error("{}: expected an npy header with descr, fortran_order and shape, found {}", name_, found)
        .hint("structured and object arrays are not read: save plain numeric arrays with numpy.save");
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(fmt::format("'{}' where '{}' should be", text_.substr(std::min(at_, text_.size()), 20), c));
  }
  std::string quoted() {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a text without end");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }
  bool truth() {
    skip_space();
    for (auto [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    fail("neither True nor False for fortran_order");
  }
  std::vector<int64_t> sizes() {
    std::vector<int64_t> out;
    expect('(');
    while (!take(')')) {
      skip_space();
      int64_t size = 0;
      auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) fail("a shape that is no tuple of sizes");
      at_ = static_cast<size_t>(end - text_.data());
      take('L'); // written by Python 2
      out.push_back(size);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
};

// Column-major elements into row-major order.
void transpose(const std::byte* from, HostTensor& to) {
  const auto item = static_cast<size_t>(to.dtype.bytes());
  const size_t rank = to.shape.size();
  std::vector<int64_t> strides(rank, 1), position(rank, 0);
  for (size_t i = 1; i < rank; ++i) strides[i] = strides[i - 1] * to.shape[i - 1];
  for (int64_t i = 0, source = 0; i < to.elements(); ++i) {
    std::memcpy(to.data.get() + static_cast<size_t>(i) * item, from + static_cast<size_t>(source) * item, item);
    for (size_t d = rank; d-- > 0;) {
      source += strides[d];
      if (++position[d] < to.shape[d]) break;
      source -= strides[d] * to.shape[d];
      position[d] = 0;
    }
  }
}

} // namespace

HostTensor parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || text.size() < 10)
    throw user_error("{}: expected an npy file, found {} bytes that begin otherwise", name, bytes.size()).hint("write it with numpy.save");
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t version = byte(6);
  if (version < 1 || version > 3) throw user_error("{}: expected npy version 1 to 3, found {}", name, version);
  const size_t prefix = version == 1 ? 10 : 12;
  if (text.size() < prefix) throw user_error("{}: the file ends within its header", name);
  size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= static_cast<size_t>(byte(10) << 16 | byte(11) << 24);
  if (length > text.size() - prefix)
    throw user_error("{}: expected a header of {} bytes, found {}", name, length, text.size() - prefix).hint("the file was cut short");
  const Header header = HeaderReader(text.substr(prefix, length), name).read();
  const auto type = parse_descr(header.descr);
  if (!type)
    throw user_error("{}: expected little-endian numbers or bool, found elements of type '{}'", name, header.descr)
        .hint("convert the array first, for example x.astype('<f4')");
  HostTensor out = with_place(name, [&] { return HostTensor::allocate(*type, header.shape); });
  const size_t found = text.size() - prefix - length;
  if (static_cast<size_t>(out.bytes()) != found)
    throw user_error("{}: expected {} bytes of elements for {}, found {}", name, out.bytes(), out.type_text(), found);
  const std::byte* elements = bytes.data() + prefix + length;
  if (header.fortran && out.shape.size() > 1) transpose(elements, out);
  else std::copy_n(elements, found, out.data.get());
  return out;
}

std::vector<std::byte> format_npy(const HostTensor& tensor) {
  std::string shape;
  for (int64_t size : tensor.shape) shape += fmt::format("{}, ", size);
  if (tensor.shape.size() > 1) shape.resize(shape.size() - 2);
  else if (tensor.shape.size() == 1) shape.pop_back();
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", format_descr(tensor.dtype), shape);
  // The elements begin at a multiple of 64.
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  const bool small = header.size() < 65536;
  std::string out(magic);
  out += small ? std::string{1, 0} : std::string{2, 0};
  for (size_t i = 0; i < (small ? 2u : 4u); ++i) out += static_cast<char>(header.size() >> (8 * i) & 0xff);
  out += header;
  const auto* begin = reinterpret_cast<const std::byte*>(out.data());
  std::vector<std::byte> bytes(begin, begin + out.size());
  const auto elements = tensor.view();
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

HostTensor read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path.string()); }
void write_npy(const std::filesystem::path& path, const HostTensor& tensor) { write_file(path, format_npy(tensor)); }

} // namespace tw::cli
