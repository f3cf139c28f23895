#include "api/access/installation_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/failure_log.h"
#include "api/json/json.h"

namespace claviger::api {
namespace {

constexpr int kLooksPerSettling = 6;
constexpr std::chrono::milliseconds kPauseAfterFailure{1000};

// What belongs to an organisation as a whole; the nil one stands for the installation.
constexpr std::string_view kKind = "org";
constexpr Uuid kInstallation{};

const char* Algorithm(const crypto::PublicKey& key) {
  return key.algorithm == crypto::SignatureAlgorithm::kEdDsa ? "EdDSA" : "ES256";
}

}  // namespace

Result<KeyDocuments> MakeKeyDocuments(const std::vector<crypto::PublicKey>& token_keys,
                                      const std::vector<crypto::PublicKey>& audit_keys) {
  if (token_keys.empty()) return Internal("the keyring has no token signing key");
  const crypto::PublicKey& signing = token_keys.front();
  TRY(const auto pem, crypto::PublicKeyPem(signing));
  const Json document = {{"kid", signing.kid},
                         {"alg", Algorithm(signing)},
                         {"public_key_base64", Base64Encode(signing.raw)},
                         {"public_key_base64url", Base64UrlEncode(signing.raw)},
                         {"public_key_pem", pem}};
  return KeyDocuments{DumpJson(document), crypto::JwksJson(token_keys), crypto::JwksJson(audit_keys)};
}

schema::Connection::Call InstallationKeysChanged() { return ChangeCall(kKind, kInstallation); }

InstallationKeys::InstallationKeys(std::chrono::milliseconds settling, crypto::Keyring& keyring,
                                   crypto::TokenVerifier& verifier, const Clock& clock, const Log& log)
    : settling_(settling), keyring_(keyring), verifier_(verifier), clock_(clock), log_(log) {}

InstallationKeys::~InstallationKeys() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void InstallationKeys::Start() {
  thread_ = std::thread([this] { Loop(); });
}

Status InstallationKeys::Refresh() {
  const Time begun = clock_.Now();
  TRYV(keyring_.RefreshSigningKeys());
  TRY(auto keys, keyring_.PublicKeys(crypto::SigningKey::kToken));
  TRY(const auto audit_keys, keyring_.PublicKeys(crypto::SigningKey::kAudit));
  TRY(auto documents, MakeKeyDocuments(keys, audit_keys));
  verifier_.Replace(std::move(keys), begun + settling_ / 2);
  auto published = std::make_shared<const KeyDocuments>(std::move(documents));
  const std::lock_guard lock(mutex_);
  documents_ = std::move(published);
  return Ok();
}

std::shared_ptr<const KeyDocuments> InstallationKeys::Documents() const {
  const std::lock_guard lock(mutex_);
  return documents_;
}

void InstallationKeys::Forget(std::string_view kind, const Uuid& id) {
  if (kind == kKind && id == kInstallation) LookNow();
}

void InstallationKeys::ForgetAll() { LookNow(); }

void InstallationKeys::LookNow() {
  {
    const std::lock_guard lock(mutex_);
    look_now_ = true;
  }
  wake_.notify_all();
}

void InstallationKeys::Loop() {
  const auto pause = std::max(settling_ / kLooksPerSettling, std::chrono::milliseconds(1));
  bool failing = false;
  bool told = false;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait_for(lock, failing ? std::min(pause, kPauseAfterFailure) : pause,
                   [&] { return stopping_ || (look_now_ && !failing); });
    if (stopping_) return;
    look_now_ = false;
    lock.unlock();
    const Status looked = Refresh();
    failing = !looked;
    // An HSM that is away has a line of its own.
    if (failing && looked.error().kind != ErrorKind::kUnavailable && !std::exchange(told, true)) {
      LogConsequence(log_, "keys cannot be looked for in the HSM", looked.error());
    }
    if (!failing && std::exchange(told, false)) log_.Info("keys are looked for again");
    lock.lock();
  }
}

}  // namespace claviger::api
