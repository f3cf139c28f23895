// `clavigerd rekey`: the installation moves to another token.

#include <fmt/format.h>

#include <algorithm>

#include "api/access/lookups_store.h"
#include "crypto/certificate_request.h"
#include "daemon/commands.h"
#include "daemon/operator_desk.h"
#include "daemon/private_file.h"
#include "daemon/rekey.h"
#include "daemon/root_desk.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

constexpr size_t kMaxCertificateBytes = 1024 * 1024;

// As --to and the configuration name the next token: MODULE/TOKEN.
Result<Config> WithNext(const CommandLine& line, Config config) {
  if (config.key_processes == 0)
    return Invalid("a move needs key processes: hsm.key_processes must not be 0");
  if (!line.to.empty()) {
    const size_t slash = line.to.rfind('/');
    const std::string module = slash == std::string::npos ? "" : line.to.substr(0, slash);
    const std::string label = line.to.substr(slash == std::string::npos ? 0 : slash + 1);
    if (!module.starts_with('/') || label.empty()) {
      return Invalid(
          "--to is MODULE/TOKEN: the absolute path of the PKCS#11 module, a slash, the token's label");
    }
    if (!config.next.token_label.empty() && config.next.token_label != label) {
      return Invalid("--to names another token than hsm.next_token_label");
    }
    const auto& labels = config.hsm.token_labels;
    if (module == config.hsm.module_path && std::find(labels.begin(), labels.end(), label) != labels.end()) {
      return Invalid("--to names the token that is in use (hsm.token_label)");
    }
    config.next.module_path = module;
    config.next.token_label = label;
  }
  if (!line.pin_file.empty()) config.next.pin_file = line.pin_file;
  if (config.next.token_label.empty())
    return Invalid("--to MODULE/TOKEN is missing, or hsm.next_token_label");
  if (config.next.pin_file.empty()) return Invalid("--pin-file FILE is missing, or hsm.next_pin_file");
  TRYV(hsm::CheckPinFile(config.hsm.pin_file));
  TRYV(hsm::CheckPinFile(config.next.pin_file));
  return config;
}

class DatabaseRekeyDesk final : public RekeyDesk {
 public:
  explicit DatabaseRekeyDesk(const Config& next) : next_(next), desk_(next) {}

  Outcome<bool> Seals(const crypto::PublicKey& key) override { return desk_.Seals(key); }
  Outcome<void> Prove() override { return Verify(CommandLine(), next_); }

  Outcome<std::optional<crypto::PublicKey>> CertifiedKey() override {
    const auto& tls = next_.http.tls;
    if (!tls.private_key.starts_with("pkcs11:")) return std::nullopt;
    TRY(const std::string pem,
        Stage(ExitCode::kConfig,
              ReadTrustedFile(tls.certificate_chain_pem, "the certificate", kMaxCertificateBytes)));
    TRY(auto certified, Stage(ExitCode::kConfig, crypto::CertifiedKey(pem)));
    return std::optional(std::move(certified));
  }

  Outcome<std::vector<std::string>> UnderOlderLookup(uint32_t version) override {
    TRY(auto connection, desk_.Connect());
    TRY(const auto left, Stage(ExitCode::kDatabase, api::lookups_store::CountUnderOlder(
                                                        *connection, version, SystemClock().Now())));
    std::vector<std::string> lines;
    for (const auto& [kind, count] : left) lines.push_back(fmt::format("{} {}", count, kind));
    return lines;
  }

 private:
  const Config& next_;
  OperatorDesk desk_;
};

using Procedure = Outcome<void> (*)(const RekeyOrder&, RootDesk&, RekeyDesk&);

Outcome<void> AtDesks(const CommandLine& line, const Config& configured, Procedure procedure) {
  TRY(const Config config, Stage(ExitCode::kConfig, WithNext(line, configured)));
  const Config next = AtNextToken(config);
  DatabaseRekeyDesk desk(next);
  return procedure({config.hsm, next.hsm, line.nodes_ready, line.drop_unused}, *MakeRootDesk(config), desk);
}

}  // namespace

Outcome<void> Rekey(const CommandLine& line, const Config& config) { return AtDesks(line, config, Rekey); }

Outcome<void> ShowRekey(const CommandLine& line, const Config& config) {
  return AtDesks(line, config, TellRekey);
}

}  // namespace claviger::daemon
