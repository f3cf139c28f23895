#pragma once
// Where a list goes on: the server's `Link: <target>; rel="next"` (RFC 8288).

#include <string>
#include <string_view>

#include "base/error.h"

namespace claviger::cli {

// The target of the next page, "" if `link`, the header's value, names none. kInternal if the next page is
// anything but another query of `current`: an absolute URL would send the token to whoever it names, and
// another path is no page of this list. A header that cannot be read is refused too, for the list would end
// unnoticed.
Result<std::string> NextPage(std::string_view link, std::string_view current);

}  // namespace claviger::cli
