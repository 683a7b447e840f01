// SPDX-License-Identifier: Apache-2.0
// Gives contents to a segment of a linked ELF file after the fact.
//
// The linker sees the constants as a section without contents (like .bss), which it places last, in a loadable segment of its own. Here
// that segment's header is changed to say that its contents follow the linked file, and that they are read-only. The linker never copies
// them.
#pragma once

#include <cstddef>
#include <span>

namespace tw::codegen {

// Name of the section that stands for all constants.
inline constexpr const char* constants_section = ".tensorwright.constants";

// Changes the headers of a linked file in memory; returns the offset in the file at which the section's contents must be written.
size_t place_constants_after(std::span<char> image);

} // namespace tw::codegen
