// SPDX-License-Identifier: Apache-2.0
// The functions of module.h: null checks, and exceptions turned into statuses. All work is behind them.
#include "runtime/devices/device.h"
#include "runtime/session.h"

#include <cstring>

#ifndef TENSORWRIGHT_VERSION
#error "the build gives the version"
#endif

using namespace tw::runtime;

namespace {

void need(const void* pointer, const char* function, const char* argument) {
  if (pointer == nullptr) throw Failure(TW_USER_ERROR, text(function, ": expected a ", argument, ", found NULL"));
}

// Two runs of one session at once would share its memory.
class OneAtATime {
public:
  explicit OneAtATime(tw_session& session) : session_(session) {
    if (session_.running.exchange(true, std::memory_order_acquire))
      throw Failure(TW_USER_ERROR, text("module '", session.descriptor.name,
                                        "': the session is running on another thread; give each thread a session of its own"));
  }
  ~OneAtATime() { session_.running.store(false, std::memory_order_release); }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

private:
  tw_session& session_;
};

} // namespace

const char* tw_runtime_version(void) { return TENSORWRIGHT_VERSION; }

const char* tw_device_name(int32_t index) {
  const auto devices = tw::devices::table();
  return index >= 0 && static_cast<size_t>(index) < devices.size() ? devices[static_cast<size_t>(index)]->name : nullptr;
}

int32_t tw_device_count(const char* name) {
  for (const tw::devices::Device* device : tw::devices::table())
    if (name != nullptr && std::strcmp(device->name, name) == 0) return device->count();
  return 0;
}

tw_status tw_module_load(const char* path, tw_module** module) {
  return guarded([&] {
    need(path, "tw_module_load", "path");
    need(module, "tw_module_load", "place for the module");
    *module = nullptr;
    *module = load_module(path).release();
  });
}

tw_status tw_module_wrap(const tw_module_descriptor* descriptor, void* owner, void (*release)(void*), tw_module** module) {
  return guarded([&] {
    need(descriptor, "tw_module_wrap", "descriptor");
    need(module, "tw_module_wrap", "place for the module");
    *module = nullptr;
    check_descriptor(*descriptor, "(in memory)");
    auto wrapped = std::make_unique<tw_module>();
    wrapped->descriptor = descriptor;
    wrapped->owner = owner;
    wrapped->release = release;
    *module = wrapped.release();
  });
}

void tw_module_release(tw_module* module) {
  if (module == nullptr || module->users.fetch_sub(1) != 1) return;
  if (module->release != nullptr) module->release(module->owner);
  delete module;
}

const tw_module_descriptor* tw_module_describe(const tw_module* module) { return module != nullptr ? module->descriptor : nullptr; }

tw_status tw_session_create(tw_module* module, const tw_options* options, tw_session** session) {
  return guarded([&] {
    need(module, "tw_session_create", "module");
    need(session, "tw_session_create", "place for the session");
    *session = nullptr;
    check_processor(*module->descriptor, module->descriptor->name);
    *session = std::make_unique<tw_session>(*module, options != nullptr ? *options : tw_options{}).release();
  });
}

void tw_session_destroy(tw_session* session) { delete session; }

int32_t tw_session_threads(const tw_session* session) { return session != nullptr ? session->threads : 0; }

tw_status tw_session_run(tw_session* session, const tw_tensor* inputs, int32_t input_count, tw_tensor* outputs, int32_t output_count) {
  return guarded([&] {
    need(session, "tw_session_run", "session");
    if (input_count < 0 || output_count < 0)
      throw Failure(TW_USER_ERROR, text("tw_session_run: expected counts that are not negative, found ", input_count, " inputs and ",
                                        output_count, " outputs"));
    if (input_count > 0) need(inputs, "tw_session_run", "list of inputs");
    if (output_count > 0) need(outputs, "tw_session_run", "list of outputs");
    const OneAtATime only(*session);
    session->run({inputs, static_cast<size_t>(input_count)}, {outputs, static_cast<size_t>(output_count)});
  });
}

double tw_session_launch_seconds(const tw_session* session, int32_t index) {
  if (session == nullptr || index < 0 || static_cast<size_t>(index) >= session->launches.size()) return -1;
  return session->launches[static_cast<size_t>(index)].seconds;
}

const tw_launch* tw_session_launch(const tw_session* session, int32_t index) {
  const bool known = tw_session_launch_seconds(session, index) >= 0 && session->planned;
  return known ? &session->launches[static_cast<size_t>(index)].description : nullptr;
}

int64_t tw_session_arena_bytes(const tw_session* session) { return session != nullptr ? static_cast<int64_t>(session->arena_bytes) : 0; }
