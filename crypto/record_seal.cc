#include "crypto/record_seal.h"

#include "crypto/canonical.h"
#include "crypto/envelope.h"

namespace claviger::crypto {
namespace {

constexpr size_t kMaxValue = 64 * 1024;
constexpr size_t kSealedDekBytes = 60;

Bytes Aad(std::string_view format, const WrappedKek& system_kek, ByteView place) {
  return CanonicalWriter(format).Field(uint64_t{system_kek.identity.version}).Field(place).Take();
}

Bytes DekAad(const WrappedKek& system_kek, ByteView place) {
  return Aad("claviger/record-dek/1", system_kek, place);
}
Bytes ValueAad(const WrappedKek& system_kek, ByteView place) {
  return Aad("claviger/record/1", system_kek, place);
}

}  // namespace

Result<Bytes> SealRecord(Keyring& keyring, Random& random, const WrappedKek& system_kek, ByteView place,
                         ByteView value) {
  if (value.size() > kMaxValue) return MakeError(ErrorKind::kTooLarge, "The value is larger than 64 KiB");
  TRY(auto dek, keyring.GenerateDek(system_kek, DekAad(system_kek, place)));
  TRY(const auto ciphertext, AeadSeal(dek.dek.key.View(), random, ValueAad(system_kek, place), value));
  Bytes blob = std::move(dek.sealed.bytes);
  blob.insert(blob.end(), ciphertext.begin(), ciphertext.end());
  return blob;
}

Result<SecretBytes> OpenRecord(Keyring& keyring, const WrappedKek& system_kek, ByteView place,
                               ByteView blob) {
  if (blob.size() < kSealedDekBytes) return IntegrityFailure("sealed record too short");
  const ByteView sealed = blob.first(kSealedDekBytes);
  TRY(const auto dek,
      keyring.OpenDek(system_kek, {Bytes(sealed.begin(), sealed.end())}, DekAad(system_kek, place)));
  return AeadOpen(dek.key.View(), ValueAad(system_kek, place), blob.subspan(kSealedDekBytes));
}

}  // namespace claviger::crypto
