#pragma once
// The public keys with which the configured OpenID provider signs, as it publishes them: its discovery
// document names its key set (OpenID Connect Discovery 1.0 section 4). Nothing a caller sends is ever part of
// an address that is asked.
//
// A thread of its own looks every 15 minutes, and at once, though not more often than every 10 s, when a
// token names a key that is not there: so new keys work when they are first used, and a key that the provider
// withdrew is refused a quarter of an hour later. While the provider cannot be reached its last keys are
// trusted, for a day at most.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/id_token.h"

namespace claviger::api {

class ProviderKeys {
 public:
  // The body behind an https URL.
  using Fetch = std::function<Result<std::string>(const std::string& url)>;

  ProviderKeys(std::string issuer, Fetch fetch, const Clock& clock, const Log& log);
  ~ProviderKeys();
  void Start();

  // The key of that name; nullopt if the provider has none. May wait for a look at the provider, a few
  // seconds at most. kUnavailable if its keys are not known, or too many wait already.
  Result<std::optional<crypto::ProviderKey>> Find(std::string_view kid);

  // One look at the provider. Blocks; public for tests, which do not Start().
  void LookOnce();

 private:
  std::optional<crypto::ProviderKey> KnownKey(std::string_view kid) const;
  bool Trusted() const;
  bool MayLook() const;
  Result<std::vector<crypto::ProviderKey>> FetchKeys();
  void Loop();

  const std::string issuer_;
  const Fetch fetch_;
  const Clock& clock_;
  const Log& log_;

  mutable std::mutex mutex_;        // guards all below
  std::condition_variable wake_;    // the thread: somebody waits, or the end
  std::condition_variable looked_;  // who waits: another look is over
  std::vector<crypto::ProviderKey> keys_;
  std::optional<SteadyTime> fetched_at_;  // when keys_ were published
  std::optional<SteadyTime> looked_at_;   // when the last look began, whatever came of it
  bool looking_ = false;
  uint64_t looks_ = 0;  // that are over
  int waiting_ = 0;
  bool failing_ = false;  // an outage is logged once
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace claviger::api
