// SPDX-License-Identifier: Apache-2.0
#include "base/build_identity.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <link.h>

namespace tw {
namespace {

struct Search {
  uintptr_t address;
  std::string id, path;
};

std::string id_in_note(const char* at, const char* end) {
  while (at + sizeof(ElfW(Nhdr)) <= end) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    auto padded = [](size_t size) { return (size + 3) / 4 * 4; };
    const char *name = at + sizeof note, *content = name + padded(note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      std::string id;
      for (size_t i = 0; i < note.n_descsz; ++i) id += fmt::format("{:02x}", static_cast<unsigned char>(content[i]));
      return id;
    }
    at = content + padded(note.n_descsz);
  }
  return {};
}

int look_at(dl_phdr_info* object, size_t, void* pointer) {
  auto& search = *static_cast<Search*>(pointer);
  bool holds = false;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    uintptr_t begin = object->dlpi_addr + part.p_vaddr;
    holds = holds || (part.p_type == PT_LOAD && search.address >= begin && search.address < begin + part.p_memsz);
  }
  if (!holds) return 0;
  search.path = *object->dlpi_name ? object->dlpi_name : "/proc/self/exe";
  for (int i = 0; i < object->dlpi_phnum && search.id.empty(); ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const auto* begin = reinterpret_cast<const char*>(object->dlpi_addr + part.p_vaddr);
    search.id = id_in_note(begin, begin + part.p_memsz);
  }
  return 1;
}

} // namespace

const std::string& build_identity() {
  static const std::string identity = [] {
    Search search{reinterpret_cast<uintptr_t>(&look_at), {}, {}};
    dl_iterate_phdr(look_at, &search);
    if (!search.id.empty()) return search.id;
    std::error_code ignored;
    auto size = std::filesystem::file_size(search.path, ignored);
    auto time = std::filesystem::last_write_time(search.path, ignored);
    return fmt::format("{}-{}", size, time.time_since_epoch().count());
  }();
  return identity;
}

} // namespace tw
