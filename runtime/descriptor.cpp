// SPDX-License-Identifier: Apache-2.0
// What a descriptor must fulfil before a session trusts it. Version and size come first: the rest of the struct means nothing without them.
#include "runtime/cpu_features.h"
#include "runtime/module.h"
#include "runtime/tensors.h"

#include <vector>

namespace tw::runtime {
namespace {

class Checker {
public:
  Checker(const tw_module_descriptor& descriptor, const std::string& name) : descriptor_(descriptor), name_(name) {}

  void check() {
    check_version();
    check_text(descriptor_.name, "name");
    check_text(descriptor_.features, "features");
    check_counts();
    given_.assign(static_cast<size_t>(descriptor_.symbol_count), false);
    for (int32_t i = 0; i < descriptor_.symbol_count; ++i) check_symbol(i);
    for (int32_t i = 0; i < descriptor_.input_count; ++i) check_port(descriptor_.inputs[i], text("input ", i), true);
    for (int32_t i = 0; i < descriptor_.output_count; ++i) check_port(descriptor_.outputs[i], text("output ", i), false);
    for (size_t i = 0; i < given_.size(); ++i)
      if (!given_[i]) refuse(text("symbol '", descriptor_.symbols[i].name, "' stands in no input, so nothing gives it a value"));
    for (int32_t i = 0; i < descriptor_.launch_count; ++i) check_text(descriptor_.launches[i].name, text("launches[", i, "].name"));
    check_memory();
    if (descriptor_.entry == nullptr) refuse("expected an entry function, found null");
    if (descriptor_.plan == nullptr && descriptor_.offset_count != 0) refuse("expected a plan function for its offsets, found null");
  }

private:
  [[noreturn]] void refuse(const std::string& why, tw_status status = TW_INTERNAL_ERROR) const {
    throw Failure(status, text("module '", name_, "': ", why));
  }

  void check_version() const {
    if (descriptor_.version != TW_ARTIFACT_VERSION)
      refuse(text("expected a descriptor of version ", TW_ARTIFACT_VERSION, ", found version ", descriptor_.version,
                  "; compile the model again with the compiler of this runtime"),
             TW_UNSUPPORTED);
    if (descriptor_.size != sizeof descriptor_)
      refuse(text("expected a descriptor of ", sizeof descriptor_, " bytes, found one of ", descriptor_.size, " bytes"));
  }

  void check_text(const char* value, const std::string& what) const {
    if (value == nullptr) refuse(text("expected a text in the descriptor's ", what, ", found null"));
  }

  void check_list(int32_t count, const void* list, const char* what) const {
    if (count < 0) refuse(text("expected a number of ", what, " that is not negative, found ", count));
    if (count > 0 && list == nullptr) refuse(text("expected a list of ", count, " ", what, ", found null"));
  }

  void check_counts() const {
    check_list(descriptor_.input_count, descriptor_.inputs, "inputs");
    check_list(descriptor_.output_count, descriptor_.outputs, "outputs");
    check_list(descriptor_.symbol_count, descriptor_.symbols, "symbols");
    check_list(descriptor_.launch_count, descriptor_.launches, "launches");
    check_list(descriptor_.offset_count, &descriptor_, "offsets");
    check_list(descriptor_.slot_count, &descriptor_, "slots");
  }

  void check_symbol(int32_t index) const {
    const tw_symbol& symbol = descriptor_.symbols[index];
    check_text(symbol.name, text("symbols[", index, "].name"));
    if (symbol.minimum < 0 || symbol.maximum < symbol.minimum || symbol.multiple < 0)
      refuse(text("symbol '", symbol.name, "': expected 0 <= minimum <= maximum and a multiple that is not negative, found ",
                  symbol.minimum, ", ", symbol.maximum, ", ", symbol.multiple));
  }

  void check_port(const tw_port& port, const std::string& what, bool input) {
    check_text(port.name, what + "'s name");
    if (item_bytes(port.dtype) == 0)
      refuse(text(what, " '", port.name, "': expected a type of whole bytes and one lane, found ", dtype_text(port.dtype)));
    if (port.rank < 0 || port.rank > TW_MAX_RANK || (port.rank > 0 && port.dimensions == nullptr))
      refuse(text(what, " '", port.name, "': expected a rank from 0 to ", TW_MAX_RANK, " and its dimensions, found rank ", port.rank));
    for (int32_t i = 0; i < port.rank; ++i) {
      const tw_dimension& dimension = port.dimensions[i];
      const bool known = dimension.symbol == TW_FIXED ? dimension.size >= 0
                                                      : (dimension.symbol >= 0 && dimension.symbol < descriptor_.symbol_count) ||
                                                            (dimension.symbol == TW_COMPUTED && !input);
      if (!known)
        refuse(text(what, " '", port.name, "' dimension ", i, ": expected a size or one of ", descriptor_.symbol_count,
                    " symbols, found size ", dimension.size, " and symbol ", dimension.symbol));
      if (input && dimension.symbol >= 0) given_[static_cast<size_t>(dimension.symbol)] = true;
    }
  }

  void check_memory() const {
    if (descriptor_.weight_bytes < 0 || (descriptor_.weight_bytes > 0 && descriptor_.weights == nullptr) ||
        reinterpret_cast<uintptr_t>(descriptor_.weights) % 64 != 0)
      refuse(text("expected ", descriptor_.weight_bytes, " bytes of weights, aligned to 64 bytes, found them elsewhere or none"));
    if (descriptor_.scratch_bytes < 0 || descriptor_.scratch_bytes % 64 != 0)
      refuse(text("expected scratch_bytes to be a multiple of 64, found ", descriptor_.scratch_bytes));
  }

  const tw_module_descriptor& descriptor_;
  const std::string& name_;
  std::vector<bool> given_;
};

} // namespace

void check_descriptor(const tw_module_descriptor& descriptor, const std::string& name) { Checker(descriptor, name).check(); }

void check_processor(const tw_module_descriptor& descriptor, const std::string& name) {
  if (const std::string missing = missing_features(descriptor.features); !missing.empty())
    throw Failure(TW_UNSUPPORTED, text("module '", name, "': this processor lacks ", missing, "; compile the model for an older target"));
}

} // namespace tw::runtime
