// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include "compile/float64.h"
#include "interpreter/interpret.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

extern char** environ;

namespace tw::cli {
namespace {

// A folder that is gone at the end.
class ScratchFolder {
public:
  ScratchFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "tensorwright-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw user_error("cannot make a folder in {}: {}", std::filesystem::temp_directory_path().string(), std::strerror(errno));
    path = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  std::filesystem::path path;
};

// Arguments: model, folder, threads, number of inputs. Inputs and outputs are numbered, since names are no file names.
constexpr const char* onnxruntime_program = R"(
import sys
try:
    import numpy
    import onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(86)
model, folder, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
options.log_severity_level = 3
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
names = open(folder + "/names", encoding="utf-8").read().split("\0")[:count]
outputs = session.run(None, {name: numpy.load(f"{folder}/in{i}.npy") for i, name in enumerate(names)})
for i, output in enumerate(outputs):
    numpy.save(f"{folder}/out{i}.npy", output, allow_pickle=False)
)";

struct Finished {
  int status = 0;
  std::string errors;
};

Finished spawn(const std::vector<std::string>& command, const std::filesystem::path& error_file) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t process = 0;
  const int failed = posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    throw unsupported("cannot run {}: {}", command[0], std::strerror(failed)).hint("install Python, or name it in TENSORWRIGHT_PYTHON");
  Finished out;
  while (::waitpid(process, &out.status, 0) < 0 && errno == EINTR) {}
  const auto bytes = read_file(error_file);
  out.errors.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return out;
}

// The last line that says something: that of the exception.
std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return "it said nothing";
  const size_t begin = text.rfind('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

HostTensor widened(const HostTensor& tensor) {
  HostTensor out = HostTensor::allocate(f64, tensor.shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) out.set_number(i, tensor.number(i));
  return out;
}

} // namespace

ReferenceOutputs run_float64(const ModelOptions& options, const NamedTensors& inputs) {
  Progress progress("running " + options.path + " in float64");
  const compile::Reference reference = compile::compile_reference(compile::load_model(options.path), options.compile_options());
  const LoadedModel model(reference.compiled);
  NamedTensors wide = inputs;
  for (auto& [name, tensor] : wide)
    if (reference.wide && tensor.dtype == f32) tensor = widened(tensor);
  Runner runner(model, options.threads, false);
  runner.run(wide);
  return {runner.outputs(), reference.wide, reference.problem};
}

NamedTensors interpret(const ModelOptions& options, const tw_module_descriptor& module, const NamedTensors& inputs) {
  Progress progress("interpreting " + options.path);
  std::vector<interpreter::Array> arrays;
  for (const auto& [name, tensor] : inputs) {
    const auto bytes = tensor.view();
    arrays.push_back({tensor.dtype, tensor.shape, Blob(std::vector<std::byte>(bytes.begin(), bytes.end()))});
  }
  const auto results = interpreter::interpret(compile::load_model(options.path), "main", std::move(arrays));
  NamedTensors out;
  for (size_t i = 0; i < results.size(); ++i) {
    HostTensor tensor = HostTensor::allocate(results[i].dtype, results[i].shape);
    const auto bytes = results[i].bytes.bytes();
    std::copy(bytes.begin(), bytes.end(), tensor.data.get());
    out.emplace_back(i < static_cast<size_t>(module.output_count) ? module.outputs[i].name : "", std::move(tensor));
  }
  return out;
}

NamedTensors run_onnxruntime(const ModelOptions& options, const tw_module_descriptor& module, const NamedTensors& inputs) {
  Progress progress("running ONNX Runtime");
  const ScratchFolder folder;
  std::string names;
  for (size_t i = 0; i < inputs.size(); ++i) {
    write_npy(folder.path / fmt::format("in{}.npy", i), inputs[i].second);
    names += inputs[i].first + '\0';
  }
  write_file(folder.path / "names", std::as_bytes(std::span(names.data(), names.size())));
  const char* chosen = std::getenv("TENSORWRIGHT_PYTHON");
  const std::string python = chosen && *chosen ? chosen : "python3";
  const Finished finished = spawn({python, "-c", onnxruntime_program, options.path, folder.path.string(), std::to_string(options.threads),
                                   std::to_string(inputs.size())},
                                  folder.path / "errors");
  if (WIFEXITED(finished.status) && WEXITSTATUS(finished.status) == 86)
    throw unsupported("{} has no ONNX Runtime: {}", python, last_line(finished.errors))
        .hint(fmt::format("{} -m pip install onnxruntime numpy", python));
  if (finished.status != 0) throw user_error("ONNX Runtime does not run {}: {}", options.path, last_line(finished.errors));
  NamedTensors out;
  for (int32_t i = 0; i < module.output_count; ++i)
    out.emplace_back(module.outputs[i].name, read_npy(folder.path / fmt::format("out{}.npy", i)));
  return out;
}

} // namespace tw::cli
