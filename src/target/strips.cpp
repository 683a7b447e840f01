// SPDX-License-Identifier: Apache-2.0
#include "target/strips.h"

#include "target/shares.h"

#include <algorithm>

namespace tw {
namespace {

constexpr double worth_it = 0.035;    // of the whole time: less is within what the formula leaves out
constexpr double element_steps = 8;   // what an element of an expanded map costs beside its products, in multiply-adds
constexpr double function_steps = 16; // an exponential
constexpr double depthwise_pace = 3;  // a depthwise step loads two operands where a product loads a part of one

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

class Strips {
public:
  Strips(const Target& t, const StripProblem& p) : t_(t), p_(p), clock_(t.gigahertz * 1e9) {
    steps_ = t.lanes(p.element_bytes) * t.fma_ports * clock_;
    double of_element = static_cast<double>(p.inputs) + element_steps + function_steps * static_cast<double>(p.functions);
    expand_line_ = p.inputs ? static_cast<double>(p.width * p.channels) * of_element / steps_ : 0;
    double places = static_cast<double>(p.batch * p.result_height * p.result_width * p.channels);
    whole_ = static_cast<double>(p.batch * p.height) * expand_line_;
    whole_ += places * (depthwise_pace * static_cast<double>(p.taps) + element_steps + static_cast<double>(p.outputs)) / steps_;
  }

  // Seconds on one core that all need.
  double whole() const { return whole_; }
  // What a strip of so many rows holds at a time, in bytes.
  int64_t room(int64_t rows) const {
    int64_t read = lines(rows) * p_.width * (p_.inputs ? p_.inputs : p_.channels) * p_.element_bytes;
    return read + (p_.inputs ? expanded(rows) : 0) + (p_.outputs ? filtered(rows) : 0);
  }

  double saved(int64_t rows) const {
    int64_t of_image = divide_up(p_.result_height, rows), strips = p_.batch * of_image;
    double moved = 0;
    if (p_.inputs) moved += nearer(p_.batch * p_.height * p_.width * p_.channels, expanded(rows));
    if (p_.outputs) moved += nearer(p_.batch * p_.result_height * p_.result_width * p_.channels, filtered(rows));
    // Lines that two strips compute or read, weights that the next strip reads again, threads without a strip.
    double shared = static_cast<double>(p_.batch * (of_image - 1) * std::max<int64_t>(0, p_.window - p_.stride));
    double again = shared * (p_.inputs ? expand_line_ : read_line(rows));
    int64_t weights = p_.channels * (p_.inputs + p_.outputs) * p_.element_bytes;
    double streamed = static_cast<double>((strips - 1) * weights) / rate(weights);
    double computed = static_cast<double>(strips * rows) / static_cast<double>(p_.batch * p_.result_height);
    double idle = busiest_share(strips, expected_threads(t_)) * computed - 1;
    return moved - again - streamed - idle * whole_;
  }

private:
  int64_t lines(int64_t rows) const { return (rows - 1) * p_.stride + p_.window; }
  // Bytes of a strip's buffers.
  int64_t expanded(int64_t rows) const {
    return lines(rows) * p_.width * std::min<int64_t>(p_.channels * p_.element_bytes, 2 * t_.vector_bytes);
  }
  int64_t filtered(int64_t rows) const { return rows * p_.result_width * p_.channels * p_.element_bytes; }

  // Seconds for a line of what the depthwise convolution reads from outside, unless the first level still holds the last strip's.
  double read_line(int64_t rows) const {
    int64_t line = p_.width * p_.channels * p_.element_bytes, strip = lines(rows) * line;
    return strip <= t_.l1_bytes ? 0 : static_cast<double>(line) / rate(strip);
  }

  // Bytes a second, by what has to stay beside the two maps that a kernel reads and writes at the same time.
  double rate(int64_t bytes) const {
    if (bytes <= t_.l1_bytes / 2) return t_.cost.l1_bytes_per_cycle * clock_;
    if (bytes <= t_.l2_bytes / 4) return t_.cost.l2_bytes_per_cycle * clock_;
    if (bytes <= t_.l3_bytes / 2) return t_.cost.l3_bytes_per_cycle * clock_;
    return t_.cost.memory_gigabytes * 1e9;
  }
  // A map that passes through a strip's buffer: it is read from there. Its writing hides behind the products in either case.
  double nearer(int64_t elements, int64_t buffer) const {
    int64_t bytes = elements * p_.element_bytes;
    return static_cast<double>(bytes) / rate(bytes) - static_cast<double>(bytes) / rate(buffer);
  }

  const Target& t_;
  const StripProblem& p_;
  double clock_, steps_ = 1, expand_line_ = 0, whole_ = 0; // multiply-adds a second; seconds
};

} // namespace

StripChoice choose_strips(const Target& target, const StripProblem& problem) {
  Strips strips(target, problem);
  StripChoice best;
  for (int64_t rows = 1; rows <= problem.result_height && strips.room(rows) <= target.l2_bytes / 2; ++rows) {
    double saved = strips.saved(rows);
    if (!best.rows || saved > best.saved_seconds) best = {rows, saved, saved > worth_it * strips.whole()};
  }
  return best;
}

} // namespace tw
