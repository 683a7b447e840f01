// SPDX-License-Identifier: Apache-2.0
#include "codegen/llvm/constants_segment.h"

#include "base/diagnostics.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <elf.h>

namespace tw::codegen {
namespace {

// A table of an ELF file, copied out (the file's own bytes need not be aligned) and back.
template <class T> std::vector<T> read_table(std::span<const char> image, size_t offset, size_t count) {
  TW_CHECK(offset + count * sizeof(T) <= image.size(), "a linked file ends within its headers");
  std::vector<T> table(count);
  std::memcpy(table.data(), image.data() + offset, count * sizeof(T));
  return table;
}
template <class T> void write_table(std::span<char> image, size_t offset, const std::vector<T>& table) {
  std::memcpy(image.data() + offset, table.data(), table.size() * sizeof(T));
}

} // namespace

size_t place_constants_after(std::span<char> image) {
  const Elf64_Ehdr header = read_table<Elf64_Ehdr>(image, 0, 1).front();
  auto segments = read_table<Elf64_Phdr>(image, header.e_phoff, header.e_phnum);
  auto sections = read_table<Elf64_Shdr>(image, header.e_shoff, header.e_shnum);
  const Elf64_Shdr& names = sections.at(header.e_shstrndx);
  auto section = std::ranges::find_if(sections, [&](const Elf64_Shdr& s) {
    size_t length = std::strlen(constants_section) + 1;
    return s.sh_name + length <= names.sh_size && std::memcmp(&image[names.sh_offset + s.sh_name], constants_section, length) == 0;
  });
  TW_CHECK(section != sections.end(), "the linked file has no section {}", constants_section);
  auto segment = std::ranges::find_if(segments, [&](const Elf64_Phdr& s) { return s.p_type == PT_LOAD && s.p_vaddr == section->sh_addr; });
  TW_CHECK(segment != segments.end() && segment->p_filesz == 0 && segment->p_memsz == section->sh_size,
           "the constants share a segment with writable data; generated code must have none");

  size_t alignment = segment->p_align;
  size_t start = (image.size() + alignment - 1) / alignment * alignment;
  segment->p_offset = section->sh_offset = start;
  segment->p_filesz = section->sh_size;
  segment->p_flags = PF_R;
  section->sh_type = SHT_PROGBITS;
  section->sh_flags = SHF_ALLOC;
  write_table(image, header.e_phoff, segments);
  write_table(image, header.e_shoff, sections);
  return start;
}

} // namespace tw::codegen
