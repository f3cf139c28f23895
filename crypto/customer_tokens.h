#pragma once
// Tokens of customers' own, with keys that they can take away at any moment. hsm/ implements it over PKCS#11.
// A token belongs to one organisation, and serves no other. Every verb asks the token, within the time
// limits of crypto/keyring.h; nothing is kept here that would open anything without it.
//
// Failures: kForbidden while the customer does not let the key be used, the word for the reason in `cause`;
// kUnavailable while the token cannot be asked; kIntegrity if what is to be opened was not sealed for this.

#include <string>

#include "base/error.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

// Why a key is not to be used, as refusals and audit records name it.
inline constexpr const char* kCustomerTokenAbsent = "customer_token_absent";    // not in any slot
inline constexpr const char* kCustomerTokenRefuses = "customer_token_refuses";  // it does not take the PIN
inline constexpr const char* kCustomerKeyAbsent = "customer_key_absent";        // no key of that label
inline constexpr const char* kCustomerKeyChanged =
    "customer_key_changed";  // another key, or two, of that label
inline constexpr const char* kCustomerKeyDisabled =
    "customer_key_disabled";  // CKA_ENCRYPT or CKA_DECRYPT is false
// Not a refusal: the token cannot be asked.
inline constexpr const char* kCustomerTokenUnreachable = "customer_token_unreachable";
// kForbidden with that reason, and a sentence for the caller.
Error CustomerRefusal(const char* reason);

class CustomerTokens {
 public:
  virtual ~CustomerTokens() = default;

  struct KeyName {
    OrgId org;
    CustomerKeyId id;   // of the key to be
    std::string token;  // labels of token and key
    std::string label;
  };
  // The key of that name, with its check record. kInvalid if the organisation has no such token.
  virtual Result<CustomerKey> Find(const KeyName& name) = 0;

  // Whether the key may be used now.
  virtual Status Check(const OrgId& org, const CustomerKey& key) = 0;

  // IV(12) + ciphertext + tag(16).
  virtual Result<Bytes> Seal(const OrgId& org, const CustomerKey& key, ByteView aad, ByteView text) = 0;
  virtual Result<Bytes> Open(const OrgId& org, const CustomerKey& key, ByteView aad, ByteView sealed) = 0;
};

// AAD of a key's check record: "claviger/customer-key/1", org, id.
Bytes CustomerKeyAad(const OrgId& org, const CustomerKeyId& id);

}  // namespace claviger::crypto
