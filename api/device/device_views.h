#pragma once
// How the pages of a device login look. Every argument is text, which is escaped; `problem` is what was wrong
// with the form that was sent, empty at first.

#include <string_view>

#include "api/device/device.h"
#include "api/http/message.h"

namespace claviger::api::device_views {

// What every form sends back.
struct Frame {
  std::string_view form_token;
  std::string_view user_code;  // "" if it is not known yet
  int status = 200;
  std::string_view problem = {};
};

http::Response SignIn(const Frame& frame, std::string_view email = {});
http::Response SecondFactor(const Frame& frame, std::string_view mfa_token);
http::Response EnterCode(const Frame& frame, std::string_view email);
http::Response Confirm(const Frame& frame, std::string_view email, const device_store::Asking& asking);
http::Response Decided(DeviceState state);

}  // namespace claviger::api::device_views
