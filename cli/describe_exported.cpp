// SPDX-License-Identifier: Apache-2.0
#include "cli/describe.h"

namespace tw::cli {
namespace {

Json ports(const tw_port* list, int32_t count, const tw_symbol* symbols) {
  Json out = Json::array();
  for (int32_t i = 0; i < count; ++i) out.push_back(port_json(list[i], symbols));
  return out;
}

struct Arena {
  int64_t bytes = 0;
  std::string sizes; // "n=1"; empty if none is symbolic
};

// For the smallest sizes, since larger ones are known only when inputs are there.
Arena smallest_arena(const tw_module_descriptor& module) {
  std::vector<int64_t> symbols, offsets(static_cast<size_t>(module.offset_count) + 1);
  Arena out;
  for (int32_t i = 0; i < module.symbol_count; ++i) {
    symbols.push_back(smallest_size(module.symbols[i]));
    out.sizes += fmt::format("{}{}={}", i == 0 ? "" : ", ", module.symbols[i].name, symbols.back());
  }
  symbols.push_back(0); // never without an address
  if (module.plan != nullptr) out.bytes = std::max<int64_t>(0, module.plan(symbols.data(), offsets.data()));
  return out;
}

} // namespace

int describe_exported(const std::string& path, Output& output) {
  tw_module* module = nullptr;
  check_status(tw_module_load(path.c_str(), &module));
  const std::unique_ptr<tw_module, void (*)(tw_module*)> owner(module, tw_module_release);
  const tw_module_descriptor& d = *tw_module_describe(module);
  Json dimensions = Json::array();
  std::string bounds;
  for (int32_t i = 0; i < d.symbol_count; ++i) {
    const tw_symbol& s = d.symbols[i];
    const bool open = s.maximum == INT64_MAX;
    dimensions.push_back({{"name", s.name},
                          {"minimum", s.minimum},
                          {"maximum", open ? Json(nullptr) : Json(s.maximum)},
                          {"multiple", std::max<int64_t>(s.multiple, 1)}});
    bounds += fmt::format("{}{}: {} to {}{}", bounds.empty() ? "" : "; ", s.name, s.minimum, open ? "any" : std::to_string(s.maximum),
                          s.multiple > 1 ? fmt::format(", a multiple of {}", s.multiple) : "");
  }
  const Arena arena = smallest_arena(d);
  output.result = {{"format", "module"},
                   {"name", d.name},
                   {"target", d.target},
                   {"features", d.features},
                   {"producer", d.producer},
                   {"inputs", ports(d.inputs, d.input_count, d.symbols)},
                   {"outputs", ports(d.outputs, d.output_count, d.symbols)},
                   {"dimensions", dimensions},
                   {"launches", d.launch_count},
                   {"weight_bytes", d.weight_bytes},
                   {"arena_bytes", arena.bytes}};
  output.line(fmt::format("{}: an exported module '{}' for {}, made by {}", path, d.name, d.target, d.producer));
  Table table({"", "name", "type"});
  for (int32_t i = 0; i < d.input_count; ++i) table.row({"input", d.inputs[i].name, port_type(d.inputs[i], d.symbols)});
  for (int32_t i = 0; i < d.output_count; ++i) table.row({"output", d.outputs[i].name, port_type(d.outputs[i], d.symbols)});
  output.line(table.text());
  if (!bounds.empty()) output.line("dimensions: " + bounds);
  output.line(fmt::format("{} kernel launches, weights {}, arena {}{}", d.launch_count, bytes_text(static_cast<double>(d.weight_bytes)),
                          bytes_text(static_cast<double>(arena.bytes)), arena.sizes.empty() ? "" : " with " + arena.sizes));
  return exit_ok;
}

} // namespace tw::cli
