#pragma once
// A mail as text, RFC 5322. Nothing can be injected into it: headers are constants and addresses that
// NormalizeEmail made, bodies are printable ASCII, and Compose refuses anything else.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace claviger::api {

using MailId = Id<struct MailTag>;

struct MailText {
  std::string subject;
  std::string body;  // lines end with '\n'
};

struct MailEnvelope {
  MailId id;         // of the Message-ID: a mail that is sent twice is the same mail
  std::string from;  // addresses as NormalizeEmail makes them
  std::string to;
  Time date{};
};

// Header and body with CRLF line ends. kInternal if subject or body holds anything but printable ASCII (and
// in the body line ends), a line is longer than 998 bytes (RFC 5322 section 2.1.1), or an address is none.
Result<std::string> ComposeMail(const MailEnvelope& envelope, const MailText& text);

}  // namespace claviger::api
