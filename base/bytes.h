#pragma once
// Byte sequences and their text encodings. Decoders are strict: one text per value, so that decoding and
// encoding again always gives the same text.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace claviger {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Lower-case hexadecimal. Decoding refuses upper case and odd lengths.
std::string HexEncode(ByteView bytes);
std::optional<Bytes> HexDecode(std::string_view text);

// RFC 4648 section 4 with padding, and section 5 (URL-safe) without. Decoding refuses white space, wrong
// padding and non-zero trailing bits.
std::string Base64Encode(ByteView bytes);
std::optional<Bytes> Base64Decode(std::string_view text);
std::string Base64UrlEncode(ByteView bytes);
std::optional<Bytes> Base64UrlDecode(std::string_view text);

// Equal in constant time for equal lengths; the lengths themselves are not secret.
bool EqualConstantTime(ByteView a, ByteView b);

// True if the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view text);

}  // namespace claviger
