#pragma once
// What a key process answers: one request in, one answer out. Everything that comes is checked here as if a
// stranger had sent it; docs/KEY_PROCESS.md says what, verb by verb.

#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/audit_seal.h"
#include "crypto/customer_tokens.h"
#include "crypto/keyring.h"
#include "daemon/key_process/checkpoint_order.h"
#include "daemon/key_process/messages.h"

namespace claviger::daemon {

class KeyService {
 public:
  struct Parts {
    crypto::Keyring& keyring;
    crypto::CustomerTokens& tokens;
    CheckpointOrder& order;
    const Clock& clock;
    const Log& log;
  };
  KeyService(std::string issuer, const Parts& parts) : issuer_(std::move(issuer)), parts_(parts) {}

  // nullopt: it is no request of ours, and whoever sent it gets no further. Blocks as the verb does.
  std::optional<SecretBytes> Answer(ByteView message);

 private:
  Result<crypto::Signature> SignToken(ByteView text);
  Result<crypto::Signature> SignCheckpoint(const std::string& kid, ByteView text);
  Result<crypto::Signature> SignHandshake(const std::string& kid, ByteView text);
  Status Noted(Status checked) const;
  Status CheckToken(ByteView text) const;
  Status CheckCheckpoint(const std::string& kid, ByteView text);

  const std::string issuer_;
  const Parts parts_;
  std::mutex mutex_;                // guards what follows
  crypto::AuditCheckpoint signed_;  // the newest by this process; number 0: none
};

}  // namespace claviger::daemon
