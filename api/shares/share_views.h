#pragma once
// How the page of a share looks. Every argument is text, which is escaped.

#include <string_view>

#include "api/http/message.h"
#include "api/shares/share_opener.h"

namespace claviger::api::share_views {

struct Frame {
  std::string_view form_token;
  int status = 200;
  std::string_view problem = {};  // what was wrong with the form that was sent
};

http::Response Offer(const Frame& frame, const ShareOpener::Look& look);
http::Response Value(const SharedSecret& secret);
// Of a share that opens elsewhere.
http::Response Addressed();
// As pages::Refusal, for Route::refusal.
http::Response Refusal(const Error& error);

}  // namespace claviger::api::share_views
