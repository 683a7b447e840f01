// SPDX-License-Identifier: Apache-2.0
#include "cli/profile_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tw::cli {

double Roof::memory_seconds(double bytes) const {
  const auto level = std::find_if(levels.begin(), levels.end(), [&](const Level& l) { return bytes <= l.bytes; });
  return level == levels.end() ? 0 : bytes / level->bytes_per_second;
}

Roof roof_of(const std::string& target_name, int threads) {
  const Target target = native_target_with(parse_features(target_name));
  const int used = std::max(1, std::min(threads, target.cores));
  // From one core, which has the machine to itself, to all of them.
  const double busy = target.cores > 1 ? static_cast<double>(used - 1) / (target.cores - 1) : 0,
               memory = std::lerp(target.cost.memory_gigabytes, target.cost.memory_gigabytes_all_cores, busy);
  const double cycles = target.gigahertz * 1e9 * used;
  return {.flops_per_second = 2.0 * target.lanes(4) * target.fma_ports * cycles * std::lerp(1.0, target.cost.all_cores_pace, busy),
          .levels = {{static_cast<double>(target.l1_bytes * used), target.cost.l1_bytes_per_cycle * cycles},
                     {static_cast<double>(target.l2_bytes * used), target.cost.l2_bytes_per_cycle * cycles},
                     {static_cast<double>(target.l3_bytes), target.cost.l3_bytes_per_cycle * cycles},
                     {INFINITY, memory * 1e9}},
          .calibrated = target.calibrated};
}

double ProfileReport::launch_seconds() const {
  return std::accumulate(launches.begin(), launches.end(), 0.0, [](double sum, const LaunchProfile& l) { return sum + l.seconds; });
}

namespace {

std::string label(const LaunchProfile& launch) { return launch.origin.empty() ? launch.kernel : launch.origin; }

std::string summary(const ProfileReport& report) {
  return fmt::format("{}: {} a run (median of {}), {} in {} kernels, {} threads, {}; roof: {:.0f} GFLOP/s, measured between the runs, "
                     "{:.1f} GB/s of memory, {}",
                     report.model, time_text(report.seconds), report.runs, time_text(report.launch_seconds()), report.launches.size(),
                     report.threads, report.target, report.roof.flops_per_second * 1e-9, report.roof.memory_gigabytes(),
                     report.roof.calibrated ? "as calibrated" : "nominal (tensorwright doctor --calibrate measures it)");
}

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
    case '&': out += "&amp;"; break;
    case '<': out += "&lt;"; break;
    case '>': out += "&gt;"; break;
    case '"': out += "&quot;"; break;
    default: out += c;
    }
  }
  return out;
}

constexpr std::string_view style = R"(
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; color: #1d2733; background: #fff }
h1 { font-size: 1.3em } table { border-collapse: collapse; width: 100% } td, th { padding: .25em .6em; text-align: right; border-bottom: 1px solid #dde3ea }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; word-break: break-word }
svg { width: 100%; height: auto } .measured { fill: #3b76c4 } .predicted { fill: #f0a830 } text { fill: currentColor; font-size: 12px }
@media (prefers-color-scheme: dark) { body { color: #dfe6ee; background: #12181f } td, th { border-color: #2b3642 } })";

std::vector<LaunchProfile> slowest_first(const ProfileReport& report) {
  std::vector<LaunchProfile> out = report.launches;
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return out;
}

constexpr double chart_width = 1160, chart_label = 380, chart_row = 30;

// Two bars for each kernel: measured and predicted.
std::string bars(const std::vector<LaunchProfile>& launches) {
  double longest = 1e-12;
  for (const auto& l : launches) longest = std::max({longest, l.seconds, l.predicted_seconds});
  std::string out;
  for (size_t i = 0; i < launches.size(); ++i) {
    const LaunchProfile& l = launches[i];
    const double y = chart_row * static_cast<double>(i), scale = (chart_width - chart_label - 180) / longest;
    std::string name = label(l);
    if (name.size() > 52) {
      size_t cut = 50;
      while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xc0) == 0x80) --cut; // not within a character
      name = name.substr(0, cut) + "…";
    }
    out += fmt::format("<g><title>{} {}: {}, predicted {}</title><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", escape(label(l)),
                       escape(l.shape), time_text(l.seconds), time_text(l.predicted_seconds), chart_label - 8, y + 17, escape(name));
    out +=
        fmt::format("<rect class=\"measured\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"11\"/>", chart_label, y + 4, l.seconds * scale);
    out += fmt::format("<rect class=\"predicted\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"7\"/>", chart_label, y + 16,
                       l.predicted_seconds * scale);
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{}, {:.0f} % of the roof</text></g>\n",
                       chart_label + std::max(l.seconds, l.predicted_seconds) * scale + 6, y + 17, time_text(l.seconds), l.roof_percent());
  }
  return out;
}

std::string chart(const std::vector<LaunchProfile>& launches) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"time of each kernel\">\n{}</svg>\n", chart_width,
                     chart_row * static_cast<double>(launches.size()), bars(launches));
}

} // namespace

std::string to_table(const ProfileReport& report) {
  Table table({"kernel", "shape", "ms", "predicted", "GFLOP/s", "GB/s", "% of roof", "share"});
  const double total = std::max(report.launch_seconds(), 1e-12);
  for (const LaunchProfile& l : report.launches)
    table.row({label(l), l.shape, fmt::format("{:.4f}", l.seconds * 1e3), fmt::format("{:.4f}", l.predicted_seconds * 1e3),
               fmt::format("{:.1f}", l.gflops()), fmt::format("{:.1f}", l.gigabytes()), fmt::format("{:.0f}", l.roof_percent()),
               fmt::format("{:.1f}%", l.seconds / total * 100)});
  return table.text() + "\n" + summary(report);
}

Json to_json(const ProfileReport& report) {
  Json launches = Json::array();
  for (const LaunchProfile& l : report.launches)
    launches.push_back({{"kernel", l.kernel},
                        {"origin", l.origin},
                        {"shape", l.shape},
                        {"seconds", l.seconds},
                        {"best_seconds", l.best_seconds},
                        {"predicted_seconds", l.predicted_seconds},
                        {"flops", l.flops},
                        {"possible_flops", l.possible_flops},
                        {"bytes", l.bytes},
                        {"gflops_per_second", l.gflops()},
                        {"gigabytes_per_second", l.gigabytes()},
                        {"roof_percent", l.roof_percent()}});
  return {{"target", report.target},
          {"threads", report.threads},
          {"runs", report.runs},
          {"median_seconds", report.seconds},
          {"roof",
           {{"gflops_per_second", report.roof.flops_per_second * 1e-9},
            {"memory_gigabytes_per_second", report.roof.memory_gigabytes()},
            {"calibrated", report.roof.calibrated}}},
          {"launches", launches}};
}

std::string to_html(const ProfileReport& report) {
  std::string rows;
  for (const LaunchProfile& l : report.launches)
    rows += fmt::format(
        "<tr title=\"{}\"><td>{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.1f}</td><td>{:.1f}</td><td>{:.0f}</td></tr>\n",
        escape(l.kernel), escape(label(l)), escape(l.shape), l.seconds * 1e3, l.predicted_seconds * 1e3, l.gflops(), l.gigabytes(),
        l.roof_percent());
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Profile of {0}</title><style>{1}</style></head><body>\n"
      "<h1>Profile of {0}</h1>\n<p>{2}</p>\n<p>Bars: measured (blue) above predicted (yellow), the slowest first.</p>\n{3}"
      "<h1>In the order of the run</h1>\n<table><tr><th>kernel</th><th>shape</th><th>ms</th><th>predicted</th><th>GFLOP/s</th><th>GB/s</th>"
      "<th>% of roof</th></tr>\n{4}</table></body></html>\n",
      escape(report.model), style, escape(summary(report)), chart(slowest_first(report)), rows);
}

// A document of its own: with a heading, for there is no page around it.
std::string to_svg(const ProfileReport& report) {
  constexpr size_t most = 24;
  constexpr double heading = 64;
  std::vector<LaunchProfile> launches = slowest_first(report);
  launches.resize(std::min(launches.size(), most));
  const double height = heading + chart_row * static_cast<double>(launches.size());
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\">\n"
      "<style>.measured {{ fill: #3b76c4 }} .predicted {{ fill: #f0a830 }} text {{ fill: #1d2733; font-size: 12px }}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
      "<text x=\"12\" y=\"22\">{2}</text>\n<text x=\"12\" y=\"44\">The slowest {3}: measured (blue), predicted (yellow).</text>\n"
      "<g transform=\"translate(0 {4})\">\n{5}</g></svg>\n",
      chart_width, height, escape(summary(report)), launches.size(), heading, bars(launches));
}

void write_text(const std::string& text, const std::filesystem::path& path) {
  write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

} // namespace tw::cli
