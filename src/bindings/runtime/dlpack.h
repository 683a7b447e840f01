// SPDX-License-Identifier: Apache-2.0
// The layouts of DLPack that are passed in capsules: tw_tensor is its DLTensor.
#pragma once

#include "tensorwright/module.h"

namespace tw::bindings {

struct ManagedTensor {
  tw_tensor tensor;
  void* context;
  void (*deleter)(ManagedTensor*);
};

struct VersionedManagedTensor {
  uint32_t major, minor;
  void* context;
  void (*deleter)(VersionedManagedTensor*);
  uint64_t flags;
  tw_tensor tensor;
};

inline constexpr uint32_t dlpack_major = 1;
inline constexpr uint64_t dlpack_read_only = 1, dlpack_copied = 2;

template <class Managed> struct CapsuleName;
template <> struct CapsuleName<ManagedTensor> { static constexpr const char *fresh = "dltensor", *used = "used_dltensor"; };
template <> struct CapsuleName<VersionedManagedTensor> {
  static constexpr const char *fresh = "dltensor_versioned", *used = "used_dltensor_versioned";
};

} // namespace tw::bindings
