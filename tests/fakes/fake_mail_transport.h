#pragma once
// A mail server that keeps what it is sent, and answers as it is told.

#include <string>
#include <utility>
#include <vector>

#include "api/mail/mail_transport.h"

namespace claviger::fakes {

class FakeMailTransport final : public api::MailTransport {
 public:
  api::Delivery Deliver(const std::string& recipient, const SecretBytes& message) override {
    ++attempts;
    if (next.kind == api::Delivery::Kind::kAccepted) accepted.emplace_back(recipient, message.Text());
    return next;
  }
  void Abort() override { aborted = true; }

  api::Delivery next{api::Delivery::Kind::kAccepted, ""};
  std::vector<std::pair<std::string, std::string>> accepted;  // recipient, message
  int attempts = 0;
  bool aborted = false;
};

}  // namespace claviger::fakes
