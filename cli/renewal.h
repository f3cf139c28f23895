#pragma once
// Sessions that renew themselves: those of device logins have a refresh token beside the token of a quarter
// of an hour.

#include "base/error.h"
#include "cli/context.h"
#include "cli/session.h"

namespace claviger::cli {

// The session with a token that is good for a minute at least, if it can be renewed; else as it is. Processes
// take turns: a refresh token may be used by one of them only. A server that cannot be reached does not
// matter as long as the token is good.
Result<Session> Renewed(const Context& context, Session session);

}  // namespace claviger::cli
