#include "api/mail/mail_message.h"

#include <doctest/doctest.h>

#include "api/mail/mail_texts.h"
#include "tests/fakes/fake_clock.h"

using namespace claviger;
using namespace claviger::api;

namespace {

const MailEnvelope kEnvelope{*MailId::Parse("0190aaaa-0006-7000-8000-000000000001"), "vault@example.org",
                             "ann@example.com", *ParseTime("2026-03-01T09:05:07Z")};

ErrorKind KindOf(const Result<std::string>& mail) {
  REQUIRE(!mail.has_value());
  return mail.error().kind;
}

}  // namespace

TEST_CASE("a mail is exactly its headers and its lines") {
  const auto mail = ComposeMail(kEnvelope, {"A subject", "First.\n\n.second\nno end"});
  REQUIRE(mail.has_value());
  CHECK(mail.value() ==
        "Date: Sun, 01 Mar 2026 09:05:07 +0000\r\n"
        "From: Claviger <vault@example.org>\r\n"
        "To: <ann@example.com>\r\n"
        "Subject: A subject\r\n"
        "Message-ID: <0190aaaa-0006-7000-8000-000000000001@example.org>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "First.\r\n\r\n.second\r\nno end\r\n");
}

TEST_CASE("nothing can be injected into a mail") {
  for (const char* subject : {"a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\tb", "\x7f", "caf\xC3\xA9"}) {
    CAPTURE(subject);
    CHECK(KindOf(ComposeMail(kEnvelope, {subject, "x\n"})) == ErrorKind::kInternal);
  }
  for (const char* body : {"a\r\n.\r\nRCPT TO:<eve@example.org>", "a\rb", "\x01", "caf\xC3\xA9"}) {
    CAPTURE(body);
    CHECK(KindOf(ComposeMail(kEnvelope, {"a", body})) == ErrorKind::kInternal);
  }
  CHECK(KindOf(ComposeMail(kEnvelope, {"a", std::string(1, '\0')})) == ErrorKind::kInternal);
  for (const char* address :
       {"", "ann", "ann@example.com>\r\nBcc: eve@example.org", "ann@example.com\n", "<ann@example.com>",
        "a b@example.com", "\"ann\"@example.com", "ann@example.com,eve@example.org", "Ann@example.com"}) {
    CAPTURE(address);
    auto envelope = kEnvelope;
    envelope.to = address;
    CHECK(KindOf(ComposeMail(envelope, {"a", "b\n"})) == ErrorKind::kInternal);
    envelope = kEnvelope;
    envelope.from = address;
    CHECK(KindOf(ComposeMail(envelope, {"a", "b\n"})) == ErrorKind::kInternal);
  }
}

TEST_CASE("a line has the length that a mail server must take, and no more") {
  CHECK(ComposeMail(kEnvelope, {"a", std::string(998, 'x') + "\n"}).has_value());
  CHECK(KindOf(ComposeMail(kEnvelope, {"a", std::string(999, 'x') + "\n"})) == ErrorKind::kInternal);
}

TEST_CASE("dates are of all days and months") {
  auto envelope = kEnvelope;
  envelope.date = *ParseTime("2028-02-29T23:59:59.999999Z");
  CHECK(ComposeMail(envelope, {"a", ""}).value().starts_with("Date: Tue, 29 Feb 2028 23:59:59 +0000\r\n"));
  envelope.date = *ParseTime("2026-12-31T00:00:00Z");
  CHECK(ComposeMail(envelope, {"a", ""}).value().starts_with("Date: Thu, 31 Dec 2026 00:00:00 +0000\r\n"));
}

TEST_CASE("every mail can be composed, and says who asked and when") {
  const std::string url = "https://vault.example.org";
  const Time now = kEnvelope.date;
  const SecretBytes token(std::string_view("vfy_token"));
  const auto client = http::PeerAddress("203.0.113.5");
  const auto confirm = ConfirmAddressMail(url, token, client, now, "");
  for (const auto& text : {confirm, ConfirmAddressMail(url, token, client, now, "eve@example.org"),
                           InvitationMail(url, "eve@example.org", kEnvelope.to, "member"),
                           AlreadyRegisteredMail(url, client, now), WelcomeMail(url, kEnvelope.to),
                           PasswordChangedMail(url, kEnvelope.to, now)}) {
    CAPTURE(text.subject);
    CHECK(ComposeMail(kEnvelope, text).has_value());
    CHECK(text.body.find(url) != std::string::npos);
  }
  CHECK(confirm.body.find("on 2026-03-01 09:05 UTC from 203.0.113.5") != std::string::npos);
  CHECK(confirm.body.find("    vfy_token\n") != std::string::npos);
  CHECK(AlreadyRegisteredMail(url, http::PeerAddress("unix"), now).body.find("own machine") !=
        std::string::npos);
}
