#include "api/mfa/recovery_code.h"

#include <algorithm>

#include "crypto/totp.h"

namespace claviger::api {
namespace {

constexpr std::string_view kPurpose = "claviger/recovery-code/1";
constexpr size_t kHalf = 5;
constexpr size_t kLength = 2 * kHalf + 1;
constexpr char kHyphen = '-';
constexpr size_t kRandomBytes = 10;  // 16 characters of base32, of which the first ten are used

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsBase32(char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); }

// Ten characters in the normal form.
SecretBytes Format(std::string_view characters) {
  SecretBytes code(kLength);
  for (size_t i = 0; i < kHalf; ++i) {
    code.data()[i] = static_cast<uint8_t>(Lower(characters[i]));
    code.data()[kHalf + 1 + i] = static_cast<uint8_t>(Lower(characters[kHalf + i]));
  }
  code.data()[kHalf] = kHyphen;
  return code;
}

SecretBytes OwnedBy(const UserId& user, const SecretBytes& code) {
  std::string text = user.ToString() + " ";
  text += code.Text();
  SecretBytes owned{std::string_view(text)};
  Wipe(text.data(), text.size());
  return owned;
}

}  // namespace

Result<std::vector<SecretBytes>> NewRecoveryCodes(Random& random) {
  std::vector<SecretBytes> codes;
  while (codes.size() < kRecoveryCodes) {
    SecretBytes raw(kRandomBytes);
    random.Fill({raw.data(), raw.size()});
    TRY(const auto text, crypto::Base32(raw.View()));
    codes.push_back(Format(text.Text()));
  }
  return codes;
}

std::optional<SecretBytes> NormalizeRecoveryCode(std::string_view text) {
  SecretBytes plain(2 * kHalf);
  const bool hyphenated = text.size() == kLength && text[kHalf] == kHyphen;
  if (!hyphenated && text.size() != plain.size()) return std::nullopt;
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = Lower(text[hyphenated && i >= kHalf ? i + 1 : i]);
    if (!IsBase32(c)) return std::nullopt;
    plain.data()[i] = static_cast<uint8_t>(c);
  }
  return Format(plain.Text());
}

Result<crypto::LookupMac> RecoveryCodeMac(crypto::Keyring& keyring, const UserId& user,
                                          const SecretBytes& code) {
  return crypto::CredentialMac(keyring, kPurpose, OwnedBy(user, code).Text());
}

Result<crypto::LookupMacs> RecoveryCodeMacs(crypto::Keyring& keyring, const UserId& user,
                                            const SecretBytes& code) {
  return crypto::CredentialMacs(keyring, kPurpose, OwnedBy(user, code).Text());
}

}  // namespace claviger::api
