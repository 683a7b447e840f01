// SPDX-License-Identifier: Apache-2.0
// The bytes of a constant: owned, borrowed from a mapped file, or from Python. Counted; equality is by content (a 128-bit hash, computed
// once, when first asked for). Live blobs can be found by their hash, which is how text names large ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tw {

struct Hash128 {
  uint64_t low = 0, high = 0;
  bool operator==(const Hash128&) const = default;
  bool operator<(const Hash128& o) const { return high != o.high ? high < o.high : low < o.low; }
  std::string hex() const;
};
Hash128 hash_bytes(std::span<const std::byte> bytes, uint64_t seed = 0);

class Blob {
public:
  Blob(); // no bytes
  explicit Blob(std::vector<std::byte> bytes);
  // Borrows: `keep` lives as long as the blob.
  Blob(std::span<const std::byte> bytes, std::shared_ptr<const void> keep);
  template <class T> static Blob of(std::span<const T> values) {
    auto bytes = std::as_bytes(values);
    return Blob(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }

  std::span<const std::byte> bytes() const;
  size_t size() const { return bytes().size(); }
  template <class T> std::span<const T> as() const { return {reinterpret_cast<const T*>(bytes().data()), size() / sizeof(T)}; }
  const Hash128& hash() const;
  bool operator==(const Blob& other) const;

  // A live blob with this hash (as Hash128::hex), whose hash has been asked for before.
  static std::optional<Blob> find(const std::string& hex);

private:
  struct Data;
  std::shared_ptr<Data> data_;
};

} // namespace tw
