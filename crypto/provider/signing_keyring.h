#pragma once
// A keyring that signs tokens through OpenSSL, as TLS does with the TLS key: what holds for one signature,
// who may ask and what is refused, holds for the other. All else it passes on.

#include <map>
#include <mutex>

#include "crypto/provider/library.h"

namespace claviger::crypto::provider {

class SigningKeyring final : public Keyring {
 public:
  // `library` is over KeyringKeys of the same keyring.
  SigningKeyring(Keyring& keyring, const Library& library) : keyring_(keyring), library_(library) {}

  Result<Signature> Sign(SigningKey which, ByteView message) override;
  Result<std::vector<PublicKey>> PublicKeys(SigningKey which) override;

  Result<WrappedKek> GenerateKek(const KekIdentity& identity) override {
    return keyring_.GenerateKek(identity);
  }
  Result<NewDek> GenerateDek(const WrappedKek& kek, ByteView aad) override {
    return keyring_.GenerateDek(kek, aad);
  }
  Result<Dek> OpenDek(const WrappedKek& kek, const SealedDek& sealed, ByteView aad) override {
    return keyring_.OpenDek(kek, sealed, aad);
  }
  Result<SealedDek> SealDek(const WrappedKek& kek, const Dek& dek, ByteView aad) override {
    return keyring_.SealDek(kek, dek, aad);
  }
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override {
    return keyring_.GenerateDeks(deks);
  }
  std::vector<std::optional<Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override {
    return keyring_.OpenDeks(deks);
  }
  Result<SealedDek> ResealDek(const DekToReseal& dek) override { return keyring_.ResealDek(dek); }
  std::vector<std::optional<SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override {
    return keyring_.ResealDeks(deks);
  }
  void ForgetKeks(const VaultId& vault) override { keyring_.ForgetKeks(vault); }
  Result<Signature> SignAs(SigningKey which, std::string_view kid, ByteView message) override {
    return keyring_.SignAs(which, kid, message);
  }
  Status RefreshSigningKeys() override { return keyring_.RefreshSigningKeys(); }
  Result<LookupMac> Mac(ByteView message) override { return keyring_.Mac(message); }
  Result<std::optional<LookupMac>> OlderMac(ByteView message) override { return keyring_.OlderMac(message); }
  KeyringHealth Health() const override { return keyring_.Health(); }

 private:
  // OpenSSL's form of a token key, by its name; opened once.
  using Opened = std::shared_ptr<EVP_PKEY>;
  Result<Opened> Open(const std::string& kid);
  Result<std::string> Signer();

  Keyring& keyring_;
  const Library& library_;
  std::mutex mutex_;                      // guards everything below
  std::string signer_;                    // which PublicKeys named first when it was asked last
  std::map<std::string, Opened> opened_;  // by kid
};

}  // namespace claviger::crypto::provider
