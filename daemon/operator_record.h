#pragma once
// What operators do by clavigerd is on the installation's own audit log.

#include <nlohmann/json.hpp>
#include <string>

#include "schema/pg/pg.h"

namespace claviger::daemon {

// Commits a record, of the system in the nil organisation, before what it tells of is done; or several,
// together.
Status RecordOperatorAct(schema::Connection& connection, const std::string& action,
                         const nlohmann::json& details, int times = 1);

// One, for the transaction of what it tells of.
schema::Connection::Call OperatorRecord(const std::string& action, const nlohmann::json& details);

}  // namespace claviger::daemon
