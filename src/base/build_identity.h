// SPDX-License-Identifier: Apache-2.0
// Which build of this code is running: what is kept on disk from one build must not be taken for another's.
#pragma once

#include <string>

namespace tw {

// The linker's build id of the program or library that holds this code, in hexadecimal; without one, its file's size and time.
const std::string& build_identity();

} // namespace tw
