// claviger: the command line. Parses, runs the one chosen action, and turns its result into an exit status.

#include <malloc.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/version.h"

namespace claviger::cli {
namespace {

constexpr char kFooter[] =
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not logged in, 4 not found, 5 denied,\n"
    "6 server unreachable, 7 verification failed. Manual: claviger(1).";

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--url", options.url, "The server (default: the session's, else https://127.0.0.1:8443)")
      ->envname("CLAVIGER_URL");
  app.add_option("--ca-file", options.ca_file,
                 "Trust the authorities in this PEM file instead of the system's")
      ->envname("CLAVIGER_CA_FILE");
  app.add_option("--timeout", options.timeout_seconds, "Seconds a request may take (default 30)")
      ->check(CLI::Range(1, 3600));
  app.add_option_function<std::string>(
         "--output", [&options](const std::string& format) { options.json = format == "json"; },
         "Format of results (default text)")
      ->check(CLI::IsMember({"text", "json"}));
}

int Run(int argc, char** argv) {
  CLI::App app("Keeps secrets in a Claviger vault.", "claviger");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  app.set_version_flag("--version", "claviger " CLAVIGER_VERSION);
  GlobalOptions options;
  AddGlobalOptions(app, options);
  Action chosen;
  for (const Command& command : Commands()) command.add(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and "--help" of a subcommand come this way with status 0 and go to stdout.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const Result<int> status = chosen(Context(options));
  if (!status) {
    Complain(status.error());
    return ExitCodeOf(status.error().kind);
  }
  if (auto written = FinishOutput(); !written) {
    Complain(written.error());
    return kExitFailed;
  }
  return status.value();
}

// Values and tokens pass through buffers of libcurl, OpenSSL and the JSON parser, which do not wipe them.
void GuardMemory() {
#ifndef __SANITIZE_ADDRESS__  // whose leak check has to look into us
  // No core file, and no debugger of the same user.
  prctl(PR_SET_DUMPABLE, 0);
#endif
  // The C library overwrites whatever is freed.
  mallopt(M_PERTURB, 0xA5);
}

}  // namespace
}  // namespace claviger::cli

int main(int argc, char** argv) {
  claviger::cli::GuardMemory();
  return claviger::cli::Run(argc, argv);
}
