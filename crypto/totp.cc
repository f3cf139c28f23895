#include "crypto/totp.h"

#include <liboath/oath.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace claviger::crypto {
namespace {

constexpr unsigned kDigits = 6;
constexpr int64_t kStepsAside = 1;
constexpr size_t kBase32Group = 5;

Error Failure(int code) { return Internal(std::string("liboath: ") + oath_strerror_name(code)); }

// Once for the process; the library keeps nothing but the fact.
Status Initialize() {
  static const int result = oath_init();
  if (result != OATH_OK) return Failure(result);
  return Ok();
}

using Code = std::array<char, kDigits + 1>;

// TOTP is HOTP (RFC 4226) over the number of the step.
Result<Code> CodeOf(const SecretBytes& secret, int64_t step) {
  Code code{};
  const int result = oath_hotp_generate(reinterpret_cast<const char*>(secret.data()), secret.size(),
                                        static_cast<uint64_t>(step), kDigits, false,
                                        OATH_HOTP_DYNAMIC_TRUNCATION, code.data());
  if (result != OATH_OK) return Failure(result);
  return code;
}

}  // namespace

bool IsTotpCode(std::string_view text) {
  return text.size() == kDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::optional<int64_t>> MatchTotp(const SecretBytes& secret, Time now, int64_t last_accepted,
                                         std::string_view code) {
  TRYV(Initialize());
  if (!IsTotpCode(code)) return std::nullopt;
  const int64_t current = UnixSeconds(now) / kTotpStepSeconds;
  std::optional<int64_t> match;
  for (int64_t step = std::max<int64_t>(current - kStepsAside, 0); step <= current + kStepsAside; ++step) {
    TRY(Code expected, CodeOf(secret, step));
    const bool equal = EqualConstantTime(AsBytes(std::string_view(expected.data(), kDigits)), AsBytes(code));
    Wipe(expected.data(), expected.size());
    // Of two steps with one code the later: the other one is spent with it.
    if (equal && step > last_accepted) match = step;
  }
  return match;
}

Result<SecretBytes> Base32(ByteView bytes) {
  TRYV(Initialize());
  if (bytes.empty() || bytes.size() % kBase32Group != 0) return Internal("base32 of a broken group");
  char* text = nullptr;
  size_t size = 0;
  const int result =
      oath_base32_encode(reinterpret_cast<const char*>(bytes.data()), bytes.size(), &text, &size);
  if (result != OATH_OK) return Failure(result);
  SecretBytes encoded{std::string_view(text, size)};
  Wipe(text, size);
  std::free(text);
  return encoded;
}

}  // namespace claviger::crypto
