#pragma once
// Bearer tokens -> Principal, on every request, with revocation that holds at once on this node and within a
// second on all others.
//
// A verified token and the state of its user are cached by SHA-256 of the token. The cache may be believed
// only while the change feed is fresh; with a stale feed every request asks the database, and without a
// database nothing is authenticated (503).

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "api/access/change_feed.h"
#include "api/access/principal.h"
#include "api/http/message.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/jws.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class Authenticator : public ChangeListener {
 public:
  Authenticator(schema::Pool& pool, const Clock& clock, const crypto::TokenVerifier& verifier);

  // kUnauthenticated with the one public text for every fault of the credential; kUnavailable if it cannot be
  // known. Blocks on the database when the cache does not know: worker threads only.
  // Virtual for the twin in tests.
  virtual Result<Principal> Authenticate(const http::Request& request);
  // The same from the cache alone, without blocking; nullopt if it takes more to know.
  virtual std::optional<Principal> Recall(const http::Request& request);

  // Called by the node that makes a change after its commit and before it answers.
  void ForgetToken(const TokenId& token);
  void ForgetUser(const UserId& user);

  void Forget(std::string_view kind, const Uuid& id) override;
  void ForgetAll() override;
  void TrustUntil(SteadyTime until) override;

 private:
  struct Entry {
    Principal principal;  // what the token says, its signature checked, and the role the user had
    int64_t issued_at = 0;
  };
  enum class Known : uint8_t { kNothing, kToken, kEverything };
  Known Find(const std::string& key, Entry& entry);
  void Remember(const std::string& key, const Entry& entry, uint64_t epoch);
  void Drop(const std::string& key);
  uint64_t Epoch();
  // Asks the database whether the token still stands, and for the user's role.
  Result<Role> Load(const Entry& entry);

  schema::Pool& pool_;
  const Clock& clock_;
  const crypto::TokenVerifier& verifier_;
  std::mutex mutex_;                                // guards everything below
  std::unordered_map<std::string, Entry> entries_;  // key: SHA-256 of the token
  uint64_t epoch_ = 0;  // grows with every Forget: a load that began before it may not be cached
  SteadyTime trusted_until_{};
};

}  // namespace claviger::api
