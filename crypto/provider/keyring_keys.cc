#include "crypto/provider/keyring_keys.h"

#include "crypto/handshake_rules.h"

namespace claviger::crypto::provider {
namespace {

class TlsKey final : public HeldKey {
 public:
  TlsKey(PublicKey published, Keyring& keyring) : HeldKey(std::move(published)), keyring_(keyring) {}
  Result<Bytes> Sign(ByteView message) const override {
    TRYV(CheckHandshakeToSign(message));
    TRY(auto signature, keyring_.SignAs(SigningKey::kTls, published().kid, message));
    return std::move(signature.bytes);
  }

 private:
  Keyring& keyring_;
};

// Which version signs tokens the keyring decides: another one than this since it was found is kConflict.
class TokenKey final : public HeldKey {
 public:
  TokenKey(PublicKey published, Keyring& keyring) : HeldKey(std::move(published)), keyring_(keyring) {}
  Result<Bytes> Sign(ByteView message) const override {
    if (CheckHandshakeToSign(message)) return Internal("the token key is not for TLS");
    TRY(auto signature, keyring_.Sign(SigningKey::kToken, message));
    if (signature.kid != published().kid) return Conflict("the token signing key has changed");
    return std::move(signature.bytes);
  }

 private:
  Keyring& keyring_;
};

struct Role {
  SigningKey key;
  std::string_view label;
  HeldKeyPtr (*hold)(PublicKey published, Keyring& keyring);
};

template <class Key>
HeldKeyPtr Hold(PublicKey published, Keyring& keyring) {
  return std::make_shared<const Key>(std::move(published), keyring);
}

constexpr Role kRoles[] = {{SigningKey::kTls, "claviger-tls", Hold<TlsKey>},
                           {SigningKey::kToken, "claviger-token", Hold<TokenKey>}};

bool Names(std::string_view label, const Role& role) {
  return label == role.label ||
         (label.starts_with(role.label) && label.substr(role.label.size()).starts_with("-v"));
}

bool Differs(const std::optional<std::string>& wanted, std::string_view have) {
  return wanted && *wanted != have;
}

}  // namespace

Result<std::vector<HeldKeyPtr>> KeyringKeys::Find(std::string_view uri) {
  TRY(const KeyUri wanted, parse_(uri));
  if (!wanted.object) return Invalid("The PKCS#11 URI names no object");
  const auto health = keyring_.Health();
  if (Differs(wanted.token, health.token_label) || Differs(wanted.serial, health.token_serial)) {
    return NotFound("The PKCS#11 URI names another token than the one in use");
  }
  std::vector<HeldKeyPtr> found;
  for (const Role& role : kRoles) {
    if (!Names(*wanted.object, role)) continue;
    if (role.key == SigningKey::kTls) {
      TRYV(keyring_.RefreshSigningKeys());
    }
    TRY(auto published, keyring_.PublicKeys(role.key));
    for (PublicKey& key : published) {
      if (*wanted.object != role.label && *wanted.object != key.kid) continue;
      if (Differs(wanted.id, key.kid)) continue;
      found.push_back(role.hold(std::move(key), keyring_));
    }
  }
  if (found.empty()) return NotFound("The token holds no key that the PKCS#11 URI names");
  return found;
}

}  // namespace claviger::crypto::provider
