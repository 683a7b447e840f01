// SPDX-License-Identifier: Apache-2.0
#include "ir/blob.h"

#include "base/mapped_file.h"
#include "base/pages.h"
#include "ir/arrangement.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>

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
  // An arrangement is there until its bytes are.
  std::mutex mutex;
  std::atomic<bool> made{true};
  std::shared_ptr<const Arrangement> arrangement;
  size_t size = 0;

  void settle(std::span<const std::byte> at, std::shared_ptr<const void> owner) {
    bytes = at;
    keep = std::move(owner);
    arrangement.reset();
    made = true;
  }
};

namespace {
std::shared_ptr<std::byte> make_bytes(const Arrangement& arrangement, size_t size) {
  auto memory = allocate_pages(size);
  std::vector<std::function<void()>> steps;
  arrangement.copy_steps(memory.get(), steps);
  for (const auto& step : steps) step();
  return memory;
}
} // namespace

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
  data_->size = data_->bytes.size();
}
Blob::Blob(std::span<const std::byte> bytes, std::shared_ptr<const void> keep) : data_(std::make_shared<Data>()) {
  data_->bytes = bytes;
  data_->keep = std::move(keep);
  data_->size = bytes.size();
}
Blob::Blob(Arrangement arrangement) : data_(std::make_shared<Data>()) {
  data_->size = static_cast<size_t>(arrangement.count() * arrangement.element.bytes());
  data_->arrangement = std::make_shared<const Arrangement>(std::move(arrangement));
  data_->made = false;
}

size_t Blob::size() const { return data_->size; }

std::span<const std::byte> Blob::bytes() const {
  if (!data_->made) {
    std::lock_guard lock(data_->mutex);
    if (!data_->made) {
      auto memory = make_bytes(*data_->arrangement, data_->size);
      data_->settle({memory.get(), data_->size}, memory);
    }
  }
  return data_->bytes;
}

std::shared_ptr<const Arrangement> Blob::arrangement() const {
  if (data_->made) return {};
  std::lock_guard lock(data_->mutex);
  return data_->arrangement;
}

void Blob::settle(std::span<const std::byte> bytes, std::shared_ptr<const void> keep) const {
  std::lock_guard lock(data_->mutex);
  if (!data_->made) data_->settle(bytes, std::move(keep));
}

void Blob::read(size_t at, std::span<std::byte> to) const {
  auto arrangement = this->arrangement();
  if (!arrangement) {
    if (!to.empty()) std::memcpy(to.data(), data_->bytes.data() + at, to.size());
    return;
  }
  auto width = static_cast<size_t>(arrangement->element.bytes());
  for (size_t done = 0; done < to.size();) {
    std::byte element[16];
    size_t skipped = (at + done) % width, count = std::min(width - skipped, to.size() - done);
    std::memcpy(to.data() + done, arrangement->read(static_cast<int64_t>((at + done) / width), element) + skipped, count);
    done += count;
  }
}

uint64_t Blob::fingerprint() const {
  constexpr size_t words = 16, word_bytes = sizeof(uint64_t);
  uint64_t result = mix(size()), last = size() < word_bytes ? 0 : size() / word_bytes - 1;
  for (size_t i = 0; size() && i < words; ++i) {
    uint64_t word = 0;
    read(i * last / (words - 1) * word_bytes, {reinterpret_cast<std::byte*>(&word), std::min(size(), word_bytes)});
    result = std::rotl((result ^ word) * 0x9fb21c651e98df25u, 29);
  }
  return mix(result);
}

void Blob::copy_steps(std::byte* to, std::vector<std::function<void()>>& steps) const {
  if (auto arrangement = this->arrangement()) return arrangement->copy_steps(to, steps);
  constexpr size_t step_bytes = size_t{2} << 20;
  for (size_t begin = 0; begin < size(); begin += step_bytes) {
    auto piece = data_->bytes.subspan(begin, std::min(step_bytes, size() - begin));
    steps.push_back([=] {
      std::memcpy(to + begin, piece.data(), piece.size());
      MappedFile::release(piece);
    });
  }
}

const Hash128& Blob::hash() const {
  std::call_once(data_->once, [&] {
    if (auto arrangement = this->arrangement()) {
      auto memory = make_bytes(*arrangement, data_->size); // not kept: whoever wants a hash seldom wants the bytes
      data_->hash = hash_bytes({memory.get(), data_->size});
    } else {
      data_->hash = hash_bytes(data_->bytes);
    }
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
  if (fingerprint() != other.fingerprint()) return false;
  auto a = arrangement(), b = other.arrangement();
  bool scaled = (a && a->factors) || (b && b->factors);
  if (a && b && !scaled && a->source.data_ == b->source.data_ && a->parts == b->parts && a->without_subnormals == b->without_subnormals)
    return true;
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
