// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/wire.h"

#include "base/diagnostics.h"

#include <cstdint>
#include <optional>

namespace tw::onnx {
namespace {

// One graph inside another is three messages deep. protobuf itself stops at 100 messages.
constexpr int depth_limit = 90;
constexpr uint64_t segment_field = 3, raw_data_field = 9;
enum WireType : uint64_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

// What a field of a message is, as far as raw data can be below it. Fields that are not listed are copied as they are.
struct Row {
  WireMessage message;
  uint64_t field;
  WireMessage inner;
};
using W = WireMessage;
constexpr Row rows[] = {
    {W::model, 7, W::graph},     {W::model, 25, W::function},   {W::function, 7, W::node},    {W::function, 11, W::attribute},
    {W::graph, 1, W::node},      {W::graph, 5, W::tensor},      {W::node, 5, W::attribute},   {W::attribute, 5, W::tensor},
    {W::attribute, 6, W::graph}, {W::attribute, 10, W::tensor}, {W::attribute, 11, W::graph},
};

std::optional<WireMessage> inner_message(WireMessage message, uint64_t field) {
  for (const Row& row : rows)
    if (row.message == message && row.field == field) return row.inner;
  return {};
}

class Walker {
public:
  Walker(std::span<const std::byte> file, std::string& out) : file_(file), out_(out) {}

  void message(WireMessage kind, size_t begin, size_t end, int depth) {
    if (depth > depth_limit) throw user_error("the model's subgraphs nest too deeply (more than {} messages)", depth_limit);
    size_t position = begin;
    while (position < end) {
      size_t start = position;
      uint64_t tag = read_varint(position, end), field = tag >> 3;
      if (field == 0 || field >= uint64_t{1} << 29) throw damaged(start, "a field has no valid number");
      if ((tag & 7) != length_delimited) {
        skip(tag & 7, position, end, start);
        copy(start, position);
        continue;
      }
      uint64_t length = read_varint(position, end);
      if (length > end - position) {
        throw damaged(start, fmt::format("a field of {} bytes does not fit into the {} bytes that are left", length, end - position));
      }
      size_t contents = position;
      position += length;
      if (kind == W::tensor && field == segment_field) {
        throw unsupported("a tensor is stored in segments, at byte {} of the file", start)
            .hint("save the model again with each tensor in one piece");
      }
      if (kind == W::model && field == 20) continue; // training information, which is not read
      if (kind == W::tensor && field == raw_data_field) segment(contents, position);
      else if (auto inner = inner_message(kind, field)) nested(tag, *inner, contents, position, depth);
      else copy(start, position);
    }
  }

private:
  Error damaged(size_t position, const std::string& what) {
    return user_error("not a whole ONNX model: {}, at byte {} of {}", what, position, file_.size())
        .hint("the file is cut off, damaged, or of another format; get it again, or check what made it");
  }

  uint64_t read_varint(size_t& position, size_t end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw damaged(position, "a number is cut off");
      auto byte = static_cast<uint64_t>(file_[position++]);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw damaged(position, "a number is longer than 10 bytes");
  }

  void skip(uint64_t type, size_t& position, size_t end, size_t start) {
    if (type == varint) {
      read_varint(position, end);
      return;
    }
    size_t size = type == fixed64 ? 8 : type == fixed32 ? 4 : 0;
    if (size == 0) throw damaged(start, fmt::format("a field has the unknown kind {}", type));
    if (end - position < size) throw damaged(start, "a number is cut off");
    position += size;
  }

  void copy(size_t begin, size_t end) { out_.append(reinterpret_cast<const char*>(file_.data()) + begin, end - begin); }

  void write_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }

  // The new length is known only after the contents; a varint may be padded, so five bytes are kept for it.
  void nested(uint64_t tag, WireMessage kind, size_t begin, size_t end, int depth) {
    write_varint(tag);
    size_t place = out_.size();
    out_.append(5, '\0');
    message(kind, begin, end, depth + 1);
    uint64_t length = out_.size() - place - 5;
    if (length >= uint64_t{1} << 31) throw unsupported("the model without its weights is larger than 2 GiB");
    for (int i = 0; i < 5; ++i, length >>= 7) out_[place + i] = static_cast<char>((length & 0x7f) | (i < 4 ? 0x80 : 0));
  }

  // Segment { begin = 1, end = 2 }
  void segment(size_t begin, size_t end) {
    std::string outer;
    std::swap(outer, out_);
    write_varint(1 << 3 | varint);
    write_varint(begin);
    write_varint(2 << 3 | varint);
    write_varint(end);
    std::swap(outer, out_);
    write_varint(segment_field << 3 | length_delimited);
    write_varint(outer.size());
    out_ += outer;
  }

  std::span<const std::byte> file_;
  std::string& out_;
};

} // namespace

std::string without_raw_data(std::span<const std::byte> file, WireMessage kind) {
  std::string out;
  Walker(file, out).message(kind, 0, file.size(), 0);
  return out;
}

} // namespace tw::onnx
