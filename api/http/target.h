#pragma once
// The request target (RFC 9112 section 3.2.1, origin-form only) brought to its one normal form.

#include <string_view>

#include "api/http/message.h"
#include "base/error.h"

namespace claviger::api::http {

constexpr size_t kMaxSegmentBytes = 2048;  // decoded
constexpr size_t kMaxQueryPairs = 32;

// Splits on '/', then decodes each segment once. kInvalid, never quoting the input, for: anything but
// origin-form, bytes outside RFC 3986, bad percent escapes, decoded control bytes or malformed UTF-8, empty
// segments (so also a trailing slash), "." and "..", segments above kMaxSegmentBytes. A decoded segment may
// hold '/' (from %2F); its parts obey the same rules, so that joining it again gives no new path.
// Query: name=value pairs, '+' is a space; duplicate or empty names and more than kMaxQueryPairs are refused.
Result<Target> ParseTarget(std::string_view raw);

}  // namespace claviger::api::http
