// SPDX-License-Identifier: Apache-2.0
#include "cli/kernel_listing.h"

#include "ir/syntax.h"

#include <algorithm>

namespace tw::cli {
namespace {

// By kernel, the slowest first.
std::vector<KernelListing> kernels_of(const ProfileReport& report) {
  std::vector<KernelListing> out;
  for (const LaunchProfile& l : report.launches) {
    auto found = std::ranges::find(out, l.kernel, &KernelListing::kernel);
    if (found == out.end()) found = out.insert(out.end(), {.kernel = l.kernel, .origins = {}, .assembly = {}});
    found->origins.push_back(l.origin);
    found->seconds += l.seconds;
    found->roof_seconds += l.seconds * l.roof_percent() / 100;
  }
  for (KernelListing& k : out) k.share = k.seconds / std::max(report.launch_seconds(), 1e-12);
  std::ranges::stable_sort(out, std::greater<>(), &KernelListing::seconds);
  return out;
}

bool occurs(const std::string& wanted, const KernelListing& listing) {
  auto contains = [&](const std::string& text) { return text.find(wanted) != std::string::npos; };
  return contains(listing.kernel) || std::ranges::any_of(listing.origins, contains);
}

std::string heading(const KernelListing& k) {
  std::string more = k.origins.size() > 1 ? fmt::format(" and {} more", k.origins.size() - 1) : "";
  return fmt::format("# {}: {}{}, {}, {:.1f}% of all kernels, {:.0f} % of the roof", k.kernel, k.origins.front(), more,
                     time_text(k.seconds), k.share * 100, k.roof_percent());
}

} // namespace

std::vector<KernelListing> list_kernels(const ProfileReport& report, const compile::CompiledModule& compiled, const std::string& wanted) {
  std::vector<KernelListing> all = kernels_of(report), out;
  for (KernelListing& k : all)
    if (wanted.empty() ? out.empty() : occurs(wanted, k)) out.push_back(k);
  if (out.empty()) {
    std::vector<std::string> names;
    for (const KernelListing& k : all) names.push_back(k.kernel);
    throw user_error("--asm: expected a part of a kernel's name or of its nodes, found '{}'", wanted)
        .hint(syntax::nearest_or_all(wanted, names, "the kernels are"));
  }
  for (KernelListing& k : out) k.assembly = compiled.assembly(k.kernel);
  return out;
}

std::string to_text(const std::vector<KernelListing>& listings) {
  std::string out;
  for (const KernelListing& k : listings) {
    out += (out.empty() ? "" : "\n") + heading(k) + "\n";
    if (!k.assembly.loops.empty()) {
      const codegen::LoopCounts& hottest = k.assembly.loops.front();
      out += fmt::format("# busiest of {} innermost loops: {}, {}\n", k.assembly.loops.size(), hottest.label, hottest.text());
    }
    out += k.assembly.text;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

Json to_json(const std::vector<KernelListing>& listings) {
  Json out = Json::array();
  for (const KernelListing& k : listings) {
    Json loops = Json::array();
    for (const codegen::LoopCounts& l : k.assembly.loops)
      loops.push_back({{"label", l.label},
                       {"instructions", l.instructions},
                       {"multiply_adds", l.multiply_adds},
                       {"loads", l.loads},
                       {"stores", l.stores},
                       {"stack", l.stack}});
    out.push_back({{"kernel", k.kernel},
                   {"origins", k.origins},
                   {"seconds", k.seconds},
                   {"roof_percent", k.roof_percent()},
                   {"loops", loops},
                   {"text", k.assembly.text}});
  }
  return out;
}

} // namespace tw::cli
