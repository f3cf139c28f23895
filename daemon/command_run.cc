#include "daemon/assemble.h"
#include "daemon/commands.h"
#include "daemon/private_file.h"
#include "hsm/key_uri.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

// A single wrong permission must be told plainly and early, not as a failure of TLS or of a login.
Status CheckFiles(const Config& config) {
  if (config.database.conninfo.empty()) return Invalid("database.conninfo is not set");
  if (config.key_process_socket.empty()) {
    if (config.hsm.module_path.empty()) return Invalid("hsm.module is not set");
    if (config.hsm.pin_file.empty()) return Invalid("hsm.pin_file is not set");
    TRYV(hsm::CheckPinFile(config.hsm.pin_file));
    if (config.Moves()) {
      TRYV(hsm::CheckPinFile(config.next.pin_file));
    }
  }
  if (!config.mail_password_file.empty()) {
    TRYV(CheckPrivateFile(config.mail_password_file, "the mail server's password file"));
  }
  if (!config.syslog.private_key.empty()) {
    TRYV(CheckPrivateFile(config.syslog.private_key, "the key for the syslog receiver"));
  }
  if (config.listen.empty()) return Ok();
  if (config.http.tls.certificate_chain_pem.empty()) return Invalid("http.certificate is not set");
  const std::string& key = config.http.tls.private_key;
  if (key.empty()) return Invalid("http.private_key is not set");
  if (!key.starts_with("pkcs11:")) return CheckPrivateFile(key, "the TLS key");
  const auto uri = hsm::ParseKeyUri(key);
  if (!uri) return Invalid("http.private_key: " + uri.error().detail);
  return Ok();
}

}  // namespace

Outcome<void> Run(const CommandLine& line, const Config& config) {
  Signals signals;  // before any thread starts
  TRYV(Stage(ExitCode::kConfig, CheckFiles(config)));
  return Serve(line, config, signals);
}

}  // namespace claviger::daemon
