// SPDX-License-Identifier: Apache-2.0
// Runs the example of an operator's definition, "op(value, …, attribute=value) == value": arrays are nested lists, `i8([1, 2])` names the
// element type (else i64, f32 if a number has a point, bool), `none` an absent argument, `(a, b)` several results, `zeros(f32, [0, 2])` and
// `arange(f32, [2, 3])` arrays by shape.
#pragma once

#include "interpreter/interpret.h"
#include "ops/op.h"

#include <string>

namespace tw::testing {

struct Example {
  Ref<OpCall> call;
  std::vector<interpreter::Array> inputs, expected;
};
Example parse_example(const std::string& text);
// Empty if the results agree, else what differs.
std::string run_example(const std::string& text);
std::string show(const interpreter::Array& a);
// Empty if type, shape and values (to the relative tolerance) agree.
std::string difference(const interpreter::Array& found, const interpreter::Array& expected, double tolerance = 1e-5);

// Calls an operator on arrays; an empty optional is an absent argument.
std::vector<interpreter::Array> run(Name op, const std::vector<std::optional<interpreter::Array>>& args, std::vector<Ref<Attr>> attrs = {});

} // namespace tw::testing
