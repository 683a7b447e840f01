// SPDX-License-Identifier: Apache-2.0
// A file's bytes in memory without reading them: pages come in when touched, and several processes share them.
//
// The mapping is private and read-only. A file that another program shortens while it is mapped cannot be guarded against here:
// the system then ends the process, as with any mapped file. Replace files by renaming, as this project does.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace tw {

class MappedFile {
public:
  // Throws a user error that names the path: missing, not readable, a folder or another thing that is no ordinary file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  // The same for a file below `folder` that a document names, for example the weights beside a model. The name is data from the document:
  // absolute names, "..", and links that lead outside the folder are refused, whatever happens on the disk meanwhile.
  // Links may also lead into `second_folder`, if one is given: stores that keep files under a hash and link to them need that.
  static std::shared_ptr<const MappedFile> open_inside(const std::string& folder, const std::string& name,
                                                       const std::string& second_folder = {});

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  // The pages that touch these bytes may leave memory; they come in again when touched. Nothing happens to bytes of no mapped file.
  static void release(std::span<const std::byte> bytes);

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }
  const std::string& path() const { return path_; }

private:
  MappedFile(std::string path, void* address, size_t size);
  static std::shared_ptr<const MappedFile> map(int descriptor, const std::string& path);

  std::string path_;
  void* address_;
  size_t size_;
};

} // namespace tw
