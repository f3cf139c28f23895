#pragma once
// The main thread while the daemon serves.

#include "api/http/server.h"
#include "base/log.h"
#include "daemon/exports.h"
#include "daemon/hsm_access.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"

namespace claviger::daemon {

// Returns at the first stop signal, or with kUnavailable when nobody is there any more who could start a key
// process: only a start of the daemon mends that. Meanwhile a reload signal has the certificate read and the
// audit log's file opened again, and systemd's watchdog is fed for as long as every IO thread moves.
Status Supervise(api::http::Server& server, Exports& exports, const Starters& starters, Signals& signals,
                 const ServiceManager& manager, const Log& log);

}  // namespace claviger::daemon
