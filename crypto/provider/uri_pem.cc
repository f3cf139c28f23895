#include "crypto/provider/uri_pem.h"

#include <algorithm>

namespace claviger::crypto::provider {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PKCS#11 PROVIDER URI-----";
constexpr std::string_view kEnd = "-----END PKCS#11 PROVIDER URI-----";
constexpr std::string_view kVersion = "PKCS#11 Provider URI v1.0";
constexpr size_t kLine = 64;
constexpr char kSequence = 0x30;
constexpr char kVisibleString = 0x1A;
constexpr char kUtf8String = 0x0C;

// X.690 section 10.1: the shortest form of a length.
std::string Element(char tag, const std::string& value) {
  std::string head(1, tag);
  if (value.size() >= 0x100) {
    head += {static_cast<char>(0x82), static_cast<char>(value.size() >> 8)};
  } else if (value.size() >= 0x80) {
    head += static_cast<char>(0x81);
  }
  head += static_cast<char>(value.size() & 0xFF);
  return head + value;
}

std::string DerOfUri(std::string_view uri) {
  return Element(kSequence,
                 Element(kVisibleString, std::string(kVersion)) + Element(kUtf8String, std::string(uri)));
}

}  // namespace

// There is one encoding of each URI. So it is taken from where it must be, and what is written of it
// compared.
std::optional<std::string> UriOfDer(ByteView der) {
  const std::string_view bytes = AsText(der);
  const size_t version = bytes.find(kVersion);
  if (version == std::string_view::npos || version > 8) return std::nullopt;
  const std::string_view rest = bytes.substr(version + kVersion.size());
  for (const size_t head : {2, 3, 4}) {
    if (rest.size() <= head) break;
    const std::string_view uri = rest.substr(head);
    if (uri.size() > kMaxUriBytes || !IsUtf8(uri)) continue;
    if (DerOfUri(uri) == bytes) return std::string(uri);
  }
  return std::nullopt;
}

std::optional<std::string> UriOfPem(std::string_view text) {
  const size_t begin = text.substr(0, kMaxUriPemBytes).find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin + kBegin.size());
  const size_t end = text.substr(0, 2 * kMaxUriBytes).find(kEnd);
  if (end == std::string_view::npos) return std::nullopt;
  std::string base64(text.substr(0, end));
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r'; });
  const auto der = Base64Decode(base64);
  return der ? UriOfDer(*der) : std::nullopt;
}

std::string PemOfUri(std::string_view uri) {
  if (uri.empty() || uri.size() > kMaxUriBytes) return {};
  const std::string base64 = Base64Encode(AsBytes(DerOfUri(uri)));
  std::string out = std::string(kBegin) + '\n';
  for (size_t i = 0; i < base64.size(); i += kLine) out += base64.substr(i, kLine) + '\n';
  return out + std::string(kEnd) + '\n';
}

}  // namespace claviger::crypto::provider
