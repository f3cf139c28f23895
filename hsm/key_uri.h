#pragma once
// URIs of RFC 7512, read by libp11-kit.

#include <string_view>

#include "base/error.h"
#include "crypto/provider/key_source.h"

namespace claviger::hsm {

// Token, serial, object and id; `type` must be "private" if it is there. kInvalid for anything that is no
// such URI, and for one that says more: module, slot and maker are a matter of the configuration, and a PIN
// never stands in a URI.
Result<crypto::provider::KeyUri> ParseKeyUri(std::string_view uri);

}  // namespace claviger::hsm
