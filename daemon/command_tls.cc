// `clavigerd tls request` and `clavigerd tls destroy-old`: the life of the HTTPS key on the token. Which of
// its versions signs is said by the certificate that is in use.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "crypto/certificate_request.h"
#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/operator_desk.h"
#include "daemon/private_file.h"
#include "hsm/key_ceremony.h"
#include "hsm/pin_file.h"

namespace claviger::daemon {
namespace {

using crypto::SigningKey;
using hsm::HeldKey;

constexpr size_t kMaxCertificateBytes = 1024 * 1024;

Outcome<std::vector<HeldKey>> Look(const Config& config) {
  TRYV(Stage(ExitCode::kConfig, hsm::CheckPinFile(config.hsm.pin_file)));
  return Stage(ExitCode::kHsm, hsm::ListSigningKeys(config.hsm, SigningKey::kTls));
}

Outcome<uint32_t> MakeKey(const Config& config, const std::vector<HeldKey>& keys) {
  const uint32_t version = keys.empty() ? 1 : keys.front().version + 1;
  const std::string name = hsm::SigningKeyName(SigningKey::kTls, version);
  TRYV(OperatorDesk(config).Act("tls_key.make", name,
                                [&] { return hsm::MakeSigningKey(config.hsm, SigningKey::kTls, version); }));
  return version;
}

Outcome<uint32_t> NewestKey(const std::vector<HeldKey>& keys) {
  const auto newest = std::find_if(keys.begin(), keys.end(), [](const HeldKey& key) { return key.can_sign; });
  if (newest != keys.end()) return newest->version;
  return Refusal{ExitCode::kHsm, NotFound("The token holds no TLS key; run clavigerd init")};
}

}  // namespace

Outcome<void> RequestCertificate(const CommandLine& line, const Config& configured) {
  const Config config = line.of_next_token ? AtNextToken(configured) : configured;
  const crypto::SystemRandom random;  // before the PKCS#11 module is loaded
  const crypto::ServerNames names{line.dns, line.ip};
  TRYV(Stage(ExitCode::kUsage, crypto::CheckServerNames(names)));
  TRY(const auto keys, Look(config));
  TRY(const uint32_t version, line.new_key ? MakeKey(config, keys) : NewestKey(keys));
  const auto make = [&](crypto::provider::KeySource& source) -> Result<std::string> {
    TRY(const auto library, crypto::provider::Library::Create(source));
    TRY(const auto named, library->Open("pkcs11:"));
    return crypto::CertificateRequestPem(*library, named.front().get(), names);
  };
  TRY(const std::string pem,
      Stage(ExitCode::kHsm, hsm::WithSigningKey(config.hsm, SigningKey::kTls, version, make)));
  fmt::print(stderr, "for the key {}\n", hsm::SigningKeyName(SigningKey::kTls, version));
  fmt::print("{}", pem);
  return boost::outcome_v2::success();
}

Outcome<void> DestroyOldTlsKeys(const CommandLine&, const Config& config) {
  TRY(const auto keys, Look(config));
  TRY(const std::string pem,
      Stage(ExitCode::kConfig,
            ReadTrustedFile(config.http.tls.certificate_chain_pem, "the certificate", kMaxCertificateBytes)));
  TRY(const auto certified, Stage(ExitCode::kConfig, crypto::CertifiedKey(pem)));
  const auto in_use = std::find_if(keys.begin(), keys.end(), [&](const HeldKey& key) {
    return key.can_sign && key.published.raw == certified.raw;
  });
  if (in_use == keys.end()) {
    return Refusal{ExitCode::kConfig, NotFound("The certificate is of no key on the token that can sign")};
  }
  OperatorDesk desk(config);
  for (auto key = std::next(in_use); key != keys.end(); ++key) {
    TRYV(desk.Act("tls_key.destroy", key->published.kid, [&]() -> Status {
      TRYV(hsm::WithdrawSigningKey(config.hsm, SigningKey::kTls, key->version));
      return hsm::RemoveSigningKey(config.hsm, SigningKey::kTls, key->version);
    }));
    desk.Tell(fmt::format("{} is gone", key->published.kid));
  }
  desk.Tell(fmt::format("{} signs", in_use->published.kid));
  return boost::outcome_v2::success();
}

}  // namespace claviger::daemon
