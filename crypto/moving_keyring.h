#pragma once
// Two tokens as one keyring, while an installation moves from the old one to the next. Keys never leave an
// HSM: each has a successor on the next token, of a higher version, and what lies under the old ones is
// sealed anew.
//
// What only one token can do goes to that one, by the versions of its keys. Of what either could do, the old
// token does all until the MARK: the public half of the next token's audit key lies on the old token. A
// command of an operator puts it there when every node has both tokens (daemon/rekey.h). From then on
//   - KEKs are made on the next token, at once: a node finds a KEK's token by its version, marked or not;
//   - tokens, checkpoints and stored credentials are the next token's when the mark has been known here for
//     `settling`, by when it is known everywhere. Meanwhile this node answers by the old lookup key, and for
//     others that were quicker OlderMac is the one to come; afterwards it is the one from before.
//
// Either token may be away: then only what needs it fails.

#include <atomic>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "crypto/customer_tokens.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

class MovingKeyring final : public Keyring {
 public:
  MovingKeyring(Keyring& old, Keyring& next, std::chrono::milliseconds settling, const Clock& clock)
      : old_(old), next_(next), settling_(settling), clock_(clock) {}

  // Learns which keys are whose. Must succeed before the first use; needs both tokens. kConflict if the next
  // one's keys are no successors of the old one's.
  Status Start();

  Result<WrappedKek> GenerateKek(const KekIdentity& identity) override;
  Result<NewDek> GenerateDek(const WrappedKek& kek, ByteView aad) override;
  Result<Dek> OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) override;
  Result<SealedDek> SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) override;
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override;
  std::vector<std::optional<Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override;
  // From one token to the other the data key passes through this process, as all that are in use do.
  Result<SealedDek> ResealDek(const DekToReseal& dek) override;
  std::vector<std::optional<SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override;
  void ForgetKeks(const VaultId& vault) override;
  Result<Signature> Sign(SigningKey which, ByteView message) override;
  Result<Signature> SignAs(SigningKey which, std::string_view kid, ByteView message) override;
  // TLS keys are those of both tokens from the start: no other node needs to know them.
  Result<std::vector<PublicKey>> PublicKeys(SigningKey which) override;
  // Sees the mark as well. Fails if the token that signs does.
  Status RefreshSigningKeys() override;
  Result<LookupMac> Mac(ByteView message) override;
  Result<std::optional<LookupMac>> OlderMac(ByteView message) override;
  // The worse state of the two, and the token on which KEKs are made.
  KeyringHealth Health() const override;

  // Whether the mark was seen.
  bool marked() const { return marked_; }

 private:
  Keyring& Of(const WrappedKek& kek) const { return kek.root_version <= old_root_ ? old_ : next_; }
  bool Crosses(const DekToReseal& dek) const { return &Of(dek.from) != &Of(dek.to); }
  // By whose keys this node signs and looks up now.
  bool settled() const;
  Keyring& signer() const { return settled() ? next_ : old_; }
  Status LookForMark();
  template <class Answer, class Asked, class Sides, class Many>
  std::vector<std::optional<Answer>> ByToken(const std::vector<Asked>& deks, const Sides& side,
                                             const Many& many);

  Keyring& old_;
  Keyring& next_;
  const std::chrono::milliseconds settling_;
  const Clock& clock_;
  // From Start on they stay.
  uint32_t old_root_ = 0;
  std::map<SigningKey, uint32_t> first_of_next_;  // the oldest version that the next token made
  std::atomic<bool> marked_ = false;              // for good: once put there, the mark stays
  std::atomic<SteadyTime> marked_at_{SteadyTime{}};
};

// The same of customers' tokens, which both sides see: whichever makes KEKs is asked.
class MovingTokens final : public CustomerTokens {
 public:
  MovingTokens(CustomerTokens& old, CustomerTokens& next, const MovingKeyring& keyring)
      : old_(old), next_(next), keyring_(keyring) {}

  Result<CustomerKey> Find(const KeyName& name) override { return tokens().Find(name); }
  Status Check(const OrgId& org, const CustomerKey& key) override { return tokens().Check(org, key); }
  Result<Bytes> Seal(const OrgId& org, const CustomerKey& key, ByteView aad, ByteView text) override {
    return tokens().Seal(org, key, aad, text);
  }
  Result<Bytes> Open(const OrgId& org, const CustomerKey& key, ByteView aad, ByteView sealed) override {
    return tokens().Open(org, key, aad, sealed);
  }

 private:
  CustomerTokens& tokens() const { return keyring_.marked() ? next_ : old_; }

  CustomerTokens& old_;
  CustomerTokens& next_;
  const MovingKeyring& keyring_;
};

}  // namespace claviger::crypto
