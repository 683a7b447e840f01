// SPDX-License-Identifier: Apache-2.0
#include "frontends/onnx/operators/operators.h"

namespace tw::onnx {

std::vector<OperatorTable> operator_tables() {
  return {attention_operators(),
          control_operators(),
          elementwise_operators(),
          indexing_operators(),
          loop_operators(),
          loss_operators(),
          movement_operators(),
          normalisation_operators(),
          pool_operators(),
          product_operators(),
          quantise_operators(),
          recurrent_operators(),
          reduction_operators(),
          resize_operators(),
          shape_operators(),
          tree_operators(),
          microsoft_elementwise_operators(),
          microsoft_normalisation_operators(),
          microsoft_product_operators(),
          microsoft_quantise_operators()};
}

const OperatorRow* find_operator(const std::string& domain, const std::string& op_type) {
  static const auto* index = [] {
    auto* map = new std::map<std::pair<std::string, std::string>, const OperatorRow*>;
    for (const OperatorTable& table : operator_tables())
      for (const OperatorRow& row : table.rows)
        if (!map->emplace(std::pair(table.domain, row.op_type), &row).second)
          throw internal_error("the importer has operator '{}' twice", row.op_type);
    return map;
  }();
  auto found = index->find({domain, op_type});
  return found == index->end() ? nullptr : found->second;
}

} // namespace tw::onnx
