// SPDX-License-Identifier: Apache-2.0
// What people see: aligned tables, readable quantities, a profile's page.
#include "cli/profile_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tw::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Words stand to the left, columns of numbers to the right, without blanks at the ends of lines.
TEST(Table, AlignsWordsAndNumbers) {
  Table table({"name", "ms"});
  table.row({"a", "1.5"});
  table.row({"longer", "10.25"});
  EXPECT_EQ(table.text(), "name       ms\n"
                          "a         1.5\n"
                          "longer  10.25");
}

// Units follow the size.
TEST(Quantities, AreReadable) {
  EXPECT_EQ(time_text(2.5), "2.500 s");
  EXPECT_EQ(time_text(0.0012), "1.200 ms");
  EXPECT_EQ(time_text(3e-6), "3.00 us");
  EXPECT_EQ(bytes_text(12), "12 bytes");
  EXPECT_EQ(bytes_text(3 << 20), "3.00 MiB");
}

// Quantiles lie between the samples, in any order of measuring.
TEST(Samples, Quantiles) {
  Samples samples;
  for (double value : {4.0, 1.0, 3.0, 2.0}) samples.add(value);
  EXPECT_DOUBLE_EQ(samples.quantile(0), 1);
  EXPECT_DOUBLE_EQ(samples.quantile(0.5), 2.5);
  EXPECT_DOUBLE_EQ(samples.quantile(1), 4);
}

ProfileReport report() {
  ProfileReport out{.model = "<model>", .target = "native", .threads = 2, .runs = 3, .seconds = 0.002, .launches = {}};
  out.launches.push_back({.kernel = "k1",
                          .origin = "conv1+relu1",
                          .shape = "1x3 -> 1x4",
                          .seconds = 0.001,
                          .predicted_seconds = 0.0005,
                          .flops = 1e9,
                          .bytes = 1e6,
                          .possible_flops = 2e9,
                          .memory_seconds = 0.0001});
  out.launches.push_back({.kernel = "k<2>", .origin = "", .shape = ""});
  return out;
}

// Rates follow from time and work; a launch that took no measurable time has rate 0.
TEST(Profile, TableAndJson) {
  EXPECT_THAT(to_table(report()), HasSubstr("conv1+relu1  1x3 -> 1x4  1.0000     0.5000   1000.0   1.0         50  100.0%"));
  const Json json = to_json(report());
  EXPECT_DOUBLE_EQ(json["launches"][0]["gflops_per_second"].get<double>(), 1000.0);
  EXPECT_EQ(json["launches"][1]["roof_percent"], 0.0);
}

// The page needs nothing but itself, and names of the model cannot break it.
TEST(Profile, PageIsSelfContained) {
  const std::string page = to_html(report());
  EXPECT_THAT(page, HasSubstr("Profile of &lt;model&gt;"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("k&lt;2&gt;"));
  for (const char* link : {"http", "src=", "href=", "@import"}) EXPECT_THAT(page, Not(HasSubstr(link)));
}

// Bytes stand under the roof of the smallest cache that holds them, a launch under the lower one of memory's and multiply-adds' roofs.
TEST(Profile, Roof) {
  const Roof roof{.flops_per_second = 100, .levels = {{50, 20}, {INFINITY, 10}}};
  EXPECT_DOUBLE_EQ(roof.memory_seconds(40), 2);
  EXPECT_DOUBLE_EQ(roof.memory_seconds(1000), 100);
  EXPECT_DOUBLE_EQ((LaunchProfile{.seconds = 2, .flops = 30, .possible_flops = 40, .memory_seconds = 1}.roof_percent()), 75);
  EXPECT_DOUBLE_EQ((LaunchProfile{.seconds = 2, .flops = 10, .possible_flops = 40, .memory_seconds = 1}.roof_percent()), 50);
}

} // namespace
} // namespace tw::cli
