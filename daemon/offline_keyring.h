#pragma once
// A keyring without an HSM, for commands that need the program's structure and none of its keys.

#include "crypto/customer_tokens.h"
#include "crypto/keyring.h"

namespace claviger::daemon {

// Every verb answers kUnavailable.
class OfflineKeyring final : public crypto::Keyring {
 public:
  Result<crypto::WrappedKek> GenerateKek(const crypto::KekIdentity&) override { return Refuse(); }
  Result<NewDek> GenerateDek(const crypto::WrappedKek&, ByteView) override { return Refuse(); }
  Result<crypto::Dek> OpenDek(const crypto::WrappedKek&, const crypto::SealedDek&, ByteView) override {
    return Refuse();
  }
  Result<crypto::SealedDek> SealDek(const crypto::WrappedKek&, const crypto::Dek&, ByteView) override {
    return Refuse();
  }
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override {
    return std::vector<std::optional<NewDek>>(deks.size());
  }
  std::vector<std::optional<crypto::Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override {
    return std::vector<std::optional<crypto::Dek>>(deks.size());
  }
  Result<crypto::SealedDek> ResealDek(const DekToReseal&) override { return Refuse(); }
  std::vector<std::optional<crypto::SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override {
    return std::vector<std::optional<crypto::SealedDek>>(deks.size());
  }
  void ForgetKeks(const VaultId&) override {}
  Result<crypto::Signature> Sign(crypto::SigningKey, ByteView) override { return Refuse(); }
  Result<crypto::Signature> SignAs(crypto::SigningKey, std::string_view, ByteView) override {
    return Refuse();
  }
  Result<std::vector<crypto::PublicKey>> PublicKeys(crypto::SigningKey) override { return Refuse(); }
  Status RefreshSigningKeys() override { return Refuse(); }
  Result<crypto::LookupMac> Mac(ByteView) override { return Refuse(); }
  crypto::KeyringHealth Health() const override { return {}; }

 private:
  static Error Refuse() { return Unavailable("no HSM in this command"); }
};

// The same of customers' tokens.
class OfflineTokens final : public crypto::CustomerTokens {
 public:
  Result<crypto::CustomerKey> Find(const KeyName&) override { return Refuse(); }
  Status Check(const OrgId&, const crypto::CustomerKey&) override { return Refuse(); }
  Result<Bytes> Seal(const OrgId&, const crypto::CustomerKey&, ByteView, ByteView) override {
    return Refuse();
  }
  Result<Bytes> Open(const OrgId&, const crypto::CustomerKey&, ByteView, ByteView) override {
    return Refuse();
  }

 private:
  static Error Refuse() { return Unavailable("no HSM in this command"); }
};

}  // namespace claviger::daemon
