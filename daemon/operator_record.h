#pragma once
// What operators do by clavigerd is on the installation's own audit log.

#include <nlohmann/json.hpp>
#include <string>

#include "schema/pg/pg.h"

namespace claviger::daemon {

// Commits one record, of the system in the nil organisation, before what it tells of is done.
Status RecordOperatorAct(schema::Connection& connection, const std::string& action,
                         const nlohmann::json& details);

}  // namespace claviger::daemon
