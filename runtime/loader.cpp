// SPDX-License-Identifier: Apache-2.0
// Loading a checked file. The system's loader opens /proc/self/fd/N, so it gets the very file that was checked, even if the path names
// another one by now.
//
// The system knows libraries by name and by file: the name "/proc/self/fd/5" would wrongly give it an old library when 5 is used again for
// another file. So a descriptor stays open as long as its library is loaded, and a file that is loaded already is not loaded twice.
#include "runtime/artifact_file.h"
#include "runtime/module.h"

#include <dlfcn.h>
#include <mutex>
#include <vector>

namespace tw::runtime {
namespace {

struct Library {
  CheckedFile checked;
  std::string name;
  void* handle = nullptr;
};

std::mutex mutex;

std::vector<std::weak_ptr<void>>& loaded_libraries() {
  static auto* const list = new std::vector<std::weak_ptr<void>>; // never destroyed: modules may be released late in the process's end
  return *list;
}

// A library may refuse to go (it has thread-local destructors, or asks to stay): then its name stays too, and so must the descriptor.
void unload(void* pointer) {
  auto* const library = static_cast<Library*>(pointer);
  const std::lock_guard lock(mutex);
  ::dlclose(library->handle);
  if (void* const still = ::dlopen(library->name.c_str(), RTLD_NOW | RTLD_NOLOAD); still != nullptr) {
    ::dlclose(still);
    library->checked.file.release();
  }
  delete library;
}

std::shared_ptr<void> find_loaded(const std::string& path, const CheckedFile& checked) {
  auto& libraries = loaded_libraries();
  std::erase_if(libraries, [](const auto& library) { return library.expired(); });
  for (const auto& weak : libraries) {
    auto shared = weak.lock();
    if (shared == nullptr) continue;
    const auto& other = static_cast<Library*>(shared.get())->checked;
    if (other.device != checked.device || other.inode != checked.inode) continue;
    if (other.checksum == checked.checksum) return shared;
    throw Failure(TW_USER_ERROR, text("module '", path,
                                      "': the file was overwritten while it is loaded; release the loaded module first, or "
                                      "write new modules under another name and rename them"));
  }
  return nullptr;
}

std::shared_ptr<void> open_library(const std::string& path) {
  CheckedFile checked = open_module_file(path);
  std::shared_ptr<void> known; // outside the lock: its end takes the lock
  const std::lock_guard lock(mutex);
  known = find_loaded(path, checked);
  if (known != nullptr) return known;
  auto library = std::make_unique<Library>();
  library->name = text("/proc/self/fd/", checked.file.descriptor());
  library->checked = std::move(checked);
  library->handle = ::dlopen(library->name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    const char* const why = ::dlerror();
    throw Failure(TW_USER_ERROR, text("module '", path, "': the system's loader refuses it: ", why != nullptr ? why : "no reason given"));
  }
  std::shared_ptr<void> shared(library.release(), unload);
  loaded_libraries().push_back(shared);
  return shared;
}

} // namespace

std::unique_ptr<tw_module> load_module(const std::string& path) {
  auto module = std::make_unique<tw_module>();
  module->library = open_library(path);
  void* const symbol = ::dlsym(static_cast<Library*>(module->library.get())->handle, TW_DESCRIPTOR_SYMBOL);
  if (symbol == nullptr)
    throw Failure(TW_USER_ERROR, text("module '", path, "': expected the symbol '", TW_DESCRIPTOR_SYMBOL,
                                      "', found a library without it; is it a module that tensorwright compiled?"));
  module->descriptor = static_cast<const tw_module_descriptor*>(symbol);
  check_descriptor(*module->descriptor, path);
  check_processor(*module->descriptor, path);
  return module;
}

} // namespace tw::runtime
