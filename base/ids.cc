#include "base/ids.h"

#include <algorithm>

#include "base/random.h"

namespace claviger {

std::string FormatUuid(const Uuid& uuid) {
  const std::string hex = HexEncode({uuid.data, 16});
  std::string out;
  out.reserve(36);
  for (size_t i = 0; i < hex.size(); ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) out.push_back('-');
    out.push_back(hex[i]);
  }
  return out;
}

std::optional<Uuid> ParseUuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string hex;
  hex.reserve(32);
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash)
      hex.push_back(text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] - 'A' + 'a') : text[i]);
  }
  const auto bytes = HexDecode(hex);
  if (!bytes) return std::nullopt;
  Uuid uuid;
  std::copy(bytes->begin(), bytes->end(), uuid.data);
  return uuid;
}

namespace {

// Writes the time, version and variant of RFC 9562 over whatever the rest is filled with.
void StampV7(Time time, Uuid& uuid) {
  const int64_t micros = std::max<int64_t>(time.time_since_epoch().count(), 0);
  const int64_t millis = micros / 1000;
  const int64_t fraction = micros % 1000 * 4096 / 1000;
  for (size_t i = 0; i < 6; ++i) uuid.data[i] = static_cast<uint8_t>(millis >> (40 - 8 * i));
  uuid.data[6] = static_cast<uint8_t>(0x70 | fraction >> 8);
  uuid.data[7] = static_cast<uint8_t>(fraction);
  uuid.data[8] = static_cast<uint8_t>(0x80 | (uuid.data[8] & 0x3F));
}

Uuid FilledUuidV7(Time time, uint8_t fill) {
  Uuid uuid;
  std::fill(uuid.begin(), uuid.end(), fill);
  StampV7(time, uuid);
  return uuid;
}

}  // namespace

Uuid NewUuidV7(Time now, Random& random) {
  Uuid uuid;
  random.Fill({uuid.data, 16});
  StampV7(now, uuid);
  return uuid;
}

Uuid FirstUuidV7(Time at) { return FilledUuidV7(at, 0x00); }
Uuid LastUuidV7(Time at) { return FilledUuidV7(at, 0xFF); }

}  // namespace claviger
