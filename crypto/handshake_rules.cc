#include "crypto/handshake_rules.h"

#include <openssl/err.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "crypto/openssl_ptr.h"

namespace claviger::crypto {
namespace {

constexpr size_t kPadding = 64;
constexpr std::string_view kContext("TLS 1.3, server CertificateVerify\0", 34);
constexpr size_t kSha256Bytes = 32;
constexpr size_t kSha384Bytes = 48;
constexpr size_t kRandoms = 64;
constexpr size_t kParametersHead = 4;  // type, curve, length of the point

struct Curve {
  uint16_t id;  // RFC 8446 section 4.2.7
  uint8_t point_bytes;
  int nid;
};
constexpr Curve kCurves[] = {{0x001D, 32, NID_X25519}, {0x0017, 65, NID_X9_62_prime256v1}};

bool IsCertificateVerify(ByteView message) {
  if (message.size() < kPadding + kContext.size()) return false;
  const auto padding = message.first(kPadding);
  const size_t hash = message.size() - kPadding - kContext.size();
  return std::all_of(padding.begin(), padding.end(), [](uint8_t byte) { return byte == ' '; }) &&
         AsText(message.subspan(kPadding, kContext.size())) == kContext &&
         (hash == kSha256Bytes || hash == kSha384Bytes);
}

// Of X25519 any 32 bytes are a public value (RFC 7748 section 6.1).
bool IsPoint(const Curve& curve, ByteView point) {
  if (curve.nid == NID_X25519) return true;
  const EcGroup group(EC_GROUP_new_by_curve_name(curve.nid));
  const EcPoint decoded(group ? EC_POINT_new(group.get()) : nullptr);
  const bool on_curve =
      decoded && point.front() == 0x04 &&
      EC_POINT_oct2point(group.get(), decoded.get(), point.data(), point.size(), nullptr) == 1;
  if (!on_curve) ERR_clear_error();
  return on_curve;
}

bool IsKeyExchange(ByteView message) {
  if (message.size() <= kRandoms + kParametersHead) return false;
  const ByteView head = message.subspan(kRandoms, kParametersHead);
  const ByteView point = message.subspan(kRandoms + kParametersHead);
  const auto id = static_cast<uint16_t>(head[1] << 8 | head[2]);
  const auto* curve =
      std::find_if(std::begin(kCurves), std::end(kCurves), [&](const Curve& each) { return each.id == id; });
  return head[0] == 3 && curve != std::end(kCurves) && head[3] == point.size() &&
         curve->point_bytes == point.size() && IsPoint(*curve, point);
}

}  // namespace

Status CheckHandshakeToSign(ByteView message) {
  if (!IsCertificateVerify(message) && !IsKeyExchange(message)) return Internal("no handshake to sign");
  return Ok();
}

Bytes TrialHandshake() {
  std::string text(kPadding, ' ');
  text += kContext;
  text.append(kSha256Bytes, '\0');
  return Bytes(text.begin(), text.end());
}

}  // namespace claviger::crypto
