#pragma once
// How the pages of a signup look. Every argument is text, which is escaped.

#include <string_view>

#include "api/http/message.h"

namespace claviger::api::signup_views {

// `problem`: what was wrong with the form that was sent, empty at first.
http::Response EnterCode(std::string_view form_token, int status = 200, std::string_view problem = {});
// `url`: where people reach the installation.
http::Response Ready(std::string_view email, std::string_view url);

}  // namespace claviger::api::signup_views
