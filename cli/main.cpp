// SPDX-License-Identifier: Apache-2.0
// The command `tensorwright`: chooses a subcommand, turns errors into messages and exit codes.
// 0 ok, 1 the user's mistake, 2 unsupported, 3 our bug, 4 results differ.
#include "base/diagnostics.h"
#include "cli/command.h"
#include "ir/syntax.h"

#include <cstdio>
#include <map>
#include <new>

namespace tw::cli {
namespace {

constexpr const char* version = TENSORWRIGHT_VERSION;

const char* kind_name(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::user: return "user";
  case ErrorKind::unsupported: return "unsupported";
  case ErrorKind::internal: return "internal";
  }
  return "internal";
}

Json envelope(const std::string& command, bool ok) { return {{"tensorwright", version}, {"command", command}, {"ok", ok}}; }

void print(const Json& json) { std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str()); }

int report(const Error& error, const std::string& command, bool json) {
  if (json) {
    Json out = envelope(command, false);
    out["error"] = {
        {"kind", kind_name(error.kind())}, {"message", error.message()}, {"places", error.places()}, {"hint", error.hint_text()}};
    print(out);
  } else {
    fmt::print(stderr, "tensorwright{}{}: {}\n", command.empty() ? "" : " ", command, error.what());
  }
  return exit_code(error.kind());
}

int run(const Command& command, const Action& action, bool json) {
  Output output;
  output.json = json;
  try {
    const int code = action(output);
    if (json) {
      Json out = envelope(command.name, true);
      out["result"] = std::move(output.result);
      print(out);
    }
    return code;
  } catch (const Error& error) { return report(error, command.name, json); } catch (const std::bad_alloc&) {
    return report(user_error("there is not enough memory").hint("use a smaller model or smaller inputs"), command.name, json);
  } catch (const std::exception& error) { return report(internal_error("{}", error.what()), command.name, json); }
}

// The word where a command should stand, if it is none.
std::string unknown_command(int count, char** arguments) {
  const std::string word = count > 1 ? arguments[1] : "";
  if (word.empty() || word.starts_with("-")) return "";
  for (const Command* command : table())
    if (word == command->name) return "";
  return word;
}

Error no_such_command(const std::string& word) {
  std::vector<std::string> names;
  for (const Command* command : table()) names.emplace_back(command->name);
  auto near = syntax::nearest(word, names);
  return user_error("there is no command '{}'; there is {}", word, fmt::join(names, ", "))
      .hint(near ? fmt::format("did you mean '{}'?", *near) : "tensorwright --help shows what there is");
}

int main(int count, char** arguments) {
  CLI::App app("Tensorwright: a compiler for tensor programs. A model in, a fast native module out.", "tensorwright");
  app.set_version_flag("--version", std::string("tensorwright ") + version);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  bool json = false;
  std::map<const CLI::App*, std::pair<const Command*, Action>> actions;
  for (const Command* command : table()) {
    CLI::App* sub = app.add_subcommand(command->name, command->summary);
    sub->add_flag("--json", json, "print one JSON object instead of text");
    actions[sub] = {command, command->declare(*sub)};
  }
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error); // --help, --version
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : chosen[0]->get_name();
    for (int i = 1; i < count; ++i) json = json || std::string_view(arguments[i]) == "--json";
    if (const std::string word = unknown_command(count, arguments); !word.empty()) return report(no_such_command(word), "", json);
    return report(user_error("{}", error.what())
                      .hint(fmt::format("tensorwright {}{}--help shows what there is", command, command.empty() ? "" : " ")),
                  command, json);
  }
  const auto& [command, action] = actions.at(app.get_subcommands()[0]);
  return run(*command, action, json);
}

} // namespace
} // namespace tw::cli

int main(int count, char** arguments) { return tw::cli::main(count, arguments); }
