// SPDX-License-Identifier: Apache-2.0
#include "cli/model.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>

namespace tw::cli {

void ModelOptions::declare(CLI::App& app) {
  app.add_option("model", path, "an ONNX model, a module's text, or an exported module")->required();
  app.add_option("--target", target, "native, x86-64-v2, x86-64-v3, x86-64-v4, with +feature and -feature")->capture_default_str();
  app.add_option("--threads", threads, "threads to run with; 0: one for each physical core")->check(number_between(0, 65536));
  app.add_option("--dim", dims, "NAME=SIZE gives a symbolic dimension a size")->type_name("NAME=SIZE");
  app.add_option("--disable", disable, "leave out a pass")->type_name("PASS");
  app.add_flag("--no-cache", no_cache, "compile everything anew");
  app.add_flag("--exact", exact, "no approximations and no reordered sums");
}

std::map<std::string, int64_t> ModelOptions::sizes() const {
  std::map<std::string, int64_t> out;
  for (const std::string& text : dims) {
    const size_t equals = text.rfind('=');
    int64_t size = 0;
    const char* end = text.data() + text.size();
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size() ||
        std::from_chars(text.data() + equals + 1, end, size).ptr != end || size < 0)
      throw user_error("--dim: expected NAME=SIZE with a size that is not negative, found '{}'", text).hint("for example --dim batch=4");
    out[text.substr(0, equals)] = size;
  }
  return out;
}

compile::Options ModelOptions::compile_options() const {
  compile::Options out;
  out.target = target;
  out.dims = sizes();
  out.cache = !no_cache;
  out.passes.exact = exact;
  out.driver.disable = {disable.begin(), disable.end()};
  return out;
}

void InputOptions::declare(CLI::App& app) {
  app.add_option("--input", files, "NAME=FILE.npy, or FILE.npz with arrays by name; other inputs are made up")->type_name("NAME=FILE");
  app.add_option("--seed", seed, "of the inputs that are made up")->capture_default_str();
}

bool is_exported(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw user_error("cannot read {}: {}", path.string(), std::strerror(errno));
  char magic[8] = {};
  file.read(magic, 4);
  if (std::memcmp(magic,
                  "\x7f"
                  "ELF",
                  4) == 0)
    return true;
  file.clear();
  file.seekg(-8, std::ios::end);
  return file.read(magic, 8) && std::memcmp(magic, TW_TRAILER_MAGIC, 8) == 0;
}

void check_status(tw_status status) {
  if (status == TW_OK) return;
  const ErrorKind kind = status == TW_USER_ERROR    ? ErrorKind::user
                         : status == TW_UNSUPPORTED ? ErrorKind::unsupported
                                                    : ErrorKind::internal;
  throw Error(kind, tw_last_error());
}

namespace {

// The compiler checks the names of dimensions itself; an exported module has them in its descriptor.
void check_sizes(const tw_module_descriptor& module, const std::map<std::string, int64_t>& sizes) {
  std::vector<std::string> names;
  for (int32_t i = 0; i < module.symbol_count; ++i) names.emplace_back(module.symbols[i].name);
  for (const auto& [name, size] : sizes)
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw user_error("--dim: expected one of the symbolic dimensions {}, found '{}'",
                       names.empty() ? "(there are none)" : fmt::format("{}", fmt::join(names, ", ")), name);
}

} // namespace

LoadedModel::LoadedModel(const ModelOptions& options) {
  if (is_exported(options.path)) {
    check_status(tw_module_load(options.path.c_str(), &module_));
    try {
      check_sizes(descriptor(), options.sizes());
    } catch (...) {
      tw_module_release(module_);
      throw;
    }
    return;
  }
  Progress progress("compiling " + options.path);
  compiled_ = compile::compile(compile::load_model(options.path), options.compile_options());
  module_ = compiled_->runtime_module();
}

LoadedModel::LoadedModel(compile::CompiledModule compiled) : compiled_(std::move(compiled)), module_(compiled_->runtime_module()) {}

LoadedModel::~LoadedModel() { tw_module_release(module_); }

Runner::Runner(const LoadedModel& model, int threads, bool profile) : descriptor_(model.descriptor()) {
  tw_options options{};
  options.threads = threads;
  options.profile = profile;
  check_status(tw_session_create(model.module(), &options, &session_));
}

Runner::~Runner() { tw_session_destroy(session_); }

void Runner::run(const NamedTensors& inputs) {
  std::vector<tw_tensor> tensors;
  for (const auto& [name, tensor] : inputs) tensors.push_back(tensor.tensor());
  outputs_.assign(static_cast<size_t>(descriptor_.output_count), tw_tensor{});
  check_status(tw_session_run(session_, tensors.data(), static_cast<int32_t>(tensors.size()), outputs_.data(), descriptor_.output_count));
}

NamedTensors Runner::outputs() const {
  NamedTensors out;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const tw_tensor& output = outputs_[i];
    HostTensor tensor = HostTensor::allocate(from_c_dtype(output.dtype), {output.shape, output.shape + output.ndim});
    std::memcpy(tensor.data.get(), output.data, static_cast<size_t>(tensor.bytes()));
    out.emplace_back(descriptor_.outputs[i].name, std::move(tensor));
  }
  return out;
}

std::string port_type(const tw_port& port, const tw_symbol* symbols) {
  std::vector<std::string> sizes;
  for (int32_t i = 0; i < port.rank; ++i) {
    const tw_dimension& d = port.dimensions[i];
    sizes.push_back(d.symbol >= 0 ? symbols[d.symbol].name : d.symbol == TW_FIXED ? std::to_string(d.size) : "?");
  }
  return fmt::format("{}[{}]", to_string(from_c_dtype(port.dtype)), fmt::join(sizes, ", "));
}

Json port_json(const tw_port& port, const tw_symbol* symbols) {
  Json shape = Json::array();
  for (int32_t i = 0; i < port.rank; ++i) {
    const tw_dimension& d = port.dimensions[i];
    if (d.symbol >= 0) shape.push_back(symbols[d.symbol].name);
    else if (d.symbol == TW_FIXED) shape.push_back(d.size);
    else shape.push_back(nullptr);
  }
  return {{"name", port.name}, {"dtype", to_string(from_c_dtype(port.dtype))}, {"shape", shape}};
}

} // namespace tw::cli
