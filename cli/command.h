#pragma once
// The table of commands. A command's file adds its subcommands and options to the parser; the one that the
// user named leaves its action in `chosen`, which runs after the whole command line has been accepted.

#include <functional>
#include <span>
#include <string>

#include "base/error.h"

namespace CLI {
class App;
}

namespace claviger::cli {

class Context;
// The exit status, or what went wrong.
using Action = std::function<Result<int>(const Context&)>;

struct Command {
  void (*add)(CLI::App& app, Action& chosen);
};
std::span<const Command> Commands();

// Makes `subcommand` choose an action: Run(context, options) with the options the parser filled in.
template <class Subcommand, class Options>
void Choose(Subcommand* subcommand, Action& chosen, const Options& options,
            Result<int> (*run)(const Context&, const typename Options::element_type&)) {
  subcommand->callback(
      [&chosen, options, run] { chosen = [options, run](const Context& c) { return run(c, *options); }; });
}

// A refusal for what the parser cannot see; says so on stderr.
int UsageError(const std::string& sentence);

}  // namespace claviger::cli
