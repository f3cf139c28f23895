#pragma once
// The subcommands of clavigerd. Each returns what stopped it; main prints it and chooses the exit status.

#include "daemon/command_line.h"
#include "daemon/config.h"
#include "daemon/exit_code.h"

namespace claviger::daemon {

// Serves until SIGTERM or SIGINT.
Outcome<void> Run(const CommandLine& line, const Config& config);
// Holds the keys for a daemon, by which it is started, until that ends.
Outcome<void> KeepKeys(const CommandLine& line, const Config& config);
// Holds the ledger, and starts a key process for each that connects, until SIGTERM or SIGINT.
Outcome<void> KeepKeyProcesses(const CommandLine& line, const Config& config);
// Makes what is missing: the token's keys, and the installation record if the schema is there. Safe to
// repeat.
Outcome<void> Init(const CommandLine& line, const Config& config);
// Brings the schema up to date, and writes the installation record if the token's keys are there. Safe to
// repeat.
Outcome<void> Migrate(const CommandLine& line, const Config& config);
// Takes the database as it is, though this node has seen a later one: after a restore.
Outcome<void> AcceptDatabase(const CommandLine& line, const Config& config);
// Gives the installation a new key for access tokens. Safe to interrupt and to repeat.
Outcome<void> RotateTokenKey(const CommandLine& line, const Config& config);
// Gives it a new key for checkpoints of the audit log. Safe to interrupt and to repeat; needs a node that
// runs.
Outcome<void> RotateAuditKey(const CommandLine& line, const Config& config);
// Gives it a new root key, under which every vault and the installation get new keys: begins it, or goes on
// with it, and shows how far it is. Safe to interrupt and to repeat; needs a node that runs.
Outcome<void> RotateRootKey(const CommandLine& line, const Config& config);
// Has the nodes rest from it, until it is run again.
Outcome<void> PauseRootRotation(const CommandLine& line, const Config& config);
// Says how far it is, and which vaults it waits for. Needs no HSM.
Outcome<void> ShowRootRotation(const CommandLine& line, const Config& config);
// Destroys root keys that nothing lies under any more.
Outcome<void> DestroyOldRoots(const CommandLine& line, const Config& config);
// Moves the installation to another token: makes keys there, has the nodes put everything under them, proves
// it. Safe to interrupt and to repeat; needs a node that runs.
Outcome<void> Rekey(const CommandLine& line, const Config& config);
// Says how far that is.
Outcome<void> ShowRekey(const CommandLine& line, const Config& config);
// Prints a certificate request for the TLS key; makes a new key for it if that is asked for.
Outcome<void> RequestCertificate(const CommandLine& line, const Config& config);
// Destroys the TLS keys that are older than that of the certificate.
Outcome<void> DestroyOldTlsKeys(const CommandLine& line, const Config& config);
// Says whether everything that the database holds opens with this token. Changes nothing.
Outcome<void> Verify(const CommandLine& line, const Config& config);
// Prints by what the token's keys are known again (daemon/manifest.h).
Outcome<void> ShowManifest(const CommandLine& line, const Config& config);
// Prints the effective configuration.
Outcome<void> CheckConfig(const CommandLine& line, const Config& config);
// Prints the route table.
Outcome<void> Routes(const CommandLine& line, const Config& config);

}  // namespace claviger::daemon
