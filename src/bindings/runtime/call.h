// SPDX-License-Identifier: Apache-2.0
// One call of a model from Python: the user's objects become inputs, and outputs become Tensors.
//
// A small model runs for a microsecond, so this does little: what does not change between calls is kept by the Executable, texts of errors
// are put together only where one is raised, and inputs are read where they lie.
#pragma once

#include "bindings/runtime/borrow.h"
#include "bindings/runtime/tensor.h"

#include <memory>

namespace tw::bindings {

class Call {
public:
  // `inputs`: a mapping with all names, or a sequence in the module's order. Python numbers and lists become arrays of the declared type;
  // arrays stay as they are, so that a wrong type is an error. Throws RaisedError (user).
  Call(const tw_module_descriptor& module, const std::vector<nanobind::object>& names, nanobind::handle inputs);

  // Needs no lock of Python's; may be repeated.
  void run(tw_session* session);
  // After the last run; the session is free for other calls.
  void take_results();

  std::vector<Tensor> results; // those whose shape is known before the run have their memory already

private:
  void take_input(size_t index, nanobind::handle object);
  void take_named(const std::vector<nanobind::object>& names, nanobind::dict inputs);
  void take_sequence(nanobind::handle inputs);
  void prepare_outputs();

  const tw_module_descriptor& module_;
  std::unique_ptr<Borrowed[]> borrowed_;
  std::vector<tw_tensor> inputs_, outputs_;
};

// Throws what the status means; its text is this thread's tw_last_error().
void check(tw_status status);

} // namespace tw::bindings
