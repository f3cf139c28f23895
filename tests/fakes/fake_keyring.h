#pragma once
// A keyring in memory, with the formats of the real one: keys wrapped by AES Key Wrap, check records, AADs
// and signatures are genuine, so what it seals is refused after any change. Keys come from a seed: two
// keyrings of the same seed open each other's blobs. Safe to use from many threads.

#include <atomic>
#include <map>
#include <mutex>

#include "crypto/keyring.h"
#include "tests/fakes/fake_random.h"

namespace claviger::fakes {

class FakeKeyring final : public crypto::Keyring {
 public:
  // All its keys have `first_version`, as those of a token that an installation moves to.
  explicit FakeKeyring(uint64_t seed = 1,
                       crypto::SignatureAlgorithm algorithm = crypto::SignatureAlgorithm::kEdDsa,
                       uint32_t first_version = 1);
  ~FakeKeyring() override;

  Result<crypto::WrappedKek> GenerateKek(const crypto::KekIdentity& identity) override;
  Result<NewDek> GenerateDek(const crypto::WrappedKek& kek, ByteView aad) override;
  Result<crypto::Dek> OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                              ByteView aad) override;
  Result<crypto::SealedDek> SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                    ByteView aad) override;
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override;
  std::vector<std::optional<crypto::Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override;
  Result<crypto::SealedDek> ResealDek(const DekToReseal& dek) override;
  std::vector<std::optional<crypto::SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override;
  void ForgetKeks(const VaultId& vault) override;
  Result<crypto::Signature> Sign(crypto::SigningKey which, ByteView message) override;
  Result<crypto::Signature> SignAs(crypto::SigningKey which, std::string_view kid, ByteView message) override;
  Result<std::vector<crypto::PublicKey>> PublicKeys(crypto::SigningKey which) override;
  Status RefreshSigningKeys() override;
  Result<crypto::LookupMac> Mac(ByteView message) override;
  Result<std::optional<crypto::LookupMac>> OlderMac(ByteView message) override;
  crypto::KeyringHealth Health() const override;

  // While set, every verb answers kUnavailable, as with an HSM that is gone.
  void SetUnavailable(bool unavailable);
  // Makes a newer key of that role, which signs at once; the older ones stay published.
  void RotateSigningKey(crypto::SigningKey which);
  // As a node on which newer keys have not settled: PublicKeys names the oldest one first.
  void PutOldestFirst(crypto::SigningKey which);
  // Takes the private half of the oldest key away.
  void WithdrawOldest(crypto::SigningKey which);
  // Makes one that shows after the next RefreshSigningKeys.
  void RotateBeforeNextRefresh(crypto::SigningKey which);
  // Makes a newer root, under which new KEKs are from then on; its version.
  uint32_t RotateRoot();
  // All but the newest.
  void DestroyOldRoots();
  // Makes a newer lookup key; the one before is the older one until it is dropped.
  void RotateLookupKey();
  void DropOlderLookupKey();
  // The next Mac is the last one under the key of now.
  void RotateLookupKeyAfterNextMac();
  // How many MACs were made.
  int Macs() const;
  // Holds the public half of a key that another keyring signs with.
  void AddPublicHalf(crypto::SigningKey which, crypto::PublicKey key);
  // The next Sign finds such a key made after the caller last looked at PublicKeys.
  void RotateBeforeNextSign() { rotate_before_sign_ = true; }
  // How often ForgetKeks was called for that vault.
  int Forgotten(const VaultId& vault) const;

 private:
  struct SigningPair;
  Status CheckAvailable() const;
  Result<SecretBytes> UnwrapKek(const crypto::WrappedKek& kek) const;
  void AddSigningKey(crypto::SigningKey which);
  Result<crypto::LookupMac> MacBy(uint32_t version, ByteView message);
  void AddLookupKey();

  const crypto::SignatureAlgorithm algorithm_;
  const uint32_t first_version_;
  mutable std::mutex mutex_;  // guards everything below
  FakeRandom random_;
  std::map<uint32_t, SecretBytes> roots_;    // by version
  std::map<uint32_t, SecretBytes> lookups_;  // by version
  int macs_ = 0;
  bool rotate_lookup_after_mac_ = false;
  std::map<crypto::SigningKey, std::vector<SigningPair>> signing_;  // newest last
  std::map<VaultId, int> forgotten_;
  std::optional<crypto::SigningKey> unseen_;
  std::optional<crypto::SigningKey> oldest_first_;
  bool unavailable_ = false;
  std::atomic<bool> rotate_before_sign_ = false;
};

}  // namespace claviger::fakes
