// SPDX-License-Identifier: Apache-2.0
// Attributes of a node by name and type. A wrong type, or a missing attribute that has no default, is a user error that names node,
// operator and attribute, and says what was expected and found.
//
//   int64_t axis = attribute_int(node, "axis", -1);           // with default
//   std::vector<int64_t> pads = attribute_ints(node, "pads"); // must be there
#pragma once

#include "frontends/onnx/model.h"

namespace tw::onnx {

const Attribute* find_attribute(const Node& node, std::string_view name);
inline bool has_attribute(const Node& node, std::string_view name) { return find_attribute(node, name) != nullptr; }

int64_t attribute_int(const Node& node, std::string_view name);
int64_t attribute_int(const Node& node, std::string_view name, int64_t default_value);
// For switches: 0 or 1.
bool attribute_bool(const Node& node, std::string_view name, bool default_value);
float attribute_float(const Node& node, std::string_view name);
float attribute_float(const Node& node, std::string_view name, float default_value);
std::string attribute_string(const Node& node, std::string_view name);
std::string attribute_string(const Node& node, std::string_view name, std::string default_value);
const Tensor& attribute_tensor(const Node& node, std::string_view name);
const Graph& attribute_graph(const Node& node, std::string_view name);

// An empty list may have been saved without its type, as any other empty list; it is accepted.
std::vector<int64_t> attribute_ints(const Node& node, std::string_view name);
std::vector<int64_t> attribute_ints(const Node& node, std::string_view name, std::vector<int64_t> default_value);
std::vector<float> attribute_floats(const Node& node, std::string_view name);
std::vector<float> attribute_floats(const Node& node, std::string_view name, std::vector<float> default_value);
std::vector<std::string> attribute_strings(const Node& node, std::string_view name);
std::vector<std::string> attribute_strings(const Node& node, std::string_view name, std::vector<std::string> default_value);

} // namespace tw::onnx
