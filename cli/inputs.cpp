// SPDX-License-Identifier: Apache-2.0
// The inputs of a run: arrays from files, and made-up ones for the rest. What is made up depends on seed, name and shape alone.
#include "cli/model.h"

#include <cmath>
#include <numbers>

namespace tw::cli {
namespace {

// SplitMix64: small, and the same on every machine, unlike the distributions of <random>.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

private:
  uint64_t state_;
};

std::string names_of(const tw_module_descriptor& module) {
  std::vector<std::string> names;
  for (int32_t i = 0; i < module.input_count; ++i) names.emplace_back(module.inputs[i].name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::map<std::string, HostTensor> read_files(const tw_module_descriptor& module, const InputOptions& options) {
  std::map<std::string, HostTensor> out;
  const auto add = [&](const std::string& name, HostTensor tensor, const std::string& from) {
    for (int32_t i = 0; i < module.input_count; ++i) {
      if (name != module.inputs[i].name) continue;
      const DType wanted = from_c_dtype(module.inputs[i].dtype);
      if (wanted == bf16 && tensor.dtype == u16) tensor.dtype = bf16;
      if (!out.emplace(name, std::move(tensor)).second) throw user_error("--input: '{}' is given twice", name);
      return;
    }
    throw user_error("--input: expected one of the inputs {}, found '{}' in {}", names_of(module), name, from);
  };
  for (const std::string& text : options.files) {
    const size_t equals = text.find('=');
    const std::string file = equals == std::string::npos ? text : text.substr(equals + 1);
    if (file.ends_with(".npz") && equals == std::string::npos) {
      for (auto& [name, tensor] : read_npz(file)) add(name, std::move(tensor), file);
    } else if (equals != std::string::npos) {
      add(text.substr(0, equals), read_npy(file), file);
    } else if (module.input_count == 1) {
      add(module.inputs[0].name, read_npy(file), file);
    } else {
      throw user_error("--input: expected NAME=FILE.npy or FILE.npz, found '{}'", text)
          .hint(fmt::format("the inputs are {}", names_of(module)));
    }
  }
  return out;
}

HostTensor make_up(const tw_port& port, std::vector<int64_t> shape, uint64_t seed) {
  HostTensor out = HostTensor::allocate(from_c_dtype(port.dtype), std::move(shape));
  std::string name = port.name;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  Random random(seed);
  for (char c : name) random = Random(random.next() ^ static_cast<uint64_t>(static_cast<unsigned char>(c)));
  const bool mask = name.find("mask") != std::string::npos;
  for (int64_t i = 0; i < out.elements(); ++i)
    out.set_number(i, mask ? 1 : out.dtype.is_float() ? random.normal() : static_cast<double>(random.next() & 1));
  return out;
}

} // namespace

int64_t smallest_size(const tw_symbol& symbol) {
  const int64_t multiple = std::max<int64_t>(symbol.multiple, 1), wish = std::max<int64_t>({symbol.minimum, multiple, 1});
  return (wish + multiple - 1) / multiple * multiple;
}

NamedTensors make_inputs(const tw_module_descriptor& module, const InputOptions& options, const std::map<std::string, int64_t>& sizes) {
  auto given = read_files(module, options);
  std::map<std::string, int64_t> symbols;
  for (int32_t i = 0; i < module.input_count; ++i) {
    auto found = given.find(module.inputs[i].name);
    if (found == given.end()) continue;
    for (int32_t d = 0; d < module.inputs[i].rank && d < static_cast<int32_t>(found->second.shape.size()); ++d)
      if (int32_t symbol = module.inputs[i].dimensions[d].symbol; symbol >= 0)
        symbols.emplace(module.symbols[symbol].name, found->second.shape[static_cast<size_t>(d)]);
  }
  for (const auto& [name, size] : sizes) symbols.emplace(name, size);
  NamedTensors out;
  for (int32_t i = 0; i < module.input_count; ++i) {
    const tw_port& port = module.inputs[i];
    if (auto found = given.find(port.name); found != given.end()) {
      out.emplace_back(port.name, found->second);
      continue;
    }
    std::vector<int64_t> shape;
    for (int32_t d = 0; d < port.rank; ++d) {
      const tw_dimension& dimension = port.dimensions[d];
      if (dimension.symbol < 0) shape.push_back(dimension.size);
      else {
        const tw_symbol& symbol = module.symbols[dimension.symbol];
        shape.push_back(symbols.emplace(symbol.name, smallest_size(symbol)).first->second);
      }
    }
    out.emplace_back(port.name, make_up(port, std::move(shape), options.seed));
  }
  return out;
}

} // namespace tw::cli
