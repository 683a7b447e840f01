// SPDX-License-Identifier: Apache-2.0
#include "bindings/runtime/executable.h"
#include "bindings/errors.h"
#include "bindings/module_capsule.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstring>

namespace nb = nanobind;

namespace tw::bindings {
namespace {

// `text` is this thread's tw_last_error().
void check(tw_status status) {
  if (status == TW_OK) return;
  const std::string text = tw_last_error();
  throw RaisedError{static_cast<PythonError>(status), text, text, {}, ""};
}

Port describe(const tw_port& port, const tw_symbol* symbols) {
  Port out{port.name, dtype_name(port.dtype), {}};
  for (int32_t i = 0; i < port.rank; ++i) {
    const tw_dimension& dimension = port.dimensions[i];
    if (dimension.symbol >= 0) out.shape.push_back(nb::str(symbols[dimension.symbol].name));
    else if (dimension.symbol == TW_FIXED) out.shape.push_back(nb::int_(dimension.size));
    else out.shape.push_back(nb::none());
  }
  return out;
}

std::string port_text(const Port& port) {
  std::string sizes;
  for (const nb::object& size : port.shape)
    sizes += (sizes.empty() ? "" : ", ") + std::string(size.is_none() ? "?" : nb::str(size).c_str());
  return port.name + ": Tensor[(" + sizes + (port.shape.size() == 1 ? ",), " : "), ") + port.dtype + "]";
}

} // namespace

// The tensors of one run.
struct Executable::Call {
  std::vector<std::unique_ptr<Borrowed>> borrowed;
  std::vector<tw_tensor> inputs, outputs;
  std::vector<Tensor> results; // those whose shape was known before the run have their memory already

  Call(const tw_module_descriptor& module, nb::sequence objects) {
    const size_t count = nb::len(objects);
    if (count != static_cast<size_t>(module.input_count)) {
      const std::string text = "module '" + std::string(module.name) + "': expected " + std::to_string(module.input_count) +
                               " inputs, found " + std::to_string(count);
      throw RaisedError{PythonError::user, text, text, {}, ""};
    }
    for (size_t i = 0; i < count; ++i) {
      borrowed.push_back(std::make_unique<Borrowed>(objects[i], "input '" + std::string(module.inputs[i].name) + "'"));
      inputs.push_back(borrowed.back()->tensor());
    }
    prepare_outputs(module);
  }

  // Gives the symbols their values (-1: not known, the runtime will say what is wrong with the inputs) and the outputs their memory.
  void prepare_outputs(const tw_module_descriptor& module) {
    std::vector<int64_t> symbols(static_cast<size_t>(module.symbol_count), -1);
    for (size_t i = 0; i < inputs.size(); ++i)
      for (int32_t d = 0; d < std::min(inputs[i].ndim, module.inputs[i].rank); ++d)
        if (int32_t symbol = module.inputs[i].dimensions[d].symbol; symbol >= 0 && symbols[static_cast<size_t>(symbol)] < 0)
          symbols[static_cast<size_t>(symbol)] = inputs[i].shape[d];
    results.resize(static_cast<size_t>(module.output_count));
    outputs.resize(results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      const tw_port& port = module.outputs[i];
      Tensor& result = results[i];
      result.dtype = port.dtype;
      bool known = true;
      for (int32_t d = 0; d < port.rank; ++d) {
        const tw_dimension& dimension = port.dimensions[d];
        result.shape.push_back(dimension.symbol >= 0          ? symbols[static_cast<size_t>(dimension.symbol)]
                               : dimension.symbol == TW_FIXED ? dimension.size
                                                              : -1);
        known = known && result.shape.back() >= 0;
      }
      if (!known) continue;
      result.memory = allocate_aligned(dense_bytes(port.dtype, result.shape));
      outputs[i] = {result.memory.get(), 1, 0, port.rank, port.dtype, result.shape.data(), nullptr, 0};
    }
  }

  // Outputs that lie in the session's memory are copied: the session runs again.
  void take_results() {
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].memory) continue;
      const tw_tensor& output = outputs[i];
      results[i].shape.assign(output.shape, output.shape + output.ndim);
      results[i].memory = allocate_aligned(results[i].bytes());
      std::memcpy(results[i].memory.get(), output.data, static_cast<size_t>(results[i].bytes()));
    }
  }

  // What the session filled in at an earlier run is forgotten.
  void run(tw_session* session) {
    for (size_t i = 0; i < results.size(); ++i)
      if (!results[i].memory) outputs[i] = {};
    check(
        tw_session_run(session, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(), static_cast<int32_t>(outputs.size())));
  }
};

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

std::vector<Tensor> Executable::run(nb::sequence inputs) {
  Call call(descriptor(), inputs);
  {
    nb::gil_scoped_release released;
    Taken taken(*this);
    call.run(taken.session);
    call.take_results();
  }
  return std::move(call.results);
}

Timings Executable::profile(nb::sequence inputs, int runs, int warm_up) {
  Call call(descriptor(), inputs);
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

nb::tuple launches(const Executable& executable) {
  const tw_module_descriptor& d = executable.descriptor();
  return entries(d.launch_count, [&](int32_t i) {
    const tw_launch& launch = d.launches[i];
    const auto text = [](const char* value) { return value ? value : ""; };
    return nb::make_tuple(launch.name, text(launch.origin), text(launch.shape), launch.flops, launch.bytes, launch.predicted_ns * 1e-9);
  });
}

} // namespace

void bind_executable(nb::module_& module) {
  nb::class_<Port>(module, "Port", "An input or output of a model.")
      .def_ro("name", &Port::name)
      .def_ro("dtype", &Port::dtype)
      .def_prop_ro(
          "shape", [](const Port& port) { return entries(port.shape.size(), [&](size_t i) { return port.shape[i]; }); },
          nb::sig("def shape(self) -> tuple[int | str | None, ...]"), "Sizes, names of symbols, None where only the run knows.")
      .def("__repr__", port_text);
  nb::class_<Timings>(module, "Timings")
      .def_ro("launches", &Timings::launches, "Seconds of each launch, one list for each run.")
      .def_ro("runs", &Timings::runs, "Seconds of each run.");
  nb::class_<Executable>(module, "Executable", "A loaded module; `tensorwright.Model` is its comfortable face.")
      .def_static("load", &Executable::load, nb::arg("path"), nb::arg("threads") = 0)
      .def_static("from_capsule", &Executable::from_capsule, nb::arg("capsule"), nb::arg("threads") = 0)
      .def("run", &Executable::run, nb::arg("inputs"), "Inputs in the module's order; may be called from many threads at once.")
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
      .def_prop_ro("launches", launches, nb::sig("def launches(self) -> tuple[tuple[str, str, str, float, float, float], ...]"),
                   "Kernel launches in order: kernel, origin, shape, flops, bytes, predicted seconds.")
      .def_prop_ro("name", [](const Executable& e) { return e.descriptor().name; })
      .def_prop_ro("target", [](const Executable& e) { return e.descriptor().target; })
      .def_prop_ro("features", [](const Executable& e) { return e.descriptor().features; })
      .def_prop_ro("producer", [](const Executable& e) { return e.descriptor().producer; })
      .def_prop_ro("weight_bytes", [](const Executable& e) { return e.descriptor().weight_bytes; });
}

} // namespace tw::bindings
