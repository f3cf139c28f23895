// PEM of RFC 7468 section 13, around the SubjectPublicKeyInfo of RFC 5480 (P-256) and RFC 8410 (Ed25519).
#include <algorithm>

#include "crypto/jwks.h"
#include "crypto/public_key.h"

namespace claviger::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view kEnd = "-----END PUBLIC KEY-----";
constexpr size_t kLine = 64;
constexpr size_t kMaxBlock = 512;

// What stands before the raw key in the two forms of SubjectPublicKeyInfo. Comparing it whole instead of
// running an ASN.1 parser refuses every other key type, parameter and encoding at once.
constexpr uint8_t kEd25519Prefix[] = {0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr uint8_t kP256Prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                   0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                   0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

ByteView PrefixOf(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEdDsa ? ByteView(kEd25519Prefix) : ByteView(kP256Prefix);
}

std::string_view TrimSpace(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

bool StartsWith(ByteView bytes, ByteView prefix) {
  return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

Result<PublicKey> KeyOfDer(ByteView der) {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    const ByteView prefix = PrefixOf(algorithm);
    if (!StartsWith(der, prefix)) continue;
    const ByteView raw = der.subspan(prefix.size());
    PublicKey key{.kid = {}, .algorithm = algorithm, .raw = Bytes(raw.begin(), raw.end())};
    if (!IsSound(key)) return Invalid("The PEM text holds no sound public key");
    return key;
  }
  return Invalid("The PEM text holds a key that is neither Ed25519 nor P-256");
}

// Takes one block off the front.
Result<PublicKey> TakeBlock(std::string_view& text) {
  const size_t end = text.find(kEnd);
  if (!text.starts_with(kBegin) || end == std::string_view::npos || end > kMaxBlock) {
    return Invalid("The PEM text is malformed");
  }
  std::string base64(text.substr(kBegin.size(), end - kBegin.size()));
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r'; });
  text.remove_prefix(end + kEnd.size());
  const auto der = Base64Decode(base64);
  if (!der) return Invalid("The PEM text is malformed");
  return KeyOfDer(*der);
}

}  // namespace

Result<std::string> PublicKeyPem(const PublicKey& key) {
  if (!IsSound(key)) return Internal("not a sound public key");
  const ByteView prefix = PrefixOf(key.algorithm);
  Bytes der(prefix.begin(), prefix.end());
  der.insert(der.end(), key.raw.begin(), key.raw.end());
  const std::string base64 = Base64Encode(der);
  std::string out = std::string(kBegin) + '\n';
  for (size_t i = 0; i < base64.size(); i += kLine) out += base64.substr(i, kLine) + '\n';
  return out + std::string(kEnd) + '\n';
}

Result<std::vector<PublicKey>> ParsePem(std::string_view text) {
  std::vector<PublicKey> keys;
  for (text = TrimSpace(text); !text.empty(); text = TrimSpace(text)) {
    TRY(auto key, TakeBlock(text));
    keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::vector<PublicKey>> ParsePublicKeys(std::string_view text) {
  constexpr size_t kMaxText = 64 * 1024;
  if (text.size() > kMaxText) return Invalid("The text of public keys is longer than 64 KiB");
  text = TrimSpace(text);
  TRY(auto keys, text.starts_with('{') ? ParseJwks(text) : ParsePem(text));
  if (keys.empty()) return Invalid("The text holds no public key");
  return keys;
}

}  // namespace claviger::crypto
