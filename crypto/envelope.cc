#include "crypto/envelope.h"

#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

constexpr size_t kMaxValue = 16 * 1024 * 1024;

Bytes IdentityAad(std::string_view format, const SecretIdentity& identity) {
  return CanonicalWriter(format)
      .Field(identity.org.Bytes())
      .Field(identity.vault.Bytes())
      .Field(identity.secret.Bytes())
      .Field(identity.path)
      .Field(identity.version)
      .Field(identity.kek_version)
      .Take();
}

// A caller that pairs a row with another vault's or version's KEK is refused before the HSM is asked.
bool IsKekOf(const WrappedKek& kek, const SecretIdentity& identity) {
  return kek.identity == KekIdentity{identity.org, identity.vault, identity.kek_version};
}

}  // namespace

Bytes SecretAad(const SecretIdentity& identity) { return IdentityAad("claviger/secret/1", identity); }
Bytes DekAad(const SecretIdentity& identity) { return IdentityAad("claviger/dek/1", identity); }

Bytes KekAad(const KekIdentity& identity) {
  return CanonicalWriter("claviger/kek/1")
      .Field(identity.org.Bytes())
      .Field(identity.vault.Bytes())
      .Field(identity.version)
      .Take();
}

Result<SealedSecret> SealSecret(Keyring& keyring, Random& random, const WrappedKek& kek,
                                const SecretIdentity& identity, ByteView value) {
  if (value.size() > kMaxValue) return MakeError(ErrorKind::kTooLarge, "The value is larger than 16 MiB");
  if (!IsKekOf(kek, identity)) return Internal("sealing under the KEK of another vault or version");
  if (identity.path.empty()) return Internal("sealing a secret without its path");
  TRY(auto dek, keyring.GenerateDek(kek, DekAad(identity)));
  TRY(auto ciphertext, AeadSeal(dek.dek.key.View(), random, SecretAad(identity), value));
  return SealedSecret{std::move(dek.sealed), std::move(ciphertext)};
}

Result<SecretBytes> OpenSecret(Keyring& keyring, const WrappedKek& kek, const SecretIdentity& identity,
                               const SealedSecret& sealed) {
  if (!IsKekOf(kek, identity)) return IntegrityFailure("row names the KEK of another vault or version");
  TRY(auto dek, keyring.OpenDek(kek, sealed.dek, DekAad(identity)));
  if (dek.key.size() != 32) return IntegrityFailure("data key of wrong size");
  return AeadOpen(dek.key.View(), SecretAad(identity), sealed.ciphertext);
}

}  // namespace claviger::crypto
