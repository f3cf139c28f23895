#include "crypto/credential.h"

#include <array>

#include "base/bytes.h"
#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

constexpr size_t kRandomBytes = 32;

Result<LookupMacs> AllMacs(Keyring& keyring, ByteView message) {
  LookupMacs macs;
  TRY(macs.newest, keyring.Mac(message));
  TRY(macs.other, keyring.OlderMac(message));
  // The move began between the two: the first was the older one already.
  if (macs.other && macs.other->version == macs.newest.version) {
    TRY(macs.newest, keyring.Mac(message));
  }
  return macs;
}

}  // namespace

SecretBytes NewCredential(std::string_view prefix, Random& random) {
  SecretBytes raw(kRandomBytes);
  random.Fill({raw.data(), raw.size()});
  std::string text(prefix);
  std::string encoded = Base64UrlEncode(raw.View());
  text += encoded;
  Wipe(encoded.data(), encoded.size());
  SecretBytes credential{std::string_view(text)};
  Wipe(text.data(), text.size());
  return credential;
}

bool HasCredentialForm(std::string_view prefix, std::string_view text) {
  if (!text.starts_with(prefix)) return false;
  const auto raw = Base64UrlDecode(text.substr(prefix.size()));
  return raw && raw->size() == kRandomBytes;
}

Result<LookupMac> CredentialMac(Keyring& keyring, std::string_view purpose, std::string_view credential) {
  Bytes message = CanonicalWriter(purpose).Field(credential).Take();
  auto mac = keyring.Mac(message);
  Wipe(message.data(), message.size());
  return mac;
}

Result<LookupMacs> CredentialMacs(Keyring& keyring, std::string_view purpose, std::string_view credential) {
  Bytes message = CanonicalWriter(purpose).Field(credential).Take();
  auto macs = AllMacs(keyring, message);
  Wipe(message.data(), message.size());
  return macs;
}

Result<std::optional<Bytes>> MacOfVersion(Keyring& keyring, uint32_t version, ByteView message) {
  TRY(auto macs, AllMacs(keyring, message));
  if (macs.newest.version == version) return std::optional(std::move(macs.newest.bytes));
  if (macs.other && macs.other->version == version) return std::optional(std::move(macs.other->bytes));
  return std::nullopt;
}

Result<Bytes> OldestMac(Keyring& keyring, ByteView message) {
  TRY(auto macs, AllMacs(keyring, message));
  if (macs.other && macs.other->version < macs.newest.version) return std::move(macs.other->bytes);
  return std::move(macs.newest.bytes);
}

}  // namespace claviger::crypto
