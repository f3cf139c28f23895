#pragma once
// One login: anchor session, owner session, operation sessions, key handles, loaded KEKs. It is never
// repaired; when it is lost the Supervisor makes a new one. All but Forget and the counters runs on HSM
// threads.

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/secret_bytes.h"
#include "crypto/keyring.h"
#include "hsm/config.h"
#include "hsm/gcm.h"
#include "hsm/kek_cache.h"
#include "hsm/key_set.h"
#include "hsm/kinship.h"
#include "hsm/owner_session.h"
#include "hsm/self_test.h"
#include "hsm/session_pool.h"
#include "hsm/token.h"

namespace claviger::hsm {

class Connection {
 public:
  // Starts the module afresh, finds the token, logs in once, finds the keys and exercises the root. Must run
  // alone in the module.
  static Outcome<std::shared_ptr<Connection>> Open(const std::shared_ptr<Module>& module,
                                                   const HsmConfig& config, Kinship& kinship);

  // The verbs of crypto::Keyring. Randomness comes from the caller's side.
  Outcome<crypto::WrappedKek> GenerateKek(const crypto::KekIdentity& identity, const Iv& iv);
  Outcome<crypto::Keyring::NewDek> GenerateDek(const crypto::WrappedKek& kek, ByteView aad, const Iv& iv,
                                               ByteView mask);
  Outcome<crypto::Dek> OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed, ByteView aad);
  Outcome<crypto::SealedDek> SealDek(const crypto::WrappedKek& kek, ByteView dek, ByteView aad, const Iv& iv);
  Outcome<crypto::SealedDek> ResealDek(const crypto::Keyring::DekToReseal& dek, const Iv& iv);
  Outcome<crypto::Signature> Sign(const SigningKeyPair& key, ByteView message);
  Outcome<crypto::LookupMac> Mac(ByteView message);

  // Exercises the root key, and destroys what was forgotten.
  Outcome<void> Probe();
  void Forget(const VaultId& vault) { keks_.Forget(vault); }

  // Looks for root and signing keys again; after a failure those known before stay.
  Outcome<void> RefreshSigningKeys();
  std::shared_ptr<const SigningKeys> signing_keys() const;
  const Token& token() const { return token_; }
  uint32_t sessions_total() const { return 2 + pool_.total(); }
  uint32_t sessions_in_use() const { return pool_.in_use(); }
  uint32_t cached_keks() const { return keks_.size(); }
  uint32_t newest_root() const { return roots_.Newest().version; }

 private:
  Connection(const std::shared_ptr<Module>& module, const HsmConfig& config, Token token, Session anchor,
             std::shared_ptr<OwnerSession> owner, KeySet keys);

  template <class T>
  Outcome<T> InSession(const std::function<Outcome<T>(Session&)>& operation);
  template <class T>
  Outcome<T> WithKek(const crypto::WrappedKek& kek,
                     const std::function<Outcome<T>(Session&, CK_OBJECT_HANDLE)>& operation);
  Failure Settle(Failure failure);
  // The newest root is the one to be exercised.
  Outcome<void> RenewSelfTest(Session& session);
  std::shared_ptr<const SelfTest> self_test() const;

  const std::shared_ptr<Module> module_;
  const uint64_t epoch_;
  const GcmIv gcm_iv_;
  const Token token_;
  // Keeps the login: with the last session of a token goes the login and every session object. Never used.
  const Session anchor_;
  const std::shared_ptr<OwnerSession> owner_;
  RootKeys roots_;
  const LookupKey lookup_;
  KekCache keks_;
  SessionPool pool_;
  mutable std::mutex mutex_;  // guards everything below
  std::shared_ptr<const SelfTest> self_test_;
  std::shared_ptr<const SigningKeys> signing_;
};

}  // namespace claviger::hsm
