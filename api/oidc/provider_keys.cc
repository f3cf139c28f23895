#include "api/oidc/provider_keys.h"

#include <algorithm>

#include "crypto/strict_json.h"

namespace claviger::api {
namespace {

constexpr std::chrono::minutes kInterval{15};
constexpr std::chrono::seconds kShortestInterval{10};
constexpr std::chrono::hours kLongestTrust{24};
constexpr std::chrono::seconds kLongestWait{6};  // a look has two requests of 2.5 s at most
constexpr int kMaxWaiting = 8;                   // of the threads that run handlers

std::string DiscoveryUrl(std::string_view issuer) {
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

}  // namespace

ProviderKeys::ProviderKeys(std::string issuer, Fetch fetch, const Clock& clock, const Log& log)
    : issuer_(std::move(issuer)), fetch_(std::move(fetch)), clock_(clock), log_(log) {}

ProviderKeys::~ProviderKeys() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ProviderKeys::Start() {
  thread_ = std::thread([this] { Loop(); });
}

bool ProviderKeys::Trusted() const { return fetched_at_ && clock_.Steady() - *fetched_at_ < kLongestTrust; }

bool ProviderKeys::MayLook() const {
  return !looked_at_ || clock_.Steady() - *looked_at_ >= kShortestInterval;
}

std::optional<crypto::ProviderKey> ProviderKeys::KnownKey(std::string_view kid) const {
  if (!Trusted()) return std::nullopt;
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key.kid == kid; });
  return found == keys_.end() ? std::nullopt : std::optional(*found);
}

Result<std::optional<crypto::ProviderKey>> ProviderKeys::Find(std::string_view kid) {
  std::unique_lock lock(mutex_);
  if (auto key = KnownKey(kid)) return key;
  if (looking_ || MayLook()) {
    if (waiting_ == kMaxWaiting) return Unavailable("too many wait for the keys of the OpenID provider");
    ++waiting_;
    wake_.notify_one();
    const uint64_t seen = looks_;
    looked_.wait_for(lock, kLongestWait, [&] { return looks_ != seen; });
    --waiting_;
  }
  if (!Trusted()) return Unavailable("the keys of the OpenID provider are not known");
  return KnownKey(kid);
}

void ProviderKeys::LookOnce() {
  {
    const std::lock_guard lock(mutex_);
    looked_at_ = clock_.Steady();
    looking_ = true;
  }
  auto keys = FetchKeys();
  const std::lock_guard lock(mutex_);
  if (keys.has_value()) {
    if (failing_) log_.Info("the OpenID provider's keys can be fetched again");
    keys_ = std::move(keys).value();
    fetched_at_ = clock_.Steady();
  } else if (!failing_) {
    log_.Failure("the OpenID provider's keys cannot be fetched", keys.error());
  }
  failing_ = !keys.has_value();
  looking_ = false;
  ++looks_;
  looked_.notify_all();
}

Result<std::vector<crypto::ProviderKey>> ProviderKeys::FetchKeys() {
  TRY(const auto discovery, fetch_(DiscoveryUrl(issuer_)));
  const auto document = crypto::ParseStrictObject(discovery);
  if (!document) return Invalid("The discovery document is not valid JSON");
  const std::string* issuer = crypto::FindString(*document, "issuer");
  if (issuer == nullptr || *issuer != issuer_) return Invalid("The discovery document names another issuer");
  const std::string* jwks_uri = crypto::FindString(*document, "jwks_uri");
  if (jwks_uri == nullptr) return Invalid("The discovery document names no key set");
  TRY(const auto jwks, fetch_(*jwks_uri));
  return crypto::ParseProviderKeys(jwks);
}

void ProviderKeys::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    LookOnce();
    lock.lock();
    wake_.wait_for(lock, failing_ ? kShortestInterval : std::chrono::seconds(kInterval),
                   [this] { return stopping_ || (waiting_ != 0 && MayLook()); });
  }
}

}  // namespace claviger::api
