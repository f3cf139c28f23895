#pragma once
// crypto/customer_tokens.h over PKCS#11: the tokens of hsm.customer_token, in the module and on the threads
// of our own keyring, since one module has one C_Finalize. Of those threads a token gets some at most, and
// none while a call into it does not return: a customer's token that hangs keeps nobody else from the HSM.

#include <memory>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "crypto/customer_tokens.h"
#include "hsm/call_pool.h"
#include "hsm/customer_token.h"

namespace claviger::hsm {

class Pkcs11CustomerTokens final : public crypto::CustomerTokens {
 public:
  Pkcs11CustomerTokens(const HsmConfig& config, const std::shared_ptr<Module>& module, CallPool& pool,
                       Random& random, const Log& log);
  ~Pkcs11CustomerTokens() override;

  Result<crypto::CustomerKey> Find(const KeyName& name) override;
  Status Check(const OrgId& org, const crypto::CustomerKey& key) override;
  Result<Bytes> Seal(const OrgId& org, const crypto::CustomerKey& key, ByteView aad, ByteView text) override;
  Result<Bytes> Open(const OrgId& org, const crypto::CustomerKey& key, ByteView aad,
                     ByteView sealed) override;

 private:
  class Door;
  using DoorPtr = std::shared_ptr<Door>;  // calls that hang keep it
  DoorPtr DoorOf(const OrgId& org, const std::string& token) const;
  template <class T>
  Result<T> AskInside(const DoorPtr& door, std::function<Outcome<T>(CustomerToken&)> ask);
  // Logs when the token begins and ceases to fail.
  template <class T>
  Result<T> Ask(const DoorPtr& door, std::function<Outcome<T>(CustomerToken&)> ask);
  CustomerToken::Ivs NewIvs();

  const std::chrono::milliseconds operation_timeout_;
  const std::chrono::milliseconds acquire_timeout_;
  CallPool& pool_;
  Random& random_;
  const Log& log_;
  std::vector<DoorPtr> doors_;
};

}  // namespace claviger::hsm
