#include "daemon/config_keys.h"

#include <algorithm>

#include "daemon/config_values.h"

namespace claviger::daemon {
namespace {

using Texts = std::vector<std::string>;

// `access` gives a reference to the field, const or not as the configuration is.
template <class Access>
ConfigKey Row(std::string_view name, std::string_view about, Access access) {
  ConfigKey key{.name = name, .about = about};
  key.read = [access](Config& config, const Texts& texts) {
    return ReadValue(texts.front(), access(config));
  };
  key.show = [access](const Config& config) { return Texts{ShowValue(access(config))}; };
  return key;
}

template <class Access>
ConfigKey Value(std::string_view name, std::string_view about, Access access) {
  ConfigKey key = Row(name, about, access);
  const Config defaults;
  key.rule = RuleOf(access(defaults));
  return key;
}

template <class Access>
ConfigKey Number(std::string_view name, std::string_view about, uint32_t min, uint32_t max, Access access) {
  ConfigKey key = Row(name, about, access);
  key.read = [access, min, max](Config& config, const Texts& texts) {
    uint32_t number = 0;
    if (!ReadValue(texts.front(), number) || number < min || number > max) return false;
    access(config) = number;
    return true;
  };
  key.rule = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  return key;
}

// A time limit: never zero, so that every wait ends and none ends at once.
template <class Access>
ConfigKey Wait(std::string_view name, std::string_view about, Access access) {
  ConfigKey key = Row(name, about, access);
  key.read = [access](Config& config, const Texts& texts) {
    std::chrono::milliseconds wait{};
    if (!ReadValue(texts.front(), wait) || wait.count() == 0) return false;
    access(config) = wait;
    return true;
  };
  key.rule = "a duration from 1ms to 1440m, such as 250ms, 30s or 5m";
  return key;
}

template <class Access>
ConfigKey List(std::string_view name, std::string_view about, Access access) {
  ConfigKey key{.name = name, .about = about, .repeatable = true};
  key.read = [access](Config& config, const Texts& texts) {
    access(config) = texts;
    return true;
  };
  key.show = [access](const Config& config) { return Texts(access(config)); };
  key.rule = "text";
  return key;
}

// Where Landlock is to let a process through: the root would let it through everywhere.
template <class Access>
ConfigKey Paths(std::string_view name, std::string_view about, Access access) {
  ConfigKey key = List(name, about, access);
  key.read = [access](Config& config, const Texts& texts) {
    const bool absolute = std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
      return text.size() > 1 && text.starts_with('/');
    });
    if (absolute) access(config) = texts;
    return absolute;
  };
  key.rule = "an absolute path, and not /";
  return key;
}

template <class Access>
ConfigKey Addresses(std::string_view name, std::string_view about, Access access) {
  ConfigKey key{.name = name, .about = about, .repeatable = true};
  key.read = [access](Config& config, const Texts& texts) {
    auto list = api::http::AddressList::Parse(texts);
    if (!list) return false;
    access(config) = *std::move(list);
    return true;
  };
  key.show = [access](const Config& config) { return access(config).words(); };
  key.rule = "\"unix\", an IP address, or a network such as 10.0.0.0/8 without host bits and not /0";
  return key;
}

ConfigKey CustomerTokens(std::string_view name, std::string_view about) {
  ConfigKey key{.name = name, .about = about, .repeatable = true};
  key.read = [](Config& config, const Texts& texts) {
    std::vector<hsm::CustomerTokenConfig> tokens(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      if (!ReadValue(texts[i], tokens[i])) return false;
    }
    config.hsm.customer_tokens = std::move(tokens);
    return true;
  };
  key.show = [](const Config& config) {
    Texts texts;
    for (const auto& token : config.hsm.customer_tokens) texts.push_back(ShowValue(token));
    return texts;
  };
  key.rule = "an organisation's id, the label of its token and the absolute path of a PIN file, with blanks";
  return key;
}

ConfigKey Masked(ConfigKey key) {
  key.masked = true;
  return key;
}

#define FIELD(path) \
  [](auto&& c) -> auto& { return c.path; }

std::vector<ConfigKey> ProcessKeys() {
  return {
      Value("dev", "developer mode: direct signup, loud in the log", FIELD(dev)),
      Value("log.level", "least level that is logged", FIELD(log_level)),
      Value("process.memory_lock", "keep pages out of swap", FIELD(memory_lock)),
      Value("process.sandbox", "what becomes of a process that does what it never should", FIELD(sandbox)),
      Paths("process.read_path", "what else the daemon may read, a file or directory (repeatable)",
            FIELD(read_paths)),
      Value("process.state_directory", "directory of the daemon's own for the newest checkpoint seen",
            FIELD(state_directory)),
      Wait("process.startup_wait", "how long a start waits for database and HSM", FIELD(startup_wait)),
      Wait("process.drain_timeout", "time for answers in flight at the end", FIELD(drain_timeout)),
  };
}

std::vector<ConfigKey> HttpKeys() {
  return {
      List("http.listen", "address served over TLS (repeatable)", FIELD(listen)),
      List("http.listen_plain", "Unix, inherited or loopback address without TLS (repeatable)",
           FIELD(listen_plain)),
      Addresses("http.trusted_proxies", "proxies whose X-Forwarded-For is believed (repeatable)",
                FIELD(http.trusted_proxies)),
      Addresses("metrics.readers", "clients that may read /v1/metrics (repeatable)", FIELD(metrics_readers)),
      Value("http.public_url", "where people reach this installation, an https origin", FIELD(public_url)),
      Value("http.certificate", "certificate chain, PEM file", FIELD(http.tls.certificate_chain_pem)),
      Value("http.private_key", "its private key: a PEM file, or a PKCS#11 URI", FIELD(http.tls.private_key)),
      Number("http.io_threads", "threads that read and write", 1, 64, FIELD(http.io_threads)),
      Number("http.max_connections", "open connections", 1, 100000, FIELD(http.max_connections)),
      Number("http.max_connections_per_address", "open connections of one address", 1, 100000,
             FIELD(http.max_connections_per_address)),
      // At least four of the largest answers.
      Number("http.max_buffered_answer_bytes", "memory for large answers that wait for their readers",
             33554432, 4294967295, FIELD(http.max_buffered_answer_bytes)),
      Wait("http.handshake_timeout", "for a TLS handshake", FIELD(http.handshake_timeout)),
      Wait("http.head_timeout", "for a request's head", FIELD(http.head_timeout)),
      Wait("http.body_timeout", "for a request's body, plus 1 s per 64 KiB", FIELD(http.body_timeout)),
      Wait("http.idle_timeout", "of a connection between requests", FIELD(http.idle_timeout)),
      Wait("http.write_timeout", "of a client that reads nothing", FIELD(http.write_timeout)),
      Wait("http.job_timeout", "for an answer, then 503", FIELD(http.job_timeout)),
  };
}

std::vector<ConfigKey> DatabaseKeys() {
  return {
      Value("database.conninfo", "libpq connection string of the runtime role", FIELD(database.conninfo)),
      Value("database.owner_conninfo", "libpq connection string of the owner role", FIELD(owner_conninfo)),
      Number("database.pool_size", "connections", 4, 500, FIELD(database.pool_size)),
      Wait("database.connect_timeout", "for a new connection", FIELD(database.connect_timeout)),
      Wait("database.acquire_timeout", "for a free connection", FIELD(database.acquire_timeout)),
      Wait("database.statement_timeout", "for a statement", FIELD(database.statement_timeout)),
      Wait("database.lock_timeout", "for a lock", FIELD(database.lock_timeout)),
      Wait("database.idle_in_transaction_timeout", "of a forgotten transaction",
           FIELD(database.idle_in_transaction_timeout)),
  };
}

std::vector<ConfigKey> HsmKeys() {
  return {
      Value("hsm.module", "the PKCS#11 module, absolute path", FIELD(hsm.module_path)),
      Masked(Value("hsm.module_init_args", "what the module wants at initialisation",
                   FIELD(hsm.module_init_args))),
      List("hsm.token_label", "label of the token (repeatable; the first present one is used)",
           FIELD(hsm.token_labels)),
      Value("hsm.token_serial", "serial number of the token, instead of its label", FIELD(hsm.token_serial)),
      Value("hsm.pin_file", "file that holds the PIN", FIELD(hsm.pin_file)),
      CustomerTokens("hsm.customer_token",
                     "organisation, label and PIN file of a token of its own (repeatable)"),
      Number("hsm.key_processes", "processes that hold the keys; 0: the daemon does it itself, for tests", 0,
             16, FIELD(key_processes)),
      Value("hsm.key_process_socket", "socket of `clavigerd keep-keys`, which then starts key processes",
            FIELD(key_process_socket)),
      Value("hsm.key_process_peer", "account at the other end of that socket", FIELD(key_process_peer)),
      Value("hsm.next_module", "of a token that the installation moves to: its module, if another",
            FIELD(next.module_path)),
      Masked(Value("hsm.next_module_init_args", "what that module wants at initialisation",
                   FIELD(next.module_init_args))),
      Value("hsm.next_token_label", "label of that token", FIELD(next.token_label)),
      Value("hsm.next_pin_file", "file that holds its PIN", FIELD(next.pin_file)),
      Value("hsm.next_key_process_socket", "socket of a second `clavigerd keep-keys`, for that token",
            FIELD(next.key_process_socket)),
      Value("hsm.sockets", "sockets that the module may make", FIELD(module_sockets)),
      Paths("hsm.read_path", "what the module may read, a file or directory (repeatable)",
            FIELD(module_read_paths)),
      Paths("hsm.write_path", "what it may write as well (repeatable)", FIELD(module_write_paths)),
      Number("hsm.max_sessions", "sessions for operations", 2, 1024, FIELD(hsm.max_sessions)),
      Number("hsm.max_cached_keks", "vault keys held unwrapped inside the HSM", 1, 1000000,
             FIELD(hsm.max_cached_keks)),
      Wait("hsm.operation_timeout", "for one operation", FIELD(hsm.operation_timeout)),
      Wait("hsm.acquire_timeout", "for a free session", FIELD(hsm.acquire_timeout)),
      Wait("hsm.probe_interval", "between two health probes", FIELD(hsm.probe_interval)),
      Value("hsm.gcm_iv", "who makes the IVs of AES-GCM", FIELD(hsm.gcm_iv)),
      Value("hsm.es256", "sign with ES256 instead of EdDSA", FIELD(hsm.es256)),
  };
}

std::vector<ConfigKey> MailKeys() {
  return {
      Value("mail.server", "mail server that takes our mail", FIELD(smtp.server)),
      Number("mail.port", "its port", 1, 65535, FIELD(smtp.port)),
      Value("mail.security", "TLS to the mail server", FIELD(smtp.security)),
      Value("mail.ca_file", "authorities that it may be certified by, PEM file", FIELD(smtp.ca_file)),
      Value("mail.user", "login at the mail server", FIELD(smtp.user)),
      Value("mail.password_file", "file that holds its password", FIELD(mail_password_file)),
      Value("mail.ehlo_name", "our name to the mail server", FIELD(smtp.ehlo_name)),
      Value("mail.from", "address that mail is from", FIELD(smtp.from)),
      Wait("mail.timeout", "for the delivery of one mail", FIELD(smtp.timeout)),
      Wait("mail.retry", "before a mail that failed is tried again, doubling up to an hour",
           FIELD(mail_retry)),
  };
}

std::vector<ConfigKey> OidcKeys() {
  return {
      Value("oidc.issuer", "OpenID provider whose accounts may sign in, an https URL", FIELD(oidc_issuer)),
      List("oidc.client_id", "client whose ID tokens are accepted (repeatable)", FIELD(oidc_client_ids)),
      Value("oidc.ca_file", "authorities of the provider's certificate, PEM file", FIELD(oidc_ca_file)),
      Value("oidc.signup", "signing in there makes an account here", FIELD(oidc_signup)),
      List("oidc.email_domain", "domain whose addresses may have an account so (repeatable)",
           FIELD(oidc_email_domains)),
  };
}

std::vector<ConfigKey> RequestKeys() {
  return {
      Value("auth.issuer", "issuer and audience of access tokens", FIELD(issuer)),
      Value("auth.signup", "who may make an account", FIELD(signup)),
      Value("password.strict", "the stricter rule for new passwords", FIELD(password_strict)),
      Value("password.blocklist_file", "new passwords that are refused, one a line",
            FIELD(password_blocklist_file)),
      Number("password.memory_kib", "Argon2id memory", 8192, 1048576, FIELD(argon2.memory_kib)),
      Number("password.passes", "Argon2id passes", 1, 16, FIELD(argon2.passes)),
      Number("password.lanes", "Argon2id lanes", 1, 16, FIELD(argon2.lanes)),
      Number("workers.threads", "threads that run handlers", 1, 256, FIELD(workers)),
      Number("workers.batchers", "threads that read and write secrets, many requests at a time", 1, 64,
             FIELD(batchers)),
      Number("workers.queue", "requests that may wait for each of these two", 1, 100000, FIELD(worker_queue)),
      Number("workers.hashers", "threads for password hashes", 1, 64, FIELD(hashers)),
      Number("workers.hasher_queue", "logins that may wait for one", 1, 10000, FIELD(hasher_queue)),
  };
}

std::vector<ConfigKey> AuditKeys() {
  return {
      Number("audit.queue", "audit records that may wait for their commit", 1, 100000, FIELD(audit_queue)),
      Value("audit.syslog_server", "syslog receiver (TLS) that gets the audit log", FIELD(syslog.server)),
      Number("audit.syslog_port", "its port", 1, 65535, FIELD(syslog.port)),
      Value("audit.syslog_ca_file", "authorities that it may be certified by, PEM file",
            FIELD(syslog.ca_file)),
      Value("audit.syslog_certificate", "our certificate for it, PEM file", FIELD(syslog.certificate)),
      Value("audit.syslog_private_key", "the key of that certificate, PEM file", FIELD(syslog.private_key)),
      Wait("audit.syslog_timeout", "to connect to it, and for it to take more", FIELD(syslog.timeout)),
      Value("audit.file_directory", "directory of the file audit.ndjson that gets the audit log",
            FIELD(audit_file_directory)),
  };
}

std::vector<ConfigKey> RotationKeys() {
  return {
      Number("rotation.secrets_per_second", "data keys that this node moves to a new key; 0: no limit", 0,
             1000000, FIELD(rotation.pace.per_second)),
      Number("rotation.vault_days", "age at which a vault's key is rotated by itself; 0: never", 0, 36500,
             FIELD(rotation.vault_days)),
      Wait("rotation.key_settling",
           "how long a new signing key is known before it signs; the same on all nodes",
           FIELD(hsm.key_settling)),
  };
}

std::vector<ConfigKey> CmekKeys() {
  return {
      Value("cmek.check_form", "refuse values that clients were to seal and did not", FIELD(check_cmek_form)),
      Number("cmek.rotations", "rotations of customer-managed keys at once", 1, 64, FIELD(cmek_rotations)),
  };
}

std::vector<ConfigKey> LimitKeys() {
  return {
      Number("limits.requests_per_second", "requests of one client address; 0: no limit", 0, 1000000,
             FIELD(traffic.requests.per_second)),
      Number("limits.requests_burst", "how many of them at once", 1, 1000000, FIELD(traffic.requests.burst)),
      Number("limits.auth_requests_per_second",
             "requests of one client address to public routes such as login; 0: no limit", 0, 1000000,
             FIELD(traffic.auth_requests.per_second)),
      Number("limits.auth_requests_burst", "how many of them at once", 1, 1000000,
             FIELD(traffic.auth_requests.burst)),
      Wait("limits.guess_window", "in which so many guesses may be wrong:", FIELD(guesses.window)),
      Number("limits.guesses_per_address", "from one address; 0: no limit", 0, 1000000,
             FIELD(guesses.per_address)),
      Number("limits.guesses_per_account", "at one account from addresses it does not know; 0: no limit", 0,
             1000000, FIELD(guesses.per_account)),
      Number("limits.guesses_per_familiar", "at one account from each address it knows; 0: no limit", 0,
             1000000, FIELD(guesses.per_familiar)),
      Number("limits.guesses_in_all", "in all from unfamiliar addresses; 0: no limit", 0, 1000000,
             FIELD(guesses.in_all)),
      Number("limits.invitations_per_organisation", "invitations of one organisation; 0: no limit", 0,
             1000000, FIELD(guesses.invitations)),
      Number("limits.familiar_days", "how long an address stays familiar; 0: none is", 0, 3650,
             FIELD(guesses.familiar_days)),
      Wait("limits.enroll_window", "in which one agent may be enrolled for an e-mail address",
           FIELD(guesses.enroll_window)),
      Number("limits.shares_per_minute", "new shares of one organisation; 0: no limit", 0, 1000000,
             FIELD(guesses.shares_per_minute)),
  };
}

std::vector<ConfigKey> TierKeys() {
  constexpr uint32_t kMost = 1'000'000'000;
  return {
      Value("tier.name", "what refusals call what an organisation may have", FIELD(tier.name)),
      Number("tier.vaults", "vaults of an organisation; 0: no limit", 0, kMost, FIELD(tier.vaults)),
      Number("tier.secrets", "secrets of an organisation; 0: no limit", 0, kMost, FIELD(tier.secrets)),
      Number("tier.agents", "active agents of an organisation; 0: no limit", 0, kMost, FIELD(tier.agents)),
  };
}

#undef FIELD

}  // namespace

std::vector<ConfigKey> MakeConfigKeys() {
  std::vector<ConfigKey> all;
  for (auto&& group : {ProcessKeys(), HttpKeys(), DatabaseKeys(), HsmKeys(), MailKeys(), OidcKeys(),
                       RequestKeys(), AuditKeys(), RotationKeys(), CmekKeys(), LimitKeys(), TierKeys()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

}  // namespace claviger::daemon
