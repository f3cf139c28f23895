#pragma once
// Mail by SMTP (RFC 5321) to the organisation's mail server: the border of libcurl. Each mail has a
// connection of its own: libcurl closes one that was kept without any of the limits set here.

#include <chrono>
#include <memory>
#include <string>

#include "api/mail/mail_transport.h"
#include "base/error.h"

namespace claviger::api {

enum class MailSecurity : uint8_t {
  kStartTls,  // refuses a server that does not offer it
  kTls,       // from the first byte
  kNone,      // for a server on this machine
};

struct SmtpConfig {
  std::string server;  // a host name or an address
  uint32_t port = 587;
  MailSecurity security = MailSecurity::kStartTls;
  std::string ca_file;    // empty: the system's authorities
  std::string user;       // empty: no login
  std::string ehlo_name;  // empty: the host's name
  std::string from;
  std::chrono::milliseconds timeout{20'000};  // for one mail, and as long again for QUIT
};

class Smtp final : public MailTransport {
 public:
  // kUnavailable if libcurl cannot be brought up. Connects to nobody yet.
  static Result<std::unique_ptr<Smtp>> Create(SmtpConfig config, SecretBytes password);
  ~Smtp() override;
  Delivery Deliver(const std::string& recipient, const SecretBytes& message) override;
  void Abort() override;

 private:
  struct State;
  explicit Smtp(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace claviger::api
