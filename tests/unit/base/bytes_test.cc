#include "base/bytes.h"

#include <doctest/doctest.h>

#include "tests/fakes/fake_random.h"

using namespace claviger;

TEST_CASE("Every encoding gives back the bytes it was given") {
  fakes::FakeRandom random;
  for (size_t size = 0; size < 200; ++size) {
    Bytes bytes(size);
    random.Fill(bytes);
    CHECK(*HexDecode(HexEncode(bytes)) == bytes);
    CHECK(*Base64Decode(Base64Encode(bytes)) == bytes);
    CHECK(*Base64UrlDecode(Base64UrlEncode(bytes)) == bytes);
  }
}

TEST_CASE("The two base64 alphabets do not mix") {
  const Bytes bytes = {0xFB, 0xEF, 0xFF};
  CHECK(Base64Encode(bytes) == "++//");
  CHECK(Base64UrlEncode(bytes) == "--__");
  CHECK_FALSE(Base64Decode("--__"));
  CHECK_FALSE(Base64UrlDecode("++//"));
}

TEST_CASE("Equality in constant time sees every byte and the length") {
  const Bytes bytes(100, 7);
  CHECK(EqualConstantTime(bytes, bytes));
  CHECK(EqualConstantTime({}, {}));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 7}) {
      Bytes other = bytes;
      other[i] ^= static_cast<uint8_t>(1 << bit);
      CHECK_FALSE(EqualConstantTime(bytes, other));
    }
  }
  CHECK_FALSE(EqualConstantTime(bytes, ByteView(bytes).first(99)));
}

TEST_CASE("UTF-8 is well-formed exactly in the ranges of RFC 3629") {
  const auto encoded = [](uint32_t point, int length) {
    std::string out;
    for (int i = length - 1; i > 0; --i) {
      out.insert(out.begin(), static_cast<char>(0x80 | (point & 0x3F)));
      point >>= 6;
    }
    const uint32_t mark = length == 1 ? 0 : (0xF00U >> length) & 0xFF;
    out.insert(out.begin(), static_cast<char>(mark | point));
    return out;
  };
  const auto shortest = [](uint32_t point) {
    return point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  };
  for (uint32_t point = 0; point < 0x120000; point += point < 0x11000 ? 1 : 0x101) {
    const bool allowed = point < 0x110000 && (point < 0xD800 || point > 0xDFFF);
    for (int length = shortest(point); length <= 4; ++length) {
      if (IsUtf8(encoded(point, length)) != (allowed && length == shortest(point))) {
        FAIL_CHECK("code point " << point << " in " << length << " bytes");
      }
    }
  }
}
