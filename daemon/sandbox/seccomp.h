#pragma once
// The one place that knows libseccomp.

#include "base/error.h"
#include "daemon/sandbox/system_calls.h"

namespace claviger::daemon {

// From now on all threads of this process make these calls only; any other kills it, or with `log_only` is
// written to the kernel's audit log. Nothing takes it back, and programs that it executes inherit it.
// kForbidden if the kernel does not do it.
Status AllowOnly(const SystemCalls& calls, bool log_only);

}  // namespace claviger::daemon
