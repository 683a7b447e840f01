// SPDX-License-Identifier: Apache-2.0
#include "compile/compile.h"

#include "base/build_identity.h"
#include "codegen/llvm/jit.h"
#include "codegen/llvm/link_shared.h"
#include "codegen/llvm/object_cache.h"
#include "codegen/llvm/tasks.h"
#include "compile/describe_launch.h"
#include "compile/pipelines/cpu.h"
#include "compile/weights.h"
#include "ir/parallel_loop.h"
#include "ir/syntax.h"
#include "ir/visit.h"
#include "passes/fusion.h"
#include "runtime/artifact_file.h"
#include "runtime/threads/processors.h"

#include <algorithm>
#include <chrono>
#include <unistd.h>

namespace tw::compile {

namespace {
double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
std::string symbol_of(const std::string& kernel) { return "tw_" + kernel; }
constexpr const char* producer = "tensorwright " TENSORWRIGHT_VERSION;
} // namespace

struct CompiledModule::State {
  Ref<Module> lowered;
  Report report;
  Target target;
  std::string features;
  std::vector<codegen::ObjectBytes> objects;
  std::map<std::string, size_t> object_of_kernel;
  Weights weights;
  std::optional<codegen::JitCode> code;
  const tw_module_descriptor* descriptor = nullptr;

  State(Ref<Module> module, Target used_target) : lowered(std::move(module)), target(std::move(used_target)) {}
};

namespace {

Ref<Function> entry_of(const Ref<Module>& module, Name name) {
  Opt<Callable> found = passes::find_callable(module, name);
  if (!found || !as<Function>(found)) throw user_error("the module has no function '{}'", name.str()).hint("name the entry function");
  return as_ref<Function>(found);
}

std::vector<std::string> port_names(const Function& function, const char* attribute, size_t count, const char* otherwise) {
  std::vector<std::string> names;
  for (const auto& a : function.attrs)
    if (a->name == attribute)
      for (const Name& n : std::get<List<Name>>(a->value)) names.push_back(n.str());
  for (size_t i = names.size(); i < count; ++i) names.push_back(fmt::format("{}{}", otherwise, i));
  return names;
}

class CodeGeneration {
public:
  CodeGeneration(CompiledModule::State& state, const Target& target, const Options& options, const Ref<Function>& entry)
      : state_(state), target_(target), options_(options), plan_{.function = entry,
                                                                 .name = entry->id.str(),
                                                                 .target = target.name,
                                                                 .features = join_features(target.features),
                                                                 .producer = producer,
                                                                 .input_names = {},
                                                                 .output_names = {},
                                                                 .kernels = {},
                                                                 .constants = {},
                                                                 .describe = {}},
        cache_(options.cache ? codegen::ObjectCache::default_folder() : std::nullopt,
               [&](Remark r) { state.report.remarks.push_back(std::move(r)); }) {}

  void run(int threads) {
    prepare();
    std::vector<codegen::CompileTask> tasks;
    std::vector<size_t> places;
    std::vector<std::optional<codegen::CacheKey>> keys;
    for (const auto& [name, code] : plan_.kernels) {
      size_t place = state_.objects.size();
      state_.object_of_kernel[name.str()] = place;
      state_.objects.emplace_back();
      codegen::CacheKey key = key_of(*code.kernel, code.symbol);
      if (auto cached = cache_.find(key)) {
        state_.objects[place] = std::move(*cached);
        ++state_.report.kernels_cached;
        continue;
      }
      tasks.push_back(codegen::kernel_task(code, target_));
      places.push_back(place);
      keys.push_back(key);
    }
    tasks.push_back(codegen::entry_task(plan_, target_, launches_));
    places.push_back(state_.objects.size());
    keys.emplace_back();
    state_.objects.emplace_back();
    auto compiled = codegen::compile_parallel(tasks, target_, threads);
    for (size_t i = 0; i < compiled.size(); ++i) {
      if (keys[i]) cache_.store(*keys[i], compiled[i]);
      state_.objects[places[i]] = std::move(compiled[i]);
    }
    for (const auto& l : launches_)
      state_.report.launches.push_back({l.kernel, l.origin, l.shape_text(), l.flops.typical, l.bytes.typical, l.predicted_ns.typical});
    for (const auto& o : state_.objects) state_.report.code_bytes += static_cast<int64_t>(o.size());
    state_.report.kernels = static_cast<int64_t>(plan_.kernels.size());
    state_.features = plan_.features;
  }

private:
  void prepare() {
    const Function& entry = *plan_.function;
    plan_.input_names = port_names(entry, "inputs", entry.body->params.size(), "input");
    plan_.output_names = port_names(entry, "outputs", entry.body->results.size(), "output");
    for (const auto& callable : state_.lowered->functions) {
      if (!as<Kernel>(callable)) continue;
      Ref<Kernel> kernel = as_ref<Kernel>(callable);
      plan_.kernels.emplace(kernel->id, codegen::KernelCode{symbol_of(kernel->id.str()), kernel, has_parallel_loop(kernel->body)});
      plan_.scratch_bytes = std::max(plan_.scratch_bytes, codegen::scratch_bytes(*kernel));
    }
    visit(plan_.function.node(), [&](const Constant& c) { plan_.constants.emplace(&c, state_.weights.add(c.data)); });
    plan_.weight_bytes = state_.weights.bytes();
    for (const auto& attr : entry.attrs) {
      if (attr->name == "arena_bytes") state_.report.arena_bytes = std::get<int64_t>(attr->value);
      if (attr->name == "live_bytes") state_.report.live_bytes = std::get<int64_t>(attr->value);
    }
    plan_.describe = [this](const Invoke& invoke, const Kernel& kernel, const Opt<Origin>& origin) {
      return describer_.describe(invoke, kernel, origin);
    };
  }

  codegen::CacheKey key_of(const Kernel& kernel, const std::string& symbol) const {
    Hash128 h = content_hash(&kernel);
    return codegen::hash_key(
        fmt::format("{} {} {} {} {} {}", h.hex(), symbol, plan_.features, target_.microarchitecture, producer, build_identity()));
  }

  CompiledModule::State& state_;
  const Target& target_;
  const Options& options_;
  codegen::EntryPlan plan_;
  codegen::ObjectCache cache_;
  LaunchDescriber describer_{target_};
  std::vector<codegen::Launch> launches_;
};

} // namespace

CompiledModule compile(const Ref<Module>& module, const Options& options, Name function) {
  auto start = std::chrono::steady_clock::now();
  Target target = parse_target(options.target);
  auto state = std::make_shared<CompiledModule::State>(module, target);
  if (!target.calibration_problem.empty()) state->report.remarks.push_back({"calibration", target.calibration_problem});
  int threads = options.threads > 0 ? options.threads : runtime::default_thread_count();
  entry_of(module, function);
  passes::PassContext context{.target = target, .options = options.passes, .remarks = {}, .threads = threads};
  context.options.dims = options.dims;
  context.options.entry = function.str();
  state->lowered = run_pipeline(cpu_pipeline(target), module, context, options.driver, state->report.passes);
  std::ranges::move(context.remarks, std::back_inserter(state->report.remarks));
  auto code_start = std::chrono::steady_clock::now();
  CodeGeneration generation(*state, target, options, entry_of(state->lowered, function));
  generation.run(threads);
  auto weights_start = std::chrono::steady_clock::now();
  state->weights.lay_out(threads);
  state->report.weights_seconds = seconds_since(weights_start);
  state->code.emplace(state->objects, std::map<std::string, const void*>{{codegen::weights_symbol, state->weights.data()}});
  state->descriptor = static_cast<const tw_module_descriptor*>(state->code->symbol(TW_DESCRIPTOR_SYMBOL));
  state->report.weight_bytes = state->weights.bytes();
  state->report.code_seconds = seconds_since(code_start) - state->report.weights_seconds;
  state->report.total_seconds = seconds_since(start);
  return CompiledModule(std::move(state));
}

tw_module* CompiledModule::runtime_module() const {
  auto* owner = new std::shared_ptr<State>(state_);
  tw_module* module = nullptr;
  tw_status status = tw_module_wrap(
      state_->descriptor, owner, [](void* p) { delete static_cast<std::shared_ptr<State>*>(p); }, &module);
  if (status != TW_OK) {
    delete owner;
    throw internal_error("the runtime refuses the compiled module: {}", tw_last_error());
  }
  return module;
}

const tw_module_descriptor& CompiledModule::descriptor() const { return *state_->descriptor; }
const Report& CompiledModule::report() const { return state_->report; }
const Ref<Module>& CompiledModule::lowered() const { return state_->lowered; }

codegen::Assembly CompiledModule::assembly(const std::string& kernel) const {
  auto found = state_->object_of_kernel.find(kernel);
  if (found == state_->object_of_kernel.end()) {
    std::vector<std::string> names;
    for (const auto& [name, place] : state_->object_of_kernel) names.push_back(name);
    throw user_error("there is no kernel '{}'", kernel).hint(syntax::nearest_or_all(kernel, names));
  }
  return codegen::disassemble(state_->objects[found->second], symbol_of(kernel), state_->target);
}

void CompiledModule::save(const std::filesystem::path& path) const {
  std::filesystem::path aside = path;
  aside += fmt::format(".{}.part", ::getpid());
  struct Remove {
    const std::filesystem::path& path;
    ~Remove() {
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
    }
  } remove{aside};
  codegen::SharedLibrary library{.soname = path.filename().string(), .objects = state_->objects, .blobs = {}};
  library.blobs.push_back({.symbol = codegen::weights_symbol, .pieces = state_->weights.pieces()});
  codegen::link_shared(aside, library);
  try {
    runtime::append_trailer(aside.string(), state_->features);
  } catch (const std::exception& e) { throw user_error("cannot write '{}': {}", path.string(), e.what()); }
  std::error_code error;
  std::filesystem::rename(aside, path, error);
  if (error) throw user_error("cannot write '{}': {}", path.string(), error.message());
}

} // namespace tw::compile
