#pragma once
// A keyring whose data keys may lie under two keys: sealed under the vault's KEK, and what comes of that once
// more under a key of the customer's, where the KEK names one. Either key alone opens nothing.
//
// The outer seal is asked for by itself: a customer's token that is slow or gone delays nobody but its own
// vaults. So of many data keys at once those with a customer's key are left to the verbs for one.

#include <memory>

#include "crypto/customer_tokens.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// AAD of the outer seal: "claviger/customer-dek/1", id of the customer's key, AAD of the inner seal.
Bytes CustomerDekAad(const CustomerKeyId& id, ByteView aad);

class CustomerKeyring final : public Keyring {
 public:
  // `tokens` live as long as `keyring`.
  CustomerKeyring(std::unique_ptr<Keyring> keyring, CustomerTokens& tokens)
      : keyring_(std::move(keyring)), tokens_(tokens) {}

  CustomerTokens& tokens() { return tokens_; }

  Result<WrappedKek> GenerateKek(const KekIdentity& identity) override {
    return keyring_->GenerateKek(identity);
  }
  Result<NewDek> GenerateDek(const WrappedKek& kek, ByteView aad) override;
  Result<Dek> OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) override;
  Result<SealedDek> SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) override;
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override;
  std::vector<std::optional<Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override;
  Result<SealedDek> ResealDek(const DekToReseal& dek) override;
  std::vector<std::optional<SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override;
  void ForgetKeks(const VaultId& vault) override { keyring_->ForgetKeks(vault); }
  Result<Signature> Sign(SigningKey which, ByteView message) override {
    return keyring_->Sign(which, message);
  }
  Result<Signature> SignAs(SigningKey which, std::string_view kid, ByteView message) override {
    return keyring_->SignAs(which, kid, message);
  }
  Result<std::vector<PublicKey>> PublicKeys(SigningKey which) override { return keyring_->PublicKeys(which); }
  Status RefreshSigningKeys() override { return keyring_->RefreshSigningKeys(); }
  Result<LookupMac> Mac(ByteView message) override { return keyring_->Mac(message); }
  Result<std::optional<LookupMac>> OlderMac(ByteView message) override { return keyring_->OlderMac(message); }
  KeyringHealth Health() const override { return keyring_->Health(); }

 private:
  Result<SealedDek> AddLayer(const WrappedKek& kek, SealedDek dek, ByteView aad);
  Result<SealedDek> RemoveLayer(const WrappedKek& kek, const SealedDek& dek, ByteView aad);

  const std::unique_ptr<Keyring> keyring_;
  CustomerTokens& tokens_;
};

}  // namespace claviger::crypto
