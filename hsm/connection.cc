#include "hsm/connection.h"

#include <algorithm>
#include <utility>

#include "crypto/envelope.h"
#include "hsm/signing.h"
#include "hsm/wrap.h"

namespace claviger::hsm {

namespace {

bool HandleIsDead(const Failure& failure) {
  return failure.rv == CKR_KEY_HANDLE_INVALID || failure.rv == CKR_OBJECT_HANDLE_INVALID;
}

}  // namespace

Connection::Connection(const std::shared_ptr<Module>& module, const HsmConfig& config, Token token,
                       Session anchor, std::shared_ptr<OwnerSession> owner, KeySet keys)
    : module_(module),
      epoch_(module->epoch()),
      gcm_iv_(config.gcm_iv),
      token_(std::move(token)),
      anchor_(std::move(anchor)),
      owner_(std::move(owner)),
      roots_(std::move(keys.roots)),
      lookup_(keys.lookup),
      keks_(owner_, roots_, config.max_cached_keks, config.operation_timeout),
      pool_(module_, token_.slot),
      signing_(std::make_shared<const SigningKeys>(std::move(keys.signing))) {}

Outcome<std::shared_ptr<Connection>> Connection::Open(const std::shared_ptr<Module>& module,
                                                      const HsmConfig& config, Kinship& kinship) {
  module->Finalize();
  TRYV(module->Initialize());
  TRY(auto token, FindToken(module, config, Want::kOurKeys));
  TRY(auto anchor, Session::Open(module, token.slot, Access::kReadOnly));
  TRYV(Login(anchor, token, config));
  TRY(auto owner_session, Session::Open(module, token.slot, Access::kReadOnly));
  TRY(auto keys, FindKeys(owner_session));
  auto owner = std::make_shared<OwnerSession>(std::move(owner_session), config.operation_timeout);
  std::shared_ptr<Connection> connection(
      new Connection(module, config, std::move(token), std::move(anchor), std::move(owner), std::move(keys)));
  TRY(auto lease, connection->pool_.Acquire());
  TRYV(connection->RenewSelfTest(*lease));
  TRYV(kinship.Prove(*lease, *connection->owner_, connection->roots_, connection->lookup_.handle,
                     *connection->self_test()));
  return connection;
}

template <class T>
Outcome<T> Connection::InSession(const std::function<Outcome<T>(Session&)>& operation) {
  if (module_->epoch() != epoch_) return Failure{Remedy::kReconnect, CKR_OK, "the connection was replaced"};
  auto result = [&]() -> Outcome<T> {
    TRY(auto lease, pool_.Acquire());
    return operation(*lease);
  }();
  if (result) return result;
  return Settle(std::move(result).error());
}

// What a failure means, once the failed session is closed.
Failure Connection::Settle(Failure failure) {
  if (failure.remedy == Remedy::kRetry) pool_.DropIdle();
  if (failure.remedy != Remedy::kUnproven) return failure;
  auto lease = pool_.Acquire();
  const bool healthy = lease && self_test()->ExerciseLoadedKey(*lease.value());
  failure.remedy = healthy ? Remedy::kIntegrity : Remedy::kDoubt;
  return failure;
}

template <class T>
Outcome<T> Connection::WithKek(const crypto::WrappedKek& kek,
                               const std::function<Outcome<T>(Session&, CK_OBJECT_HANDLE)>& operation) {
  return InSession<T>([&](Session& session) -> Outcome<T> {
    TRY(auto key, keks_.Get(session, kek));
    auto result = operation(session, key->handle());
    if (result || !HandleIsDead(result.error())) return result;
    keks_.Drop(kek);
    Failure failure = std::move(result).error();
    failure.remedy = Remedy::kRetry;
    return failure;
  });
}

Outcome<crypto::WrappedKek> Connection::GenerateKek(const crypto::KekIdentity& identity, const Iv& iv) {
  return InSession<crypto::WrappedKek>([&](Session& session) -> Outcome<crypto::WrappedKek> {
    const RootKey root = roots_.Newest();
    crypto::WrappedKek kek{identity, root.version, {}, {}};
    {
      TRY(auto wrappable, owner_->Generate());
      TRY(kek.blob, WrapKey(session, root.handle, wrappable->handle()));
    }
    // The check record is made by the key as it comes out of the blob: what is handed out is known to load.
    TRY(auto key, keks_.Load(session, kek));
    constexpr std::array<uint8_t, 16> kZeros{};
    TRY(kek.check, GcmSeal(session, key->handle(), gcm_iv_, iv, crypto::KekAad(identity), kZeros));
    keks_.Add(kek, std::move(key));
    return kek;
  });
}

Outcome<crypto::Keyring::NewDek> Connection::GenerateDek(const crypto::WrappedKek& kek, ByteView aad,
                                                         const Iv& iv, ByteView mask) {
  using NewDek = crypto::Keyring::NewDek;
  return WithKek<NewDek>(kek, [&](Session& session, CK_OBJECT_HANDLE key) -> Outcome<NewDek> {
    NewDek made;
    made.dek.key = SecretBytes(mask.size());
    TRYV(session.Call(&CK_FUNCTION_LIST::C_GenerateRandom, "C_GenerateRandom", made.dek.key.data(),
                      CK_ULONG{made.dek.key.size()}));
    // Neither the HSM's nor our own generator alone decides.
    std::transform(mask.begin(), mask.end(), made.dek.key.data(), made.dek.key.data(), std::bit_xor<>());
    TRY(made.sealed.bytes, GcmSeal(session, key, gcm_iv_, iv, aad, made.dek.key.View()));
    return made;
  });
}

Outcome<crypto::Dek> Connection::OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                         ByteView aad) {
  return WithKek<crypto::Dek>(kek, [&](Session& session, CK_OBJECT_HANDLE key) -> Outcome<crypto::Dek> {
    TRY(auto clear, GcmOpen(session, key, sealed.bytes, aad));
    return crypto::Dek{std::move(clear)};
  });
}

Outcome<crypto::SealedDek> Connection::SealDek(const crypto::WrappedKek& kek, ByteView dek, ByteView aad,
                                               const Iv& iv) {
  return WithKek<crypto::SealedDek>(
      kek, [&](Session& session, CK_OBJECT_HANDLE key) -> Outcome<crypto::SealedDek> {
        TRY(auto sealed, GcmSeal(session, key, gcm_iv_, iv, aad, dek));
        return crypto::SealedDek{std::move(sealed)};
      });
}

Outcome<crypto::SealedDek> Connection::ResealDek(const crypto::Keyring::DekToReseal& dek, const Iv& iv) {
  TRY(const auto clear, OpenDek(dek.from, dek.sealed, dek.from_aad));
  return SealDek(dek.to, clear.key.View(), dek.to_aad, iv);
}

Outcome<crypto::Signature> Connection::Sign(const SigningKeyPair& key, ByteView message) {
  return InSession<crypto::Signature>([&](Session& session) -> Outcome<crypto::Signature> {
    TRY(auto signature, SignMessage(session, key, message));
    return crypto::Signature{key.published.kid, std::move(signature)};
  });
}

Outcome<void> Connection::RefreshSigningKeys() {
  return InSession<void>([&](Session& session) -> Outcome<void> {
    auto looked = [&]() -> Outcome<SigningKeys> {
      TRYV(roots_.Look(session));
      TRYV(RenewSelfTest(session));
      return FindSigningKeys(session);
    }();
    if (!looked) {
      Failure failure = std::move(looked).error();
      // A key that was destroyed between being found and being read is no loss of ours.
      if (HandleIsDead(failure)) failure.remedy = Remedy::kRetry;
      return failure;
    }
    auto keys = std::make_shared<const SigningKeys>(std::move(looked).value());
    const std::lock_guard lock(mutex_);
    signing_ = std::move(keys);
    return Ok();
  });
}

// An operator may destroy the root before, which then must not be missed.
Outcome<void> Connection::RenewSelfTest(Session& session) {
  const RootKey newest = roots_.Newest();
  if (const auto before = self_test(); before && before->root() == newest.handle) return Ok();
  TRY(auto made, SelfTest::Prepare(session, owner_, newest.handle, gcm_iv_));
  auto renewed = std::make_shared<const SelfTest>(std::move(made));
  {
    const std::lock_guard lock(mutex_);
    self_test_.swap(renewed);
  }
  return Ok();  // the one before goes here, on an HSM thread
}

std::shared_ptr<const SelfTest> Connection::self_test() const {
  const std::lock_guard lock(mutex_);
  return self_test_;
}

std::shared_ptr<const SigningKeys> Connection::signing_keys() const {
  const std::lock_guard lock(mutex_);
  return signing_;
}

Outcome<crypto::LookupMac> Connection::Mac(ByteView message) {
  return InSession<crypto::LookupMac>([&](Session& session) -> Outcome<crypto::LookupMac> {
    TRY(auto mac, HmacSha256(session, lookup_.handle, message));
    return crypto::LookupMac{lookup_.version, std::move(mac)};
  });
}

Outcome<void> Connection::Probe() {
  keks_.DestroyForgotten();
  return InSession<void>([&](Session& session) { return self_test()->ExerciseRoot(session); });
}

}  // namespace claviger::hsm
