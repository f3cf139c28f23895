#pragma once
// What stands behind `clavigerd`.

#include <string>
#include <vector>

#include "daemon/exit_code.h"

namespace claviger::daemon {

struct CommandLine {
  std::string command;      // "run"; empty with --help alone
  std::string config_file;  // --config
  std::string output;       // --output: "text" or "json"
  std::string manifest;     // --manifest
  bool help = false;
  bool allow_root = false;
  std::vector<std::string> dns;  // --dns, --ip, --new-key: of `tls request`
  std::vector<std::string> ip;
  bool new_key = false;
  std::string to;  // --to, --pin-file, --nodes-ready, --drop-unused: of `rekey`
  std::string pin_file;
  bool nodes_ready = false;
  bool drop_unused = false;
  bool of_next_token = false;             // --of-next-token: of `key-process` and `tls request`
  std::string account;                    // --account
  std::vector<std::string> config_flags;  // everything else: configuration keys
  bool HasRekeyWords() const { return !to.empty() || !pin_file.empty() || nodes_ready || drop_unused; }
  bool HasTlsWords() const { return !dns.empty() || !ip.empty() || new_key; }
};

// kUsage for a malformed line. Whether the command exists and the keys are known is decided later.
Outcome<CommandLine> ParseCommandLine(int argc, char** argv);

}  // namespace claviger::daemon
