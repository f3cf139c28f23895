#include "crypto/envelope.h"

#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

constexpr size_t kMaxValue = 16 * 1024 * 1024;

Bytes IdentityAad(std::string_view format, const SecretIdentity& identity, uint32_t kek_version) {
  return CanonicalWriter(format)
      .Field(identity.org.Bytes())
      .Field(identity.vault.Bytes())
      .Field(identity.secret.Bytes())
      .Field(identity.path)
      .Field(identity.version)
      .Field(kek_version)
      .Take();
}

// A caller that pairs a row with another vault's or version's KEK is refused before the HSM is asked.
bool IsKekOf(const WrappedKek& kek, const SecretIdentity& identity) {
  return kek.identity == KekIdentity{identity.org, identity.vault, identity.kek_version};
}

Status CheckSealable(const WrappedKek& kek, const SecretIdentity& identity, ByteView value) {
  if (value.size() > kMaxValue) return MakeError(ErrorKind::kTooLarge, "The value is larger than 16 MiB");
  if (!IsKekOf(kek, identity)) return Internal("sealing under the KEK of another vault or version");
  if (identity.path.empty()) return Internal("sealing a secret without its path");
  return Ok();
}

Result<SealedSecret> SealValue(Keyring::NewDek dek, Random& random, const SecretIdentity& identity,
                               ByteView value) {
  TRY(auto ciphertext, AeadSeal(dek.dek.key.View(), random, SecretAad(identity), value));
  return SealedSecret{std::move(dek.sealed), std::move(ciphertext)};
}

Result<SecretBytes> OpenValue(const Dek& dek, const SecretIdentity& identity, const SealedSecret& sealed) {
  if (dek.key.size() != 32) return IntegrityFailure("data key of wrong size");
  return AeadOpen(dek.key.View(), SecretAad(identity), sealed.ciphertext);
}

Status CheckResealable(const SecretToReseal& secret) {
  if (!IsKekOf(secret.from, secret.identity)) {
    return IntegrityFailure("row names the KEK of another vault or version");
  }
  if (!IsKekOf(secret.to, Resealed(secret.identity, secret.to))) {
    return Internal("sealing under the KEK of another vault");
  }
  return Ok();
}

Keyring::DekToReseal ToReseal(const SecretToReseal& secret) {
  return {secret.from, secret.dek, DekAad(secret.identity), secret.to,
          DekAad(Resealed(secret.identity, secret.to))};
}

}  // namespace

Bytes SecretAad(const SecretIdentity& identity) {
  return IdentityAad("claviger/secret/1", identity,
                     identity.first_kek_version.value_or(identity.kek_version));
}
Bytes DekAad(const SecretIdentity& identity) {
  return IdentityAad("claviger/dek/1", identity, identity.kek_version);
}

Bytes KekAad(const KekIdentity& identity) {
  return CanonicalWriter("claviger/kek/1")
      .Field(identity.org.Bytes())
      .Field(identity.vault.Bytes())
      .Field(identity.version)
      .Take();
}

Result<SealedSecret> SealSecret(Keyring& keyring, Random& random, const WrappedKek& kek,
                                const SecretIdentity& identity, ByteView value) {
  TRYV(CheckSealable(kek, identity, value));
  TRY(auto dek, keyring.GenerateDek(kek, DekAad(identity)));
  return SealValue(std::move(dek), random, identity, value);
}

std::vector<std::optional<SealedSecret>> SealSecrets(Keyring& keyring, Random& random,
                                                     const std::vector<SecretToSeal>& secrets) {
  std::vector<std::optional<SealedSecret>> sealed(secrets.size());
  std::vector<size_t> places;
  std::vector<Keyring::DekToMake> wanted;
  for (size_t i = 0; i < secrets.size(); ++i) {
    const auto& [kek, identity, value] = secrets[i];
    if (!CheckSealable(kek, identity, value)) continue;
    places.push_back(i);
    wanted.push_back({kek, DekAad(identity)});
  }
  auto deks = keyring.GenerateDeks(wanted);
  for (size_t n = 0; n < places.size(); ++n) {
    if (!deks[n]) continue;
    const SecretToSeal& secret = secrets[places[n]];
    auto made = SealValue(*std::move(deks[n]), random, secret.identity, secret.value);
    if (made) sealed[places[n]] = std::move(made).value();
  }
  return sealed;
}

Result<SecretBytes> OpenSecret(Keyring& keyring, const WrappedKek& kek, const SecretIdentity& identity,
                               const SealedSecret& sealed) {
  if (!IsKekOf(kek, identity)) return IntegrityFailure("row names the KEK of another vault or version");
  TRY(const auto dek, keyring.OpenDek(kek, sealed.dek, DekAad(identity)));
  return OpenValue(dek, identity, sealed);
}

std::vector<std::optional<SecretBytes>> OpenSecrets(Keyring& keyring,
                                                    const std::vector<SecretToOpen>& secrets) {
  std::vector<std::optional<SecretBytes>> opened(secrets.size());
  std::vector<size_t> places;
  std::vector<Keyring::DekToOpen> wanted;
  for (size_t i = 0; i < secrets.size(); ++i) {
    const auto& [kek, identity, sealed] = secrets[i];
    if (!IsKekOf(kek, identity)) continue;
    places.push_back(i);
    wanted.push_back({kek, sealed.dek, DekAad(identity)});
  }
  const auto deks = keyring.OpenDeks(wanted);
  for (size_t n = 0; n < places.size(); ++n) {
    if (!deks[n]) continue;
    const SecretToOpen& secret = secrets[places[n]];
    auto value = OpenValue(*deks[n], secret.identity, secret.sealed);
    if (value) opened[places[n]] = std::move(value).value();
  }
  return opened;
}

SecretIdentity Resealed(const SecretIdentity& identity, const WrappedKek& to) {
  SecretIdentity resealed = identity;
  resealed.first_kek_version = identity.first_kek_version.value_or(identity.kek_version);
  resealed.kek_version = to.identity.version;
  return resealed;
}

Result<SealedDek> ResealDek(Keyring& keyring, const SecretToReseal& secret) {
  TRYV(CheckResealable(secret));
  return keyring.ResealDek(ToReseal(secret));
}

std::vector<std::optional<SealedDek>> ResealDeks(Keyring& keyring,
                                                 const std::vector<SecretToReseal>& secrets) {
  std::vector<std::optional<SealedDek>> resealed(secrets.size());
  std::vector<size_t> places;
  std::vector<Keyring::DekToReseal> wanted;
  for (size_t i = 0; i < secrets.size(); ++i) {
    if (!CheckResealable(secrets[i])) continue;
    places.push_back(i);
    wanted.push_back(ToReseal(secrets[i]));
  }
  auto deks = keyring.ResealDeks(wanted);
  for (size_t n = 0; n < places.size(); ++n) resealed[places[n]] = std::move(deks[n]);
  return resealed;
}

}  // namespace claviger::crypto
