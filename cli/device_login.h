#pragma once
// A login that the person approves in a browser (RFC 8628): shows code, link and QR code, then asks the
// server until somebody has decided or the code has expired.

#include "api/device/device_wire.h"
#include "base/error.h"
#include "cli/api_client.h"
#include "cli/context.h"

namespace claviger::cli {

struct DeviceLoginOptions {
  bool no_qr = false;
};

// With a refresh token. A server that cannot be reached is asked again, less and less often. kForbidden if
// the person denied it, kUnauthenticated if the code expired.
Result<api::DeviceGrant> LogInByDevice(const Context& context, const Context::Server& server,
                                       const DeviceLoginOptions& options);

}  // namespace claviger::cli
