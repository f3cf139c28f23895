#pragma once
// Whoever takes mail from the outbox. The real one is smtp.h; the twin is tests/fakes/fake_mail_transport.h.

#include <string>

#include "base/secret_bytes.h"

namespace claviger::api {

struct Delivery {
  enum class Kind : uint8_t {
    kAccepted,
    kRefused,  // for good: trying again would change nothing
    kFailed,   // for now
  };
  Kind kind = Kind::kFailed;
  std::string why;  // for log and operators, unless it was accepted: neither addresses nor secrets
};

class MailTransport {
 public:
  virtual ~MailTransport() = default;
  // Blocks, with a time limit of its own. Not for use by two threads at once.
  virtual Delivery Deliver(const std::string& recipient, const SecretBytes& message) = 0;
  // From any thread: what is being delivered, and whatever comes later, fails soon.
  virtual void Abort() = 0;
};

}  // namespace claviger::api
