#pragma once
// Everything that can be configured. Where a value comes from, in falling order: a flag
// (`--http.listen=...`), the environment (CLAVIGER_HTTP_LISTEN), the file given by --config, the default
// beside the field. Keys that nobody knows are errors. docs/CONFIGURATION.md explains every key; the test run
// compares it with the table in config_keys.cc.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/export/tls_channel.h"
#include "api/http/server.h"
#include "api/limits/guess_budgets.h"
#include "api/limits/tier.h"
#include "api/limits/traffic_shaper.h"
#include "api/mail/smtp.h"
#include "api/rotations/rotation_runner.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/password.h"
#include "hsm/config.h"
#include "schema/pg/pg.h"

namespace claviger::daemon {

enum class Signup : uint8_t { kClosed, kDirect, kMail };
enum class MemoryLock : uint8_t { kOff, kAuto, kRequired };
enum class SandboxMode : uint8_t { kOff, kLog, kEnforce };
enum class ModuleSockets : uint8_t { kNone, kLocal, kNetwork };

// Another token, while the installation moves to it (daemon/rekey.h). Default: none; the module's:
// hsm.module.
struct NextToken {
  std::string module_path;
  std::string module_init_args;
  std::string token_label;
  std::string pin_file;
  std::string key_process_socket;  // of its key processes, where they are a service of their own
};

struct Config {
  // Developer mode: direct signup unless said otherwise, and a loud line in the log. Default: false.
  bool dev = false;
  // Least level that is logged. Default: info.
  LogLevel log_level = LogLevel::kInfo;
  // Keep the daemon's pages out of swap: off, auto (when the limits allow it), required. Default: auto.
  MemoryLock memory_lock = MemoryLock::kAuto;
  // What a process does that its sandbox forbids: kills it (enforce), is written to the kernel's audit log
  // (log), or nothing is forbidden (off). Default: enforce.
  SandboxMode sandbox = SandboxMode::kEnforce;
  // Further files and directories that the process that serves HTTP may read. Default: none.
  std::vector<std::string> read_paths;
  // How long a start waits for a database or an HSM that is away. Default: 30 s.
  std::chrono::milliseconds startup_wait{30000};
  // Where the daemon keeps what the database must not take back. Default: none, or systemd's
  // $STATE_DIRECTORY.
  std::string state_directory;
  // How long answers in flight may take after SIGTERM. Default: 30 s.
  std::chrono::milliseconds drain_timeout{30000};

  // Addresses served over TLS. Default: 127.0.0.1:8443.
  std::vector<std::string> listen{"127.0.0.1:8443"};
  // Addresses served without TLS: Unix sockets, inherited sockets and loopback only. Default: none.
  std::vector<std::string> listen_plain;
  // Where people reach this installation, an https origin: in mails, and where a device login sends them.
  // Default: none.
  std::string public_url;
  // Limits of the HTTP server; its own listeners and TLS files are filled from the keys here.
  api::http::ServerConfig http;
  // Clients that may read /v1/metrics. Default: none.
  api::http::AddressList metrics_readers;

  // The runtime role's connections. pool_size default: 20.
  schema::PgConfig database{.conninfo = {}, .pool_size = 20};
  // The owner role, for `clavigerd migrate` and `clavigerd init` only. Default: none.
  std::string owner_conninfo;

  hsm::HsmConfig hsm;
  // Processes that hold the keys; 0: this one does, for tests. Default: 1.
  uint32_t key_processes = 1;
  // Where the key processes of a service of their own are reached, by the daemon and by that service; and the
  // account at the other end. Default: none, the daemon starts them; its own account.
  std::string key_process_socket;
  std::string key_process_peer;
  NextToken next;
  bool Moves() const { return !next.token_label.empty() || !next.key_process_socket.empty(); }
  // Sockets that the module may make. Default: off, none.
  ModuleSockets module_sockets = ModuleSockets::kNone;
  // What the module may read, and what it may write as well: files, and directories with all below them.
  // Default: none.
  std::vector<std::string> module_read_paths;
  std::vector<std::string> module_write_paths;

  // `iss` and `aud` of access tokens. Default: claviger.
  std::string issuer = "claviger";
  // Who may make an account by POST /v1/auth/signup: closed (nobody, or, where mail is sent, who is invited),
  // direct (anybody), or mail (anybody, once a mail to the address has proven it). Default: closed; direct in
  // developer mode.
  Signup signup = Signup::kClosed;
  // The stricter rule for new passwords. Default: false.
  bool password_strict = false;
  // New passwords that are refused, one a line. Default: none.
  std::string password_blocklist_file;
  // Cost of new password hashes. Default: 19456 KiB, 2 passes, 1 lane.
  crypto::Argon2Cost argon2;

  // The mail server; without one no mail is sent. Default: none, port 587, STARTTLS, 20 s.
  api::SmtpConfig smtp;
  // The file with the mail server's password. Default: none.
  std::string mail_password_file;
  // The pause before a mail that failed is tried again; it doubles up to an hour. Default: 60 s.
  std::chrono::milliseconds mail_retry{60000};
  // The OpenID provider whose accounts may sign in: its issuer, an https URL. Default: none.
  std::string oidc_issuer;
  // The clients here whose ID tokens are accepted. Default: none.
  std::vector<std::string> oidc_client_ids;
  // Authorities that sign the provider's certificate, PEM file. Default: the system's.
  std::string oidc_ca_file;
  // Whom nobody knows may make an account by signing in. Default: false.
  bool oidc_signup = false;
  // The domains of e-mail addresses that may make an account so, or bind one. Default: any.
  std::vector<std::string> oidc_email_domains;

  // Requests of one client address: 100 per second after a burst of 200, to public routes such as login 10
  // per second after a burst of 100.
  api::TrafficLimits traffic{.requests = {100, 200}, .auth_requests = {10, 100}};
  // Wrong guesses of each kind within an hour: 50 from an address, 10 at an account, 20 at an account from an
  // address where it logged in within 30 days, 2000 in all. Likewise 50 invitations of an organisation.
  // Agents are enrolled for an address once in 10 minutes.
  // Besides, 10 new shares of an organisation a minute.
  api::GuessLimits guesses{.per_address = 50,
                           .per_account = 10,
                           .per_familiar = 20,
                           .in_all = 2000,
                           .invitations = 50,
                           .window = std::chrono::hours{1},
                           .familiar_days = 30,
                           .enroll_window = std::chrono::minutes{10},
                           .shares_per_minute = 10};

  // What an organisation may have at most. Default: no limits.
  api::TierConfig tier;

  // Rotation of keys by this node: at most 1000 data keys per second, and none begins by itself.
  api::RotationConfig rotation{.pace = {1000}, .vault_days = 0};

  // Values in the form of a blob only where clients are to seal them. Default: true.
  bool check_cmek_form = true;
  // Rotations of customer-managed keys at once on this node. Default: 2. Their pace is that of `rotation`.
  uint32_t cmek_rotations = 2;

  // Threads that run handlers. Default: 16.
  uint32_t workers = 16;
  // Threads that read and write secrets, many requests at a time. Default: 2.
  uint32_t batchers = 2;
  // Requests that may wait for each of these two pools; beyond it 503. Default: 1024.
  uint32_t worker_queue = 1024;
  // Threads for Argon2. Default: 2.
  uint32_t hashers = 2;
  // Logins that may wait for one; beyond it 503. Default: 64.
  uint32_t hasher_queue = 64;
  // Audit records that may wait for their commit; beyond it 503. Default: 4096.
  uint32_t audit_queue = 4096;
  // The syslog receiver that gets the audit log. Default: none, port 6514, 10 s.
  api::TlsChannelConfig syslog;
  // The directory of the file that gets the audit log. Default: none.
  std::string audit_file_directory;
};

// The three sources, still text.
struct ConfigSources {
  std::vector<std::string> flags;  // command-line words after the subcommand
  std::string file;                // path; empty: none
  char** environment = nullptr;    // NULL-terminated "NAME=value" words, or null
};

// Reads all sources and checks every value. kInvalid with one sentence that names the key. The file must be a
// regular file that belongs to this user or root and that no one else can read.
Result<Config> LoadConfig(const ConfigSources& sources);

// As it is when the installation has moved: all else is the same.
Config AtNextToken(const Config& config);

// The effective configuration as a configuration file, secrets masked.
std::string PrintConfig(const Config& config);

// One line a key with its explanation, for --help.
std::string ExplainKeys();

}  // namespace claviger::daemon
