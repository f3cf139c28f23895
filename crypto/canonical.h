#pragma once
// The canonical encoding of our own formats: every field as its length (4 bytes, big-endian) and its bytes,
// in a fixed order after a format tag. No two different field lists give the same bytes. See docs/FORMATS.md.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace claviger::crypto {

class CanonicalWriter {
 public:
  // `format` names structure and version, such as "claviger/secret/1".
  explicit CanonicalWriter(std::string_view format) { Field(format); }
  CanonicalWriter& Field(ByteView bytes);
  CanonicalWriter& Field(std::string_view text) { return Field(AsBytes(text)); }
  // Eight bytes, big-endian, with their length like any field.
  CanonicalWriter& Field(uint64_t number);
  const Bytes& bytes() const { return bytes_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace claviger::crypto
