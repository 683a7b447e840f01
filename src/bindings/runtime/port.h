// SPDX-License-Identifier: Apache-2.0
// An input or output of a module as Python shows it.
#pragma once

#include "tensorwright/module.h"

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

namespace tw::bindings {

struct Port {
  std::string name, dtype;
  std::vector<nanobind::object> shape; // int, the symbol's name, or None where only the run knows
};

Port describe(const tw_port& port, const tw_symbol* symbols);
// "x: Tensor[(n, 3), f32]"
std::string port_text(const Port& port);

void bind_port(nanobind::module_& module);

} // namespace tw::bindings
