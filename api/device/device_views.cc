#include "api/device/device_views.h"

#include "api/pages/page.h"

namespace claviger::api::device_views {
namespace {

using pages::Fill;
using pages::FormTokenInput;
using pages::Html;
using pages::Page;
using pages::Problem;
using pages::Template;

// The code travels with each form, so that none is kept here before somebody has signed in.
Html Carried(const Frame& frame) {
  return Fill("{}<input type=\"hidden\" name=\"user_code\" value=\"{}\">\n",
              {FormTokenInput(frame.form_token), frame.user_code});
}

// Password and second factor are asked for alike. `begin` ends with the tag that opens the form.
http::Response SignInStep(const Frame& frame, const Template& title, const Template& begin,
                          const Html& fields) {
  return Page(frame.status, title,
              Fill("{}{}{}{}<button type=\"submit\">Sign in</button>\n</form>\n",
                   {Problem(frame.problem), Fill(begin, {}), Carried(frame), fields}));
}

// "2026-02-27 12:00 UTC".
std::string Minute(Time time) {
  const std::string text = FormatTime(time);
  return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

Html Fact(std::string_view name, std::string_view value) {
  return Fill("<dt>{}</dt>\n<dd>{}</dd>\n", {name, value.empty() ? "not said" : value});
}

}  // namespace

http::Response SignIn(const Frame& frame, std::string_view email) {
  return SignInStep(
      frame, "Sign in",
      "<p>Sign in to decide about a device that asks to log in as you.</p>\n"
      "<form method=\"post\" action=\"/device/sign-in\">\n",
      Fill("<label for=\"email\">E-mail address</label>\n"
           "<input id=\"email\" name=\"email\" type=\"email\" autocomplete=\"username\" required "
           "maxlength=\"254\" autofocus value=\"{}\">\n"
           "<label for=\"password\">Password</label>\n"
           "<input id=\"password\" name=\"password\" type=\"password\" "
           "autocomplete=\"current-password\" required maxlength=\"1024\">\n",
           {email}));
}

http::Response SecondFactor(const Frame& frame, std::string_view mfa_token) {
  return SignInStep(
      frame, "Second factor", "<form method=\"post\" action=\"/device/second-factor\">\n",
      Fill("<input type=\"hidden\" name=\"mfa_token\" value=\"{}\">\n"
           "<label for=\"code\">Code</label>\n"
           "<p class=\"hint\" id=\"code-hint\">Six digits from your authenticator app, or a recovery "
           "code.</p>\n"
           "<input id=\"code\" name=\"code\" class=\"code\" autocomplete=\"one-time-code\" "
           "aria-describedby=\"code-hint\" autocapitalize=\"off\" spellcheck=\"false\" required "
           "maxlength=\"64\" autofocus>\n",
           {mfa_token}));
}

http::Response EnterCode(const Frame& frame, std::string_view email) {
  return Page(frame.status, "Enter the code",
              Fill("{}<p>Signed in as {}.</p>\n"
                   "<form method=\"post\" action=\"/device/check\">\n"
                   "{}"
                   "<label for=\"user-code\">Code that your device shows</label>\n"
                   "<p class=\"hint\" id=\"user-code-hint\">Eight letters, such as BCDF-GHJK.</p>\n"
                   "<input id=\"user-code\" name=\"user_code\" class=\"code\" autocomplete=\"off\" "
                   "aria-describedby=\"user-code-hint\" autocapitalize=\"characters\" spellcheck=\"false\" "
                   "required maxlength=\"64\" autofocus value=\"{}\">\n"
                   "<button type=\"submit\">Continue</button>\n"
                   "</form>\n",
                   {Problem(frame.problem), email, FormTokenInput(frame.form_token), frame.user_code}));
}

http::Response Confirm(const Frame& frame, std::string_view email, const device_store::Asking& asking) {
  const Html facts =
      Fill("<dl>\n<dt>Code</dt>\n<dd class=\"code\">{}</dd>\n{}{}{}{}{}{}</dl>\n",
           {frame.user_code, Fact("Program, by its own account", asking.asked.client_id),
            Fact("Device, by its own account", asking.asked.device_name),
            Fact("Software, by its own account", asking.user_agent), Fact("Network address", asking.address),
            Fact("Asked at", Minute(asking.created_at)),
            Fact("Will stay logged in",
                 asking.asked.offline ? "until it is logged out, 90 days at most" : "for fifteen minutes")});
  return Page(frame.status, "Let this device log in?",
              Fill("{}<p>A device asks to log in as {}. It could then do whatever you can do.</p>\n"
                   "{}"
                   "<p>If you did not start this login yourself a moment ago, or somebody sent you the link "
                   "or the code, deny it.</p>\n"
                   "<form method=\"post\" action=\"/device/decision\">\n"
                   "{}"
                   "<p class=\"check\"><input id=\"matches\" name=\"matches\" type=\"checkbox\" "
                   "value=\"yes\" required>\n"
                   "<label for=\"matches\">My device shows exactly this code.</label></p>\n"
                   "<button type=\"submit\" name=\"decision\" value=\"approve\">Approve</button>\n"
                   "<button type=\"submit\" name=\"decision\" value=\"deny\" class=\"second\" "
                   "formnovalidate>Deny</button>\n"
                   "</form>\n",
                   {Problem(frame.problem), email, facts, Carried(frame)}));
}

http::Response Decided(DeviceState state) {
  if (state == DeviceState::kApproved) {
    return Page(200, "The device may log in",
                Fill("<p role=\"status\">You approved the login. You can close this page and go back to your "
                     "device.</p>\n",
                     {}));
  }
  return Page(200, "The device may not log in",
              Fill("<p role=\"status\">You denied the login. You can close this page.</p>\n"
                   "<p>If you have not asked for it, somebody else may have tried to log in as you.</p>\n",
                   {}));
}

}  // namespace claviger::api::device_views
