// SPDX-License-Identifier: Apache-2.0
// What the runtime's tests share: a folder for files, a tensor that owns its numbers, and a module whose parts a test can change.
#pragma once

#include "runtime/failure.h"
#include "tensorwright/module.h"

#include <cstdint>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tw::test {

inline constexpr tw_dtype f32{2, 32, 1}, f16{2, 16, 1}, i64{0, 64, 1}, boolean{6, 8, 1};

inline tw_dimension fixed(int64_t size) { return {size, TW_FIXED, 0}; }
inline tw_dimension symbol(int32_t index) { return {0, index, 0}; }
inline tw_dimension computed() { return {0, TW_COMPUTED, 0}; }

// A folder that is gone after the test.
class Folder {
public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "tensorwright_XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

struct Floats {
  std::vector<float> data;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;

  static Floats counting(std::vector<int64_t> shape) {
    size_t count = 1;
    for (int64_t size : shape) count *= static_cast<size_t>(size);
    Floats result{std::vector<float>(count), std::move(shape), {}};
    for (size_t i = 0; i < count; ++i) result.data[i] = static_cast<float>(i);
    return result;
  }
  tw_tensor tensor() {
    return {data.data(), 1, 0, static_cast<int32_t>(shape.size()), f32, shape.data(), strides.empty() ? nullptr : strides.data(), 0};
  }
};

inline std::vector<float> values(const tw_tensor& tensor) {
  size_t count = 1;
  for (int32_t i = 0; i < tensor.ndim; ++i) count *= static_cast<size_t>(tensor.shape[i]);
  const auto begin = static_cast<const float*>(tensor.data);
  return {begin, begin + count};
}

// The inputs' and outputs' dimensions live here as long as the module.
struct Parts {
  std::vector<std::vector<tw_dimension>> dimensions;
  std::vector<tw_port> inputs, outputs;
  std::vector<tw_symbol> symbols;
  std::vector<tw_launch> launches;
  tw_module_descriptor descriptor{};

  Parts() {
    dimensions.reserve(64);
    descriptor.version = TW_ARTIFACT_VERSION;
    descriptor.size = sizeof descriptor;
    descriptor.name = "test";
    descriptor.target = "any";
    descriptor.features = "";
    descriptor.producer = "test";
    descriptor.entry = [](tw_run*, int32_t) -> int32_t { return 0; };
  }
  Parts(const Parts&) = delete;

  tw_port port(const char* name, tw_dtype dtype, std::vector<tw_dimension> shape) {
    dimensions.push_back(std::move(shape));
    return {name, dtype, static_cast<int32_t>(dimensions.back().size()), dimensions.back().data()};
  }
  Parts& input(const char* name, std::vector<tw_dimension> shape, tw_dtype dtype = f32) {
    inputs.push_back(port(name, dtype, std::move(shape)));
    return *this;
  }
  Parts& output(const char* name, std::vector<tw_dimension> shape, tw_dtype dtype = f32) {
    outputs.push_back(port(name, dtype, std::move(shape)));
    return *this;
  }
  Parts& with_symbol(const char* name, int64_t minimum = 0, int64_t maximum = INT64_MAX, int64_t multiple = 1) {
    symbols.push_back({name, minimum, maximum, multiple});
    return *this;
  }
  const tw_module_descriptor& finished() {
    descriptor.input_count = static_cast<int32_t>(inputs.size());
    descriptor.inputs = inputs.data();
    descriptor.output_count = static_cast<int32_t>(outputs.size());
    descriptor.outputs = outputs.data();
    descriptor.symbol_count = static_cast<int32_t>(symbols.size());
    descriptor.symbols = symbols.data();
    descriptor.launch_count = static_cast<int32_t>(launches.size());
    descriptor.launches = launches.data();
    return descriptor;
  }
};

// A module and one session of it; both end with the object.
class Session {
public:
  explicit Session(Parts& parts, tw_options options = {}) : Session(parts.finished(), options) {}
  explicit Session(const tw_module_descriptor& descriptor, tw_options options = {}) {
    tw_module* module = nullptr;
    EXPECT_EQ(tw_module_wrap(&descriptor, nullptr, nullptr, &module), TW_OK) << tw_last_error();
    EXPECT_EQ(tw_session_create(module, &options, &session_), TW_OK) << tw_last_error();
    tw_module_release(module);
  }
  ~Session() { tw_session_destroy(session_); }
  Session(const Session&) = delete;
  tw_session* get() const { return session_; }

  tw_status run(std::vector<tw_tensor> inputs, std::vector<tw_tensor>& outputs) {
    return tw_session_run(session_, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
                          static_cast<int32_t>(outputs.size()));
  }
  // The error of a run without outputs.
  std::string error_of(std::vector<tw_tensor> inputs, tw_status status = TW_USER_ERROR) {
    std::vector<tw_tensor> none;
    EXPECT_EQ(run(std::move(inputs), none), status);
    return tw_last_error();
  }

private:
  tw_session* session_ = nullptr;
};

} // namespace tw::test
