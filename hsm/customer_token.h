#pragma once
// One token of a customer's: the login, its sessions, and the keys on it by handle. Everything runs on HSM
// threads, on several at once.
//
// A key is looked for and proven again when it was last seen half a second ago, and whenever anything fails,
// then with a new login. So what a customer takes away or gives back counts within that time, whatever the
// module may remember. After a refused PIN there is no further login.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "crypto/customer_tokens.h"
#include "hsm/gcm.h"
#include "hsm/module.h"
#include "hsm/session.h"

namespace claviger::hsm {

// A refusal for a reason of crypto/customer_tokens.h, which stands in `call`.
Failure CustomerRefuses(const char* reason);

class CustomerToken {
 public:
  // The guard may be null.
  CustomerToken(CustomerTokenConfig config, std::shared_ptr<Module> module, GcmIv gcm_iv, LoginGuard* guard)
      : config_(std::move(config)), module_(std::move(module)), gcm_iv_(gcm_iv), guard_(guard) {}

  const CustomerTokenConfig& config() const { return config_; }

  // One for the seal, one to try a key with.
  struct Ivs {
    Iv seal;
    Iv trial;
  };
  // The verbs of crypto::CustomerTokens. A failure that is neither CustomerRefuses nor Remedy::kIntegrity
  // says that the token could not be asked.
  Outcome<crypto::CustomerKey> Find(const crypto::CustomerTokens::KeyName& name, const Ivs& ivs);
  Outcome<void> Check(const crypto::CustomerKey& key, const Ivs& ivs);
  Outcome<Bytes> Seal(const crypto::CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView text);
  Outcome<Bytes> Open(const crypto::CustomerKey& key, const Ivs& ivs, ByteView aad, ByteView sealed);

 private:
  class Login;
  using LoginPtr = std::shared_ptr<Login>;
  Outcome<LoginPtr> LoggedIn();
  Outcome<LoginPtr> LogIn();
  void Forget(const LoginPtr& login);
  // Tried once more, after a new login, before a failure counts.
  template <class T>
  Outcome<T> Twice(const std::function<Outcome<T>(Login&)>& attempt);

  const CustomerTokenConfig config_;
  const std::shared_ptr<Module> module_;
  const GcmIv gcm_iv_;
  LoginGuard* const guard_;

  std::mutex login_mutex_;  // held while logging in: one at a time
  std::mutex mutex_;        // guards the rest
  LoginPtr login_;
  bool pin_refused_ = false;
};

}  // namespace claviger::hsm
