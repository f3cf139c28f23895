// clavigerd: the vault daemon. `clavigerd --help` lists its commands; docs/man/clavigerd.8 explains them.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "daemon/account.h"
#include "daemon/commands.h"
#include "daemon/protection.h"
#include "daemon/version.h"
#include "daemon/wiping_delete.h"

namespace claviger::daemon {
namespace {

struct Command {
  std::string_view name;
  std::string_view about;
  bool wants_file;    // --config must be given
  bool refuses_root;  // it makes files that the daemon's account must own, or serves
  Outcome<void> (*run)(const CommandLine&, const Config&);
};

constexpr std::string_view kTlsRequest = "tls request";
constexpr std::string_view kVerify = "verify";
constexpr std::string_view kKeyProcess = "key-process";
constexpr std::string_view kRekey = "rekey";

constexpr std::array kCommands{
    Command{"run", "serve until SIGTERM", true, true, Run},
    Command{kKeyProcess, "hold the keys; started by `run`, not by hand", true, true, KeepKeys},
    Command{"keep-keys", "start key processes for a daemon that connects, as a service of its own", true,
            true, KeepKeyProcesses},
    Command{"init", "make the token's keys that are missing", true, true, Init},
    Command{"migrate", "bring the database schema up to date, under the owner role", true, false, Migrate},
    Command{"accept-database", "go on with a database that was set back, after a restore", true, true,
            AcceptDatabase},
    Command{"rotate token-key", "give the installation a new key for access tokens, within 18 minutes", true,
            true, RotateTokenKey},
    Command{"rotate audit-key", "give the installation a new key for checkpoints of the audit log", true,
            true, RotateAuditKey},
    Command{"rotate root-key", "give all vaults new keys, under a new root key; shows how far it is", true,
            true, RotateRootKey},
    Command{"rotate root-key pause", "have the nodes rest from it, until it is run again", true, false,
            PauseRootRotation},
    Command{"rotate root-key status", "say how far it is, and what it waits for", true, false,
            ShowRootRotation},
    Command{"rotate root-key destroy-old", "destroy root keys that nothing lies under any more", true, true,
            DestroyOldRoots},
    Command{kRekey, "move the installation to another token (--to MODULE/TOKEN), step by step", true, true,
            Rekey},
    Command{"rekey status", "say how far it is", true, true, ShowRekey},
    Command{kTlsRequest, "print a certificate request for the TLS key on the token", true, true,
            RequestCertificate},
    Command{"tls destroy-old", "destroy TLS keys older than that of the certificate", true, true,
            DestroyOldTlsKeys},
    Command{kVerify, "open a data key under each key of the database; changes nothing", true, true, Verify},
    Command{"manifest", "print check values of the token's keys, to be kept beside a backup", true, true,
            ShowManifest},
    Command{"check-config", "print the effective configuration, secrets masked", true, false, CheckConfig},
    Command{"routes", "print the route table (--output json for programs)", false, false, Routes},
};

void PrintUsage() {
  fmt::print("usage: clavigerd COMMAND --config FILE [--KEY=VALUE ...]\n\ncommands:\n");
  for (const auto& command : kCommands) fmt::print("  {:<28} {}\n", command.name, command.about);
  fmt::print("  {:<28} {}\n\n", "version", "print the version");
  fmt::print(
      "Exit status: 0 done, 1 internal, 2 usage, 3 configuration, 4 HSM, 5 schema, 6 database,\n"
      "7 listener or TLS, 8 process protection, 9 database set back, 10 rotation incomplete,\n11 not "
      "verified. See "
      "clavigerd(8);\n"
      "`clavigerd COMMAND --help` says more.\n");
}

void PrintHelp(const Command& command) {
  fmt::print("usage: clavigerd {} {}[--KEY=VALUE ...]\n\n{}\n\noptions:\n", command.name,
             command.wants_file ? "--config FILE " : "", command.about);
  fmt::print("  --config FILE       configuration file; only its owner may be able to read it\n");
  if (command.name == "routes") fmt::print("  --output text|json  form of the answer [text]\n");
  if (command.name == kTlsRequest) {
    fmt::print("  --dns NAME          a host name for the certificate; may be repeated\n");
    fmt::print("  --ip ADDRESS        an IP address for the certificate; may be repeated\n");
    fmt::print(
        "  --new-key           make a new key for it; the old one goes on signing for its certificate\n");
    fmt::print("  --of-next-token     for the key on the token of the hsm.next_ keys\n");
  }
  if (command.name.starts_with(kRekey)) {
    fmt::print("  --to MODULE/TOKEN   the PKCS#11 module and the label of the token to move to\n");
    fmt::print("  --pin-file FILE     file that holds its PIN [hsm.next_pin_file]\n");
  }
  if (command.name == kRekey) {
    fmt::print("  --nodes-ready       every node has both tokens open: begin to use the next one\n");
    fmt::print("  --drop-unused       let credentials die that nobody has used since\n");
  }
  fmt::print("  --account NAME      become this account first, when started as the superuser\n");
  if (command.name == kVerify)
    fmt::print("  --manifest FILE     keys that must be there, as `clavigerd manifest` printed them\n");
  if (command.refuses_root) fmt::print("  --allow-root        run as the superuser all the same\n");
  fmt::print("\nconfiguration keys [defaults]; also as CLAVIGER_SECTION_KEY in the environment:\n{}",
             ExplainKeys());
}

Outcome<void> Execute(const Command& command, const CommandLine& line) {
  if (line.HasTlsWords() && command.name != kTlsRequest) {
    return Refusal{ExitCode::kUsage, Invalid("--dns, --ip and --new-key go with `tls request` only")};
  }
  if (line.HasRekeyWords() && !command.name.starts_with(kRekey)) {
    return Refusal{ExitCode::kUsage,
                   Invalid("--to, --pin-file, --nodes-ready and --drop-unused go with `rekey` only")};
  }
  if (line.of_next_token && command.name != kKeyProcess && command.name != kTlsRequest) {
    return Refusal{ExitCode::kUsage, Invalid("--of-next-token goes with `tls request` only")};
  }
  if (!line.manifest.empty() && command.name != kVerify) {
    return Refusal{ExitCode::kUsage, Invalid("--manifest goes with `verify` only")};
  }
  if (command.wants_file && line.config_file.empty()) {
    return Refusal{ExitCode::kUsage, Invalid(fmt::format("{} needs --config FILE", command.name))};
  }
  if (!line.account.empty()) {
    TRY(const Account account, Stage(ExitCode::kUsage, Account::Named(line.account)));
    TRYV(Stage(ExitCode::kProtection, Become(account)));
    ProtectProcess();  // the kernel takes the change of an account for a change of mind
  }
  if (command.refuses_root && IsRoot() && !line.allow_root) {
    return Refusal{
        ExitCode::kProtection,
        Forbidden("running as root: name an account of its own by --account, or give --allow-root")};
  }
  TRY(const Config config,
      Stage(ExitCode::kConfig, LoadConfig({line.config_flags, line.config_file, environ})));
  if (line.of_next_token && !config.Moves()) {
    return Refusal{ExitCode::kConfig, Invalid("--of-next-token needs hsm.next_token_label")};
  }
  return command.run(line, config);
}

Outcome<void> Dispatch(int argc, char** argv) {
  TRY(const CommandLine line, ParseCommandLine(argc, argv));
  if (line.command == "version") {
    fmt::print("clavigerd {}\n", kVersion);
    return boost::outcome_v2::success();
  }
  const auto command = std::find_if(kCommands.begin(), kCommands.end(),
                                    [&](const Command& each) { return each.name == line.command; });
  if (command != kCommands.end()) {
    if (!line.help) return Execute(*command, line);
    PrintHelp(*command);
    return boost::outcome_v2::success();
  }
  if (!line.help) return Refusal{ExitCode::kUsage, Invalid("unknown command; see `clavigerd --help`")};
  PrintUsage();
  return boost::outcome_v2::success();
}

// The sentences for callers of the API say little on purpose; whoever starts the daemon gets the cause.
std::string Sentence(const Error& error) {
  const bool generic = error.detail == Unavailable({}).detail || error.detail == Internal({}).detail;
  if (error.cause.empty() || error.cause == error.detail) return error.detail;
  return generic ? error.cause : error.detail + " (" + error.cause + ")";
}

}  // namespace
}  // namespace claviger::daemon

int main(int argc, char** argv) {
  using namespace claviger::daemon;
  TuneMalloc();
  ProtectProcess();
  const auto outcome = Dispatch(argc, argv);
  if (outcome) return 0;
  std::string line = Sentence(outcome.error().error);
  std::replace(line.begin(), line.end(), '\n', ' ');  // libpq writes paragraphs
  fmt::print(stderr, "clavigerd: {}\n", line);
  return static_cast<int>(outcome.error().code);
}
