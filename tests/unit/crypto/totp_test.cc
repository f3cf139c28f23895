#include "crypto/totp.h"

#include <doctest/doctest.h>

#include <set>

using namespace claviger;
using namespace claviger::crypto;

namespace {

constexpr std::string_view kSecret = "12345678901234567890";  // of RFC 4226 and RFC 6238
constexpr int64_t kNever = -1;

Time At(int64_t seconds) { return Time{std::chrono::seconds(seconds)}; }
std::optional<int64_t> Match(int64_t seconds, std::string_view code, int64_t last = kNever) {
  return MatchTotp(SecretBytes(kSecret), At(seconds), last, code).value();
}

}  // namespace

TEST_CASE("codes are those of RFC 6238, appendix B, SHA-1, in their last six digits") {
  const std::pair<int64_t, const char*> vectors[] = {{59, "287082"},         {1111111109, "081804"},
                                                     {1111111111, "050471"}, {1234567890, "005924"},
                                                     {2000000000, "279037"}, {20000000000, "353130"}};
  for (const auto& [seconds, code] : vectors) {
    CAPTURE(seconds);
    CHECK(Match(seconds, code) == seconds / 30);
  }
}

TEST_CASE("codes are those of RFC 4226, appendix D, with the step as the counter") {
  const char* codes[] = {"755224", "287082", "359152", "969429", "338314",
                         "254676", "287922", "162583", "399871", "520489"};
  for (int64_t step = 0; step < 10; ++step) CHECK(Match(step * 30, codes[step]) == step);
}

TEST_CASE("a code counts from the begin of the step before to the end of the step after") {
  constexpr const char* kCodeOfStep5 = "254676";
  CHECK(!Match(4 * 30 - 1, kCodeOfStep5));
  CHECK(Match(4 * 30, kCodeOfStep5) == 5);
  CHECK(Match(5 * 30, kCodeOfStep5) == 5);
  CHECK(Match(7 * 30 - 1, kCodeOfStep5) == 5);
  CHECK(!Match(7 * 30, kCodeOfStep5));
}

TEST_CASE("a step that was accepted, or an older one, is not accepted again") {
  CHECK(Match(5 * 30, "254676", 4) == 5);
  CHECK(!Match(5 * 30, "254676", 5));
  CHECK(!Match(5 * 30, "254676", 6));
}

TEST_CASE("a code is six ASCII digits and nothing else") {
  CHECK(IsTotpCode("000000"));
  for (const std::string_view bad :
       {"", "25467", "2546760", " 254676", "254676 ", "254 676", "25467a", "+25467", "-25467", "254676\n",
        "٢٥٤٦٧٦", "２５４６７６", "25467\xD9\xA6", "0x1234", "2546.6"}) {
    CAPTURE(bad);
    CHECK(!IsTotpCode(bad));
    CHECK(!Match(5 * 30, bad));
  }
  CHECK(!IsTotpCode(std::string_view("254676\0", 7)));
}

TEST_CASE("a secret is written in base32 of RFC 4648") {
  const auto base32 = [](std::string_view text) { return std::string(Base32(AsBytes(text)).value().Text()); };
  CHECK(base32("fooba") == "MZXW6YTB");
  CHECK(base32(kSecret) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  CHECK(!Base32(AsBytes("foobar")));
  CHECK(!Base32({}));
}
