#pragma once
// Runs a program in our place, as if the shell had started it: same terminal, same process group, its exit
// status ours.
//
// Signals sent to us are passed on. Signals that the terminal sends to the whole process group (Ctrl-C,
// Ctrl-\, Ctrl-Z, a resized window) reach the child by themselves and are not passed on twice. When the child
// stops, we stop; when we are continued, so is it.

#include <string>
#include <vector>

#include "cli/environment_block.h"

namespace claviger::cli {

// The child's exit status, or 128 + n if signal n ended it. 127 if there is no such program and 126 if it
// cannot be executed; a sentence on stderr then says so. The environment is wiped as soon as the child has
// its own copy.
int RunChild(const std::vector<std::string>& command, EnvironmentBlock& environment);

}  // namespace claviger::cli
