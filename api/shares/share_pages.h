#pragma once
// The page at the link of an open share, for people: it says that there is something to see, and a button
// shows it, once. What a GET of it does is to look: link previews, prefetchers and scanners of mail open
// nothing. A share that is addressed to somebody does not open here.

#include "api/routes.h"
#include "api/shares/share_opener.h"

namespace claviger::api {

class SharePages {
 public:
  SharePages(ShareOpener& opener, Random& random) : opener_(opener), random_(random) {}

  // Whether who asks is to get the page in place of the value: a browser, or a program that looks at links of
  // its own accord.
  static bool Wants(const http::Request& request);

  // Refusals are pages as well.
  Result<http::Response> Show(Context& context);
  // The route's `admit` of Reveal.
  Result<Permit> AdmitReveal(Context& context);
  Result<http::Response> Reveal(Context& context);

 private:
  ShareOpener& opener_;
  Random& random_;
};

}  // namespace claviger::api
