#pragma once
// What the process does for its own protection before it holds any secret.

#include "base/log.h"
#include "daemon/config.h"

namespace claviger::daemon {

// True for the superuser, under which the daemon refuses to run: it needs no privilege, and files it makes
// must belong to its own account.
bool IsRoot();

// No core dumps, no ptrace by other processes of the account, files for the owner only, SIGPIPE ignored; who
// may raise the limit of locked memory does. Call before any thread starts.
void ProtectProcess();

// Locks memory as configured. kForbidden if it is required and cannot be.
Status LockMemory(MemoryLock wanted, const Log& log);

}  // namespace claviger::daemon
