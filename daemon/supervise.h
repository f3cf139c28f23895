#pragma once
// The main thread while the daemon serves.

#include "api/http/server.h"
#include "base/log.h"
#include "daemon/exports.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"

namespace claviger::daemon {

// Returns at the first stop signal. Meanwhile a reload signal has the certificate read and the audit log's
// file opened again, and systemd's watchdog is fed for as long as every IO thread moves.
void Supervise(api::http::Server& server, Exports& exports, Signals& signals, const ServiceManager& manager,
               const Log& log);

}  // namespace claviger::daemon
