// SPDX-License-Identifier: Apache-2.0
// Text from files: names are printed, sent to Python and written as JSON, and all three want valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace tw::onnx {

// Well-formed UTF-8 as Unicode defines it (no surrogates, no overlong forms), and no zero byte.
bool is_utf8(std::string_view text);
// The same text if it is UTF-8; else with each byte that is not ASCII written as \xNN.
std::string escaped(std::string_view text);

} // namespace tw::onnx
