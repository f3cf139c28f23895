#pragma once
// Pages for people, rendered here: HTML without scripts, one stylesheet of the same origin, and headers that
// let a browser load, frame and send nothing else.

#include <vector>

#include "api/http/message.h"
#include "api/pages/html.h"
#include "api/routes.h"
#include "base/error.h"

namespace claviger::api::pages {

// The whole document. A status of 400 or more also shows in the title, which is what is read out first.
http::Response Page(int status, const Template& title, const Html& body);

// For forms that are shown again: what was wrong, announced at once by screen readers. Empty without a text.
Html Problem(std::string_view sentence);

// What every form carries, see visitor.h.
Html FormTokenInput(std::string_view form_token);

// Refusals as pages, for Route::refusal. Their status is that of the problem body, and so is their
// Retry-After. `way_back`: a paragraph with a link.
api::Refusal RefusalWith(const Template& way_back);

// getPageStyle.
std::vector<Route> PageRoutes();

// The stylesheet's text, put into the program by the build.
extern const std::string_view kStyle;

}  // namespace claviger::api::pages
