#include "crypto/credential.h"

#include <array>

#include "base/bytes.h"
#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

constexpr size_t kRandomBytes = 32;

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

Result<Bytes> CredentialMac(Keyring& keyring, std::string_view purpose, std::string_view credential) {
  Bytes message = CanonicalWriter(purpose).Field(credential).Take();
  auto mac = keyring.Mac(message);
  Wipe(message.data(), message.size());
  if (!mac) return mac.error();
  return std::move(mac.value().bytes);
}

}  // namespace claviger::crypto
