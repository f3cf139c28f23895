#include "api/mail/mail_message.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/auth/auth_wire.h"

namespace claviger::api {
namespace {

constexpr size_t kMaxLineBytes = 998;
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool IsLine(std::string_view text) {
  return text.size() <= kMaxLineBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool IsAddress(const std::string& text) {
  const auto normalised = NormalizeEmail(text);
  return normalised.has_value() && normalised.value() == text;
}

// RFC 5322 section 3.3.
std::string FormatDate(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} +0000",
                     kDays[std::chrono::weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

Result<std::string> ComposeMail(const MailEnvelope& envelope, const MailText& text) {
  if (!IsAddress(envelope.from) || !IsAddress(envelope.to)) return Internal("a mail's address is none");
  if (!IsLine(text.subject)) return Internal("a mail's subject is not a line of ASCII");
  std::string mail = fmt::format(
      "Date: {}\r\n"
      "From: Claviger <{}>\r\n"
      "To: <{}>\r\n"
      "Subject: {}\r\n"
      "Message-ID: <{}@{}>\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n"
      "Content-Transfer-Encoding: 7bit\r\n"
      "\r\n",
      FormatDate(envelope.date), envelope.from, envelope.to, text.subject, envelope.id.ToString(),
      envelope.from.substr(envelope.from.find('@') + 1));
  std::string_view rest = text.body;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (!IsLine(line)) return Internal("a mail's body is not lines of ASCII");
    mail += line;
    mail += "\r\n";
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return mail;
}

}  // namespace claviger::api
