// Stored password hashes and new passwords. No hash is computed: only its parser decides what is run at all.
#include "base/bytes.h"
#include "crypto/password.h"
#include "crypto/phc.h"
#include "tests/fuzz/require.h"

using namespace claviger;
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  if (const auto hash = crypto::ParsePhc(text)) {
    Require(crypto::FormatPhc(*hash) == text, "a hash has one spelling");
    Require(crypto::IsBounded(hash->cost), "the cost is bounded");
  }
  const bool lenient = crypto::CheckPasswordRules(text, "ann@example.org", {false}).has_value();
  const bool strict = crypto::CheckPasswordRules(text, "ann@example.org", {true}).has_value();
  Require(lenient || !strict, "the strict rule is the stricter one");
  Require(!lenient || IsUtf8(text), "passwords are UTF-8");
  return 0;
}
