#pragma once
// A keyring that counts what is asked of it, and how long the answers take.

#include <prometheus/collectable.h>

#include <memory>

#include "crypto/keyring.h"

namespace claviger::api {

class MeteredKeyring final : public crypto::Keyring {
 public:
  explicit MeteredKeyring(crypto::Keyring& keyring);
  ~MeteredKeyring() override;

  // hsm_operations_total by verb and outcome, hsm_operation_seconds by verb.
  const prometheus::Collectable& meters() const;

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
  void ForgetKeks(const VaultId& vault) override { keyring_.ForgetKeks(vault); }
  Result<crypto::Signature> Sign(crypto::SigningKey which, ByteView message) override;
  Result<crypto::Signature> SignAs(crypto::SigningKey which, std::string_view kid, ByteView message) override;
  Result<std::vector<crypto::PublicKey>> PublicKeys(crypto::SigningKey which) override;
  Status RefreshSigningKeys() override;
  Result<crypto::LookupMac> Mac(ByteView message) override;
  // Not counted: but for a move to another token nothing is asked.
  Result<std::optional<crypto::LookupMac>> OlderMac(ByteView message) override {
    return keyring_.OlderMac(message);
  }
  crypto::KeyringHealth Health() const override { return keyring_.Health(); }

 private:
  struct Meters;

  crypto::Keyring& keyring_;
  const std::unique_ptr<Meters> meters_;
};

}  // namespace claviger::api
