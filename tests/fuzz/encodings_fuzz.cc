// Every decoder of base/: what it accepts must print back, the strict ones to the very same text.
#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  if (const auto bytes = HexDecode(text)) Require(HexEncode(*bytes) == text, "hex has one spelling");
  if (const auto bytes = Base64Decode(text)) Require(Base64Encode(*bytes) == text, "base64 has one spelling");
  if (const auto bytes = Base64UrlDecode(text))
    Require(Base64UrlEncode(*bytes) == text, "base64url has one spelling");
  if (const auto uuid = ParseUuid(text)) Require(ParseUuid(FormatUuid(*uuid)) == uuid, "UUIDs print back");
  if (const auto time = ParseTime(text)) {
    const std::string printed = FormatTime(*time);
    Require(printed.size() == 27 && ParseTime(printed) == time, "times print back");
  }
  (void)IsUtf8(text);

  const ByteView bytes(data, size);
  Require(HexDecode(HexEncode(bytes)).has_value(), "hex decodes what it encodes");
  Require(Base64Decode(Base64Encode(bytes)).has_value(), "base64 decodes what it encodes");
  Require(Base64UrlDecode(Base64UrlEncode(bytes)).has_value(), "base64url decodes what it encodes");
  return 0;
}
