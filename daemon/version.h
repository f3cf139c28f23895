#pragma once

namespace claviger::daemon {

// The project's version, from the build.
inline constexpr char kVersion[] = CLAVIGER_VERSION;

}  // namespace claviger::daemon
