// SPDX-License-Identifier: Apache-2.0
// The bytes of a constant: owned, borrowed from a mapped file or from Python, or an arrangement of another one's that is made when it is
// asked for (ir/arrangement.h). Counted; equality is by content (a 128-bit hash, computed once, when first asked for). Live blobs can be
// found by their hash, which is how text names large ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

struct Arrangement;

class Blob {
public:
  Blob(); // no bytes
  explicit Blob(std::vector<std::byte> bytes);
  // Borrows: `keep` lives as long as the blob.
  Blob(std::span<const std::byte> bytes, std::shared_ptr<const void> keep);
  explicit Blob(Arrangement arrangement);
  template <class T> static Blob of(std::span<const T> values) {
    auto bytes = std::as_bytes(values);
    return Blob(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }

  std::span<const std::byte> bytes() const; // makes those of an arrangement, and keeps them
  size_t size() const;
  // A few of the bytes, without making an arrangement's.
  void read(size_t at, std::span<std::byte> to) const;
  // Of the size and of a few bytes: what is equal has the same one.
  uint64_t fingerprint() const;
  // Null unless this is an arrangement whose bytes have not been made.
  std::shared_ptr<const Arrangement> arrangement() const;
  // Independent jobs that together write all bytes to `to`, where they fit. The blob must live until they are done.
  void copy_steps(std::byte* to, std::vector<std::function<void()>>& steps) const;
  // An arrangement's bytes are at `bytes` now, as long as `keep` lives; what it was made from may go.
  void settle(std::span<const std::byte> bytes, std::shared_ptr<const void> keep) const;
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
