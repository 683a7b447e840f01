// SPDX-License-Identifier: Apache-2.0
#include "ir/blob.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace tw {

std::string Hash128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

namespace {
uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 29;
  x *= 0xc2b2ae3d27d4eb4fu;
  return x ^ x >> 32;
}
} // namespace

// Four independent lanes of rotate-multiply over 32 bytes a step, then a mix of lanes, tail and length.
Hash128 hash_bytes(std::span<const std::byte> bytes, uint64_t seed) {
  const std::byte* p = bytes.data();
  size_t left = bytes.size();
  uint64_t lane[4] = {seed + 0x9e3779b97f4a7c15u, seed ^ 0xbf58476d1ce4e5b9u, seed + 0x94d049bb133111ebu, ~seed};
  for (; left >= 32; left -= 32, p += 32) {
    uint64_t word[4];
    std::memcpy(word, p, 32);
    for (int i = 0; i < 4; ++i) lane[i] = std::rotl((lane[i] ^ word[i]) * 0x9fb21c651e98df25u, 29);
  }
  uint64_t tail[4] = {};
  if (left) std::memcpy(tail, p, left);
  Hash128 result{bytes.size() * 0xa0761d6478bd642fu, seed};
  for (int i = 0; i < 4; ++i) {
    uint64_t x = mix(lane[i] ^ tail[i]);
    result.low = mix(result.low ^ x);
    result.high = mix(std::rotl(result.high, 23) + x * 0xe7037ed1a0b428dbu);
  }
  return result;
}

struct Blob::Data {
  std::vector<std::byte> owned;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> keep;
  std::once_flag once;
  Hash128 hash;
};

namespace {
struct Store {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<void>> blobs; // Blob::Data
};
Store& store() {
  static Store* s = new Store; // never destroyed: blobs may die after static destructors
  return *s;
}
} // namespace

Blob::Blob() : Blob(std::vector<std::byte>()) {}
Blob::Blob(std::vector<std::byte> bytes) : data_(std::make_shared<Data>()) {
  data_->owned = std::move(bytes);
  data_->bytes = data_->owned;
}
Blob::Blob(std::span<const std::byte> bytes, std::shared_ptr<const void> keep) : data_(std::make_shared<Data>()) {
  data_->bytes = bytes;
  data_->keep = std::move(keep);
}

std::span<const std::byte> Blob::bytes() const { return data_->bytes; }

const Hash128& Blob::hash() const {
  std::call_once(data_->once, [&] {
    data_->hash = hash_bytes(data_->bytes);
    std::lock_guard lock(store().mutex);
    store().blobs[data_->hash.hex()] = data_;
    if (store().blobs.size() % 4096 == 0) std::erase_if(store().blobs, [](const auto& e) { return e.second.expired(); });
  });
  return data_->hash;
}

bool Blob::operator==(const Blob& other) const {
  if (data_ == other.data_) return true;
  if (size() != other.size()) return false;
  if (size() <= 256) return size() == 0 || std::memcmp(bytes().data(), other.bytes().data(), size()) == 0;
  return hash() == other.hash();
}

std::optional<Blob> Blob::find(const std::string& hex) {
  std::lock_guard lock(store().mutex);
  auto found = store().blobs.find(hex);
  if (found == store().blobs.end()) return {};
  auto alive = std::static_pointer_cast<Data>(found->second.lock());
  if (!alive) return {};
  Blob blob;
  blob.data_ = std::move(alive);
  return blob;
}

} // namespace tw
