#include "crypto/customer_tokens.h"

#include <array>
#include <string_view>
#include <utility>

#include "crypto/canonical.h"

namespace claviger::crypto {
namespace {

constexpr std::array<std::pair<std::string_view, const char*>, 5> kSentences{{
    {kCustomerTokenAbsent, "The customer's token is not there: this vault cannot be used without it"},
    {kCustomerTokenRefuses, "The customer's token does not let this server in: this vault cannot be used"},
    {kCustomerKeyAbsent, "The customer's key is not on its token: this vault cannot be used without it"},
    {kCustomerKeyChanged, "The customer's token holds another key of that name: this vault cannot be used"},
    {kCustomerKeyDisabled, "The customer has disabled the key of this vault: it cannot be used"},
}};

}  // namespace

Error CustomerRefusal(const char* reason) {
  for (const auto& [word, sentence] : kSentences) {
    if (word == reason) return MakeError(ErrorKind::kForbidden, sentence, reason);
  }
  return Internal("an unknown reason of a customer's token");
}

Bytes CustomerKeyAad(const OrgId& org, const CustomerKeyId& id) {
  return CanonicalWriter("claviger/customer-key/1").Field(org.Bytes()).Field(id.Bytes()).Take();
}

}  // namespace claviger::crypto
