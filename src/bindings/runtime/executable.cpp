// SPDX-License-Identifier: Apache-2.0
#include "bindings/runtime/executable.h"
#include "bindings/module_capsule.h"
#include "bindings/runtime/call.h"
#include "bindings/runtime/port.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <chrono>

namespace nb = nanobind;

namespace tw::bindings {
// A session for one run; idle again at the end of the scope.
class Executable::Taken {
public:
  explicit Taken(Executable& executable) : executable_(executable) {
    {
      std::lock_guard lock(executable.mutex_);
      if (!executable.idle_.empty()) {
        session = executable.idle_.back();
        executable.idle_.pop_back();
      }
    }
    if (session == nullptr) session = executable.make_session(false);
  }
  ~Taken() {
    std::lock_guard lock(executable_.mutex_);
    executable_.idle_.push_back(session);
  }
  Taken(const Taken&) = delete;
  tw_session* session = nullptr;

private:
  Executable& executable_;
};

Executable::Executable(tw_module* module, int threads) : module_(module), threads_(threads) {
  const auto interned = [](const char* text) { return nb::steal(PyUnicode_InternFromString(text)); };
  for (int32_t i = 0; i < descriptor().input_count; ++i) input_names_.push_back(interned(descriptor().inputs[i].name));
  for (int32_t i = 0; i < descriptor().output_count; ++i) output_names_.push_back(interned(descriptor().outputs[i].name));
}

Executable::~Executable() {
  for (tw_session* session : idle_) tw_session_destroy(session);
  tw_module_release(module_);
}

std::unique_ptr<Executable> Executable::load(const std::string& path, int threads) {
  tw_module* module = nullptr;
  {
    nb::gil_scoped_release released;
    check(tw_module_load(path.c_str(), &module));
  }
  return std::make_unique<Executable>(module, threads);
}

std::unique_ptr<Executable> Executable::from_capsule(nb::handle capsule, int threads) {
  auto* given = static_cast<ModuleCapsule*>(PyCapsule_GetPointer(capsule.ptr(), ModuleCapsule::name));
  if (given == nullptr) throw nb::python_error();
  tw_module* module = nullptr;
  check(tw_module_wrap(given->descriptor, given->owner, given->release, &module));
  PyCapsule_SetDestructor(capsule.ptr(), nullptr); // the runtime has the owner now
  PyCapsule_SetName(capsule.ptr(), "used");
  delete given;
  return std::make_unique<Executable>(module, threads);
}

tw_session* Executable::make_session(bool profile) {
  tw_options options{};
  options.threads = threads_;
  options.profile = profile;
  tw_session* session = nullptr;
  check(tw_session_create(module_, &options, &session));
  return session;
}

int Executable::threads() {
  Taken taken(*this);
  return tw_session_threads(taken.session);
}

std::vector<Tensor> Executable::results_of(nb::handle inputs) {
  Call call(descriptor(), input_names_, inputs);
  {
    nb::gil_scoped_release released;
    Taken taken(*this);
    call.run(taken.session);
    call.take_results();
  }
  return std::move(call.results);
}

nb::list Executable::run(nb::handle inputs) {
  nb::list out;
  for (Tensor& result : results_of(inputs)) out.append(nb::cast(std::move(result)));
  return out;
}

nb::dict Executable::run_named(nb::handle inputs) {
  nb::dict out;
  std::vector<Tensor> results = results_of(inputs);
  for (size_t i = 0; i < results.size(); ++i) out[output_names_[i]] = nb::cast(std::move(results[i]));
  return out;
}

Timings Executable::profile(nb::handle inputs, int runs, int warm_up) {
  Call call(descriptor(), input_names_, inputs);
  nb::gil_scoped_release released;
  std::unique_ptr<tw_session, void (*)(tw_session*)> session(make_session(true), tw_session_destroy);
  Timings out;
  for (int i = 0; i < warm_up + runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call.run(session.get());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (i < warm_up) continue;
    out.runs.push_back(seconds);
    auto& launches = out.launches.emplace_back();
    for (int32_t k = 0; k < descriptor().launch_count; ++k) launches.push_back(tw_session_launch_seconds(session.get(), k));
  }
  const auto text = [](const char* value) { return std::string(value ? value : ""); };
  for (int32_t k = 0; k < descriptor().launch_count; ++k) {
    const tw_launch& launch = *tw_session_launch(session.get(), k);
    out.kernels.emplace_back(text(launch.name), text(launch.origin), text(launch.shape), launch.flops, launch.bytes,
                             launch.predicted_ns * 1e-9);
  }
  return out;
}

namespace {

template <class Count, class Entry> nb::tuple entries(Count count, Entry entry) {
  nb::list out;
  for (Count i = 0; i < count; ++i) out.append(entry(i));
  return nb::tuple(out);
}

nb::tuple symbols(const Executable& executable) {
  const tw_module_descriptor& d = executable.descriptor();
  return entries(d.symbol_count, [&](int32_t i) {
    const tw_symbol& s = d.symbols[i];
    nb::object maximum = s.maximum == INT64_MAX ? nb::none() : nb::object(nb::int_(s.maximum));
    return nb::make_tuple(s.name, s.minimum, maximum, s.multiple > 0 ? s.multiple : 1);
  });
}

} // namespace

void bind_executable(nb::module_& module) {
  nb::class_<Timings>(module, "Timings")
      .def_ro("launches", &Timings::launches, "Seconds of each launch, one list for each run.")
      .def_ro("kernels", &Timings::kernels,
              "Of each launch, with the sizes of the runs: kernel, origin, shape, flops, bytes, predicted seconds.")
      .def_ro("runs", &Timings::runs, "Seconds of each run.");
  nb::class_<Executable>(module, "Executable", "A loaded module; `tensorwright.Model` is its comfortable face.")
      .def_static("load", &Executable::load, nb::arg("path"), nb::arg("threads") = 0)
      .def_static("from_capsule", &Executable::from_capsule, nb::arg("capsule"), nb::arg("threads") = 0)
      .def("run", &Executable::run, nb::arg("inputs"), nb::sig("def run(self, inputs: object) -> list[Tensor]"),
           "Inputs by name or in the module's order; outputs in its order. May be called from many threads at once.")
      .def("run_named", &Executable::run_named, nb::arg("inputs"), nb::sig("def run_named(self, inputs: object) -> dict[str, Tensor]"),
           "The same with outputs by name.")
      .def("profile", &Executable::profile, nb::arg("inputs"), nb::arg("runs") = 10, nb::arg("warm_up") = 2)
      .def_prop_ro("threads", &Executable::threads)
      .def_prop_ro(
          "inputs",
          [](const Executable& e) {
            const tw_module_descriptor& d = e.descriptor();
            return entries(d.input_count, [&](int32_t i) { return describe(d.inputs[i], d.symbols); });
          },
          nb::sig("def inputs(self) -> tuple[Port, ...]"))
      .def_prop_ro(
          "outputs",
          [](const Executable& e) {
            const tw_module_descriptor& d = e.descriptor();
            return entries(d.output_count, [&](int32_t i) { return describe(d.outputs[i], d.symbols); });
          },
          nb::sig("def outputs(self) -> tuple[Port, ...]"))
      .def_prop_ro("symbols", symbols, nb::sig("def symbols(self) -> tuple[tuple[str, int, int | None, int], ...]"),
                   "Symbolic dimensions: name, minimum, maximum (None: none), multiple.")
      .def_prop_ro("name", [](const Executable& e) { return e.descriptor().name; })
      .def_prop_ro("target", [](const Executable& e) { return e.descriptor().target; })
      .def_prop_ro("features", [](const Executable& e) { return e.descriptor().features; })
      .def_prop_ro("producer", [](const Executable& e) { return e.descriptor().producer; })
      .def_prop_ro("weight_bytes", [](const Executable& e) { return e.descriptor().weight_bytes; });
}

} // namespace tw::bindings
