#include "crypto/cmek.h"

#include "crypto/envelope.h"

namespace claviger::crypto {
namespace {

constexpr size_t kKeySize = 32;
constexpr uint8_t kFormat = 1;
constexpr size_t kLeastBlob = 1 + 12 + 16;

SecretBytes Take(Bytes bytes) {
  SecretBytes secret{ByteView(bytes)};
  Wipe(bytes.data(), bytes.size());
  return secret;
}

SecretBytes ToBase64(ByteView bytes) {
  std::string text = Base64Encode(bytes);
  SecretBytes secret{std::string_view(text)};
  Wipe(text.data(), text.size());
  return secret;
}

std::optional<Bytes> DecodeBlob(std::string_view value) {
  auto bytes = Base64Decode(value);
  if (!bytes || bytes->size() < kLeastBlob || bytes->front() != kFormat) return std::nullopt;
  return bytes;
}

}  // namespace

CmekKey CmekKey::Generate(Random& random) {
  SecretBytes bytes(kKeySize);
  random.Fill({bytes.data(), bytes.size()});
  return CmekKey(std::move(bytes));
}

std::optional<CmekKey> CmekKey::Parse(std::string_view base64) {
  auto bytes = Base64Decode(base64);
  if (!bytes) return std::nullopt;
  SecretBytes key = Take(*std::move(bytes));
  if (key.size() != kKeySize) return std::nullopt;
  return CmekKey(std::move(key));
}

Digest CmekKey::Fingerprint() const { return Sha256(bytes_.View()); }

SecretBytes CmekKey::Text() const { return ToBase64(bytes_.View()); }

Result<SecretBytes> CmekKey::Seal(Random& random, ByteView value) const {
  TRY(const auto sealed, AeadSeal(bytes_.View(), random, {}, value));
  Bytes blob;
  blob.reserve(1 + sealed.size());
  blob.push_back(kFormat);
  blob.insert(blob.end(), sealed.begin(), sealed.end());
  return ToBase64(blob);
}

Result<SecretBytes> CmekKey::Open(std::string_view value) const {
  const auto blob = DecodeBlob(value);
  if (!blob) return IntegrityFailure("not a blob under a customer-managed key");
  return AeadOpen(bytes_.View(), {}, ByteView(*blob).subspan(1));
}

std::optional<Digest> ParseFingerprint(std::string_view hex) {
  std::string lower(hex);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto bytes = HexDecode(lower);
  return bytes ? ToDigest(*bytes) : std::nullopt;
}

bool IsCmekBlob(std::string_view value) { return DecodeBlob(value).has_value(); }

}  // namespace claviger::crypto
