// SPDX-License-Identifier: Apache-2.0
// What is in a model file, for `info`. Both give the exit code.
#pragma once

#include "cli/model.h"

namespace tw::cli {

int describe_exported(const std::string& path, Output& output);
// 2 when something in it is unsupported.
int describe_model(const std::string& path, Output& output);

} // namespace tw::cli
