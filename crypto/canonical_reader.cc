#include "crypto/canonical_reader.h"

namespace claviger::crypto {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kNumberBytes = 8;

uint64_t BigEndian(ByteView bytes) {
  uint64_t number = 0;
  for (const uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

}  // namespace

ByteView CanonicalReader::Field() {
  if (rest_.size() < kLengthBytes) {
    Fail();
    return {};
  }
  const uint64_t length = BigEndian(rest_.first(kLengthBytes));
  if (rest_.size() - kLengthBytes < length) {
    Fail();
    return {};
  }
  const ByteView field = rest_.subspan(kLengthBytes, length);
  rest_ = rest_.subspan(kLengthBytes + length);
  return field;
}

uint64_t CanonicalReader::Number() {
  const ByteView field = Field();
  if (field.size() == kNumberBytes) return BigEndian(field);
  Fail();
  return 0;
}

}  // namespace claviger::crypto
