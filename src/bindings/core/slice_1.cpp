// SPDX-License-Identifier: Apache-2.0
// Every fourth node kind, described for Python.
#include "bindings/core/node_access.h"

template <> void tw::bindings::describe_slice<1>(std::vector<KindAccess>& out) { describe_slice_of<1>(NodeList{}, out); }
