// SPDX-License-Identifier: Apache-2.0
// What an einsum's equation says, as text: shared by the operator and by the pass that finds matrix products in it.
#pragma once

#include <string>
#include <vector>

namespace tw::ops {

struct EinsumTerms {
  std::vector<std::string> inputs;
  std::string result; // also where the equation leaves it out
};

// The terms without blanks: "ij, jk -> ik" as {"ij", "jk"} and "ik".
EinsumTerms einsum_terms(std::string equation);

} // namespace tw::ops
