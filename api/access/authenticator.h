#pragma once
// Bearer credentials -> Principal, on every request, with revocation that holds at once on this node and
// within a second on all others. A credential is an access token or, by its prefix, a key.
//
// What was verified, and the state of its owner, are cached by SHA-256 of the credential. The cache may be
// believed only while the change feed is fresh; with a stale feed every request asks the database, and
// without a database nothing is authenticated (503).

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "api/access/change_feed.h"
#include "api/access/key_uses.h"
#include "api/access/principal.h"
#include "api/http/message.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/jws.h"
#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api {

inline constexpr std::string_view kApiKeyPrefix = "1ck_";
inline constexpr std::string_view kApiKeyPurpose = "claviger/api-key/1";  // of its CredentialMac
inline constexpr std::string_view kAgentKeyPrefix = "ocv_";
inline constexpr std::string_view kAgentKeyPurpose = "claviger/agent-key/1";

class Authenticator : public ChangeListener {
 public:
  Authenticator(schema::Pool& pool, const Clock& clock, const crypto::TokenVerifier& verifier,
                crypto::Keyring& keyring, KeyUses& uses);

  // kUnauthenticated with the one public text for every fault of the credential; kUnavailable if it cannot be
  // known. Blocks on database and HSM when the cache does not know: worker threads only.
  // Virtual for the twin in tests.
  virtual Result<Principal> Authenticate(const http::Request& request);
  // The same for a key that came another way than in the header; anything but a key is refused.
  Result<Principal> AuthenticateKey(std::string_view key);
  // The same from the cache alone, without blocking; nullopt if it takes more to know.
  virtual std::optional<Principal> Recall(const http::Request& request);

  // Called by the node that makes a change after its commit and before it answers.
  void ForgetToken(const TokenId& token);
  void ForgetUser(const UserId& user);
  void ForgetKey(const KeyId& key);
  void ForgetAgent(const AgentId& agent);
  void ForgetOrg(const OrgId& org);

  void Forget(std::string_view kind, const Uuid& id) override;
  void ForgetAll() override;
  void TrustUntil(SteadyTime until) override;

 private:
  struct Entry {
    Principal principal;
    crypto::TokenClaims claims;              // of a token, its signature checked; its scopes only as below
    std::shared_ptr<const PathTree> scopes;  // of an agent's token
  };
  enum class Known : uint8_t { kNothing, kClaims, kEverything };
  Known Find(const std::string& digest, Entry& entry);
  void Remember(const std::string& digest, const Entry& entry, uint64_t epoch);
  void Drop(const std::string& digest);
  uint64_t Epoch();
  void ForgetIf(const std::function<bool(const Principal&)>& concerned);
  Result<Principal> AuthenticateToken(std::string_view token);
  // Asks the database whose token or key it is, and whether it still stands.
  Result<Principal> LoadToken(const crypto::TokenClaims& claims);
  Result<Principal> LoadKey(std::string_view key);
  // The answer of a load that began at `epoch`: kept, or what was known of the credential dropped.
  Result<Principal> Settle(const std::string& digest, Entry entry, Result<Principal> loaded, uint64_t epoch);
  void NoteUse(const Principal& principal);

  schema::Pool& pool_;
  const Clock& clock_;
  const crypto::TokenVerifier& verifier_;
  crypto::Keyring& keyring_;
  KeyUses& uses_;
  std::mutex mutex_;                                // guards everything below
  std::unordered_map<std::string, Entry> entries_;  // by SHA-256 of the credential
  uint64_t epoch_ = 0;  // grows with every Forget: a load that began before it may not be cached
  SteadyTime trusted_until_{};
};

}  // namespace claviger::api
