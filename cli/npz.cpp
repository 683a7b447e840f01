// SPDX-License-Identifier: Apache-2.0
// The .npz format: a ZIP archive whose members are <name>.npy. The central directory at the end counts; every offset and size is checked
// against the file, every member against its CRC. Archives above 4 GiB (zip64) are written and read.
#include "base/diagnostics.h"
#include "cli/host_tensor.h"

#include <zlib.h>

#include <cstring>
#include <optional>

namespace tw::cli {
namespace {

constexpr uint32_t local_magic = 0x04034b50, central_magic = 0x02014b50, end_magic = 0x06054b50, end64_magic = 0x06064b50,
                   locator64_magic = 0x07064b50;
constexpr uint16_t zip64_field = 1, stored = 0, deflated = 8;
constexpr uint32_t in_zip64 = 0xffffffff;

// Little-endian numbers of an archive, checked.
class Archive {
public:
  Archive(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  template <class T> T number(uint64_t at) const {
    T value;
    std::memcpy(&value, part(at, sizeof value).data(), sizeof value);
    return value;
  }
  std::span<const std::byte> part(uint64_t at, uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("it refers to bytes outside the file");
    return bytes_.subspan(at, size);
  }
  uint64_t size() const { return bytes_.size(); }
  [[noreturn]] void fail(const std::string& why) const {
    throw user_error("{}: expected an npz file (a ZIP archive of npy files): {}", name_, why).hint("write it with numpy.savez");
  }

private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
};

struct Member {
  std::string name;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0, size = 0, offset = 0;
};

struct Directory {
  uint64_t offset = 0, count = 0;
};

Directory find_directory(const Archive& archive) {
  if (archive.size() < 22) archive.fail("the file is too short");
  // The end record may be followed by a comment of at most 65535 bytes.
  for (uint64_t at = archive.size() - 22, tries = 0; tries <= 65535; --at, ++tries) {
    if (archive.number<uint32_t>(at) == end_magic) {
      Directory out{archive.number<uint32_t>(at + 16), archive.number<uint16_t>(at + 10)};
      if (at >= 20 && archive.number<uint32_t>(at - 20) == locator64_magic) {
        const auto end64 = archive.number<uint64_t>(at - 12);
        if (archive.number<uint32_t>(end64) != end64_magic) archive.fail("its zip64 record is damaged");
        out = {archive.number<uint64_t>(end64 + 48), archive.number<uint64_t>(end64 + 32)};
      }
      return out;
    }
    if (at == 0) break;
  }
  archive.fail("it has no end record");
}

// Sizes that do not fit into 32 bits stand in the zip64 field, in this order, only those that are needed.
void read_zip64(const Archive& archive, Member& member, uint64_t at, uint64_t end) {
  while (at + 4 <= end) {
    const auto id = archive.number<uint16_t>(at), length = archive.number<uint16_t>(at + 2);
    if (id == zip64_field) {
      uint64_t next = at + 4;
      for (uint64_t* value : {&member.size, &member.packed, &member.offset})
        if (*value == in_zip64) {
          *value = archive.number<uint64_t>(next);
          next += 8;
        }
    }
    at += 4 + uint64_t{length};
  }
}

std::vector<Member> read_directory(const Archive& archive) {
  const Directory directory = find_directory(archive);
  std::vector<Member> members;
  uint64_t at = directory.offset;
  for (uint64_t i = 0; i < directory.count; ++i) {
    if (archive.number<uint32_t>(at) != central_magic) archive.fail("its directory is damaged");
    Member member;
    if (archive.number<uint16_t>(at + 8) & 1) archive.fail("it is encrypted");
    member.method = archive.number<uint16_t>(at + 10);
    member.crc = archive.number<uint32_t>(at + 16);
    member.packed = archive.number<uint32_t>(at + 20);
    member.size = archive.number<uint32_t>(at + 24);
    member.offset = archive.number<uint32_t>(at + 42);
    const uint64_t name = archive.number<uint16_t>(at + 28), extra = archive.number<uint16_t>(at + 30),
                   comment = archive.number<uint16_t>(at + 32);
    const auto text = archive.part(at + 46, name);
    member.name.assign(reinterpret_cast<const char*>(text.data()), text.size());
    read_zip64(archive, member, at + 46 + name, at + 46 + name + extra);
    members.push_back(std::move(member));
    at += 46 + name + extra + comment;
  }
  return members;
}

std::vector<std::byte> inflate_raw(const Archive& archive, const Member& member, std::span<const std::byte> packed) {
  // Deflate packs at most 1032 : 1, so a larger size is a lie that would only cost memory.
  if (member.size / 1032 > packed.size()) archive.fail(fmt::format("the size of {} is impossible", member.name));
  std::vector<std::byte> out(member.size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw internal_error("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  uint64_t in_left = packed.size(), out_left = out.size();
  int status = Z_OK;
  while (status == Z_OK) { // zlib counts in 32 bits
    if (stream.avail_in == 0) in_left -= stream.avail_in = static_cast<uInt>(std::min<uint64_t>(in_left, 1u << 30));
    if (stream.avail_out == 0) out_left -= stream.avail_out = static_cast<uInt>(std::min<uint64_t>(out_left, 1u << 30));
    status = inflate(&stream, Z_NO_FLUSH);
  }
  const bool whole = status == Z_STREAM_END && out_left == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!whole) archive.fail(fmt::format("{} is damaged", member.name));
  return out;
}

uint32_t crc_of(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

template <class T> void put(std::vector<std::byte>& out, T value) {
  const auto* begin = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), begin, begin + sizeof value);
}
void put_text(std::vector<std::byte>& out, std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), begin, begin + text.size());
}

// What local header and directory entry share; sizes always stand in a zip64 field.
void put_header(std::vector<std::byte>& out, const Member& member, bool with_offset) {
  put<uint16_t>(out, 45);    // version needed: zip64
  put<uint16_t>(out, 0x800); // names are UTF-8
  put<uint16_t>(out, stored);
  put<uint32_t>(out, 0x00210000); // 1980-01-01, so that equal contents give equal files
  put<uint32_t>(out, member.crc);
  put<uint32_t>(out, in_zip64);
  put<uint32_t>(out, in_zip64);
  put<uint16_t>(out, static_cast<uint16_t>(member.name.size()));
  put<uint16_t>(out, with_offset ? 28 : 20);
}
void put_zip64(std::vector<std::byte>& out, const Member& member, bool with_offset) {
  put<uint16_t>(out, zip64_field);
  put<uint16_t>(out, with_offset ? 24 : 16);
  put<uint64_t>(out, member.size);
  put<uint64_t>(out, member.packed);
  if (with_offset) put<uint64_t>(out, member.offset);
}

void put_end(std::vector<std::byte>& out, uint64_t directory, uint64_t count) {
  const uint64_t end64 = out.size(), length = end64 - directory;
  put<uint32_t>(out, end64_magic);
  put<uint64_t>(out, 44);
  put<uint16_t>(out, 45);
  put<uint16_t>(out, 45);
  put<uint64_t>(out, 0);
  put<uint64_t>(out, count);
  put<uint64_t>(out, count);
  put<uint64_t>(out, length);
  put<uint64_t>(out, directory);
  put<uint32_t>(out, locator64_magic);
  put<uint32_t>(out, 0);
  put<uint64_t>(out, end64);
  put<uint32_t>(out, 1);
  put<uint32_t>(out, end_magic);
  put<uint32_t>(out, 0);
  put<uint16_t>(out, 0xffff);
  put<uint16_t>(out, 0xffff);
  put<uint32_t>(out, in_zip64);
  put<uint32_t>(out, in_zip64);
  put<uint16_t>(out, 0);
}

} // namespace

NamedTensors parse_npz(std::span<const std::byte> bytes, const std::string& name) {
  const Archive archive(bytes, name);
  NamedTensors out;
  for (const Member& member : read_directory(archive)) {
    if (archive.number<uint32_t>(member.offset) != local_magic) archive.fail(fmt::format("{} is damaged", member.name));
    const uint64_t skip = 30 + uint64_t{archive.number<uint16_t>(member.offset + 26)} + archive.number<uint16_t>(member.offset + 28);
    const auto packed = archive.part(member.offset + skip, member.packed);
    std::vector<std::byte> inflated;
    std::span<const std::byte> content = packed;
    if (member.method == deflated) content = inflated = inflate_raw(archive, member, packed);
    else if (member.method != stored || member.size != member.packed)
      archive.fail(fmt::format("{} is packed in an unknown way", member.name));
    if (crc_of(content) != member.crc) archive.fail(fmt::format("{} is damaged (its CRC differs)", member.name));
    std::string key = member.name;
    if (key.ends_with(".npy")) key.resize(key.size() - 4);
    out.emplace_back(key, parse_npy(content, name + "[" + key + "]"));
  }
  return out;
}

NamedTensors read_npz(const std::filesystem::path& path) { return parse_npz(read_file(path), path.string()); }

void write_npz(const std::filesystem::path& path, const NamedTensors& tensors) {
  std::vector<std::byte> out;
  std::vector<Member> members;
  for (const auto& [name, tensor] : tensors) {
    const auto content = format_npy(tensor);
    Member member{name + ".npy", stored, crc_of(content), content.size(), content.size(), out.size()};
    put<uint32_t>(out, local_magic);
    put_header(out, member, false);
    put_text(out, member.name);
    put_zip64(out, member, false);
    out.insert(out.end(), content.begin(), content.end());
    members.push_back(std::move(member));
  }
  const uint64_t directory = out.size();
  for (const Member& member : members) {
    put<uint32_t>(out, central_magic);
    put<uint16_t>(out, 45);
    put_header(out, member, true);
    for (int i = 0; i < 3; ++i) put<uint16_t>(out, 0); // no comment, disk 0, no text
    put<uint32_t>(out, 0);
    put<uint32_t>(out, in_zip64);
    put_text(out, member.name);
    put_zip64(out, member, true);
  }
  put_end(out, directory, members.size());
  write_file(path, out);
}

} // namespace tw::cli
