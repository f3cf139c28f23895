#pragma once
// The installation's signing keys, as this node knows them: what it accepts tokens of, and what it
// publishes. They lie in the HSM, where operators make and destroy them, and nowhere else is it said which
// there are. A thread looks there again and again, and at once when the change feed says that there is
// something new.
//
// No node refuses a token that another has just issued: a key signs only when it has been known where it
// signs for a whole `settling` (crypto/keyring.h), each node looks six times in that time, and one that could
// not look for half of it takes an unknown key for a reason to answer kUnavailable.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "api/access/change_feed.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"

namespace claviger::api {

// As the routes that publish them answer.
struct KeyDocuments {
  std::string signing;  // of the key that signs: kid, alg, the raw key and its PEM
  std::string jwks;     // of all whose tokens are accepted
  std::string audit;    // of all that sign, or signed, checkpoints of the audit log: a JWKS too
};
Result<KeyDocuments> MakeKeyDocuments(const std::vector<crypto::PublicKey>& token_keys,
                                      const std::vector<crypto::PublicKey>& audit_keys);

// For whoever has made or destroyed a key of the installation: every node looks within a second.
schema::Connection::Call InstallationKeysChanged();

class InstallationKeys final : public ChangeListener {
 public:
  InstallationKeys(std::chrono::milliseconds settling, crypto::Keyring& keyring,
                   crypto::TokenVerifier& verifier, const Clock& clock, const Log& log);
  ~InstallationKeys() override;
  // One look, which must succeed before the first use.
  Status Refresh();
  void Start();

  std::shared_ptr<const KeyDocuments> Documents() const;

  void Forget(std::string_view kind, const Uuid& id) override;
  void ForgetAll() override;
  void TrustUntil(SteadyTime) override {}

 private:
  void Loop();
  void LookNow();

  const std::chrono::milliseconds settling_;
  crypto::Keyring& keyring_;
  crypto::TokenVerifier& verifier_;
  const Clock& clock_;
  const Log& log_;
  mutable std::mutex mutex_;  // guards everything below but the thread
  std::condition_variable wake_;
  std::shared_ptr<const KeyDocuments> documents_;
  bool look_now_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace claviger::api
