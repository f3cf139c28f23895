#pragma once

namespace claviger::daemon {

// Loads what this machine looks up hosts and accounts with (nsswitch.conf(5)), which the C library otherwise
// does when it first needs it: once the sandbox is shut, no code is loaded any more. What is not there is
// left out.
void LoadNameServices();

}  // namespace claviger::daemon
