#pragma once
// The one place where everything is built, top to bottom, and destroyed in reverse.

#include "daemon/command_line.h"
#include "daemon/config.h"
#include "daemon/exit_code.h"
#include "daemon/signals.h"

namespace claviger::daemon {

// Builds the daemon, serves until a stop signal, finishes the answers in flight and takes everything down.
// Success is an orderly end.
Outcome<void> Serve(const CommandLine& line, const Config& config, Signals& signals);

}  // namespace claviger::daemon
