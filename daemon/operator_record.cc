#include "daemon/operator_record.h"

#include "api/audit/audit_store.h"
#include "base/clock.h"
#include "crypto/random.h"

namespace claviger::daemon {

schema::Connection::Call OperatorRecord(const std::string& action, const nlohmann::json& details) {
  const SystemClock clock;
  crypto::SystemRandom random;
  const Time now = clock.Now();
  return api::audit_store::InsertCall({.id = EventId{NewUuidV7(now, random)},
                                       .org = {},
                                       .actor_type = "system",
                                       .actor_id = {},
                                       .action = action,
                                       .resource_type = {},
                                       .resource_id = {},
                                       .outcome = "success",
                                       .details = details.dump(),
                                       .ip_address = {},
                                       .request_id = {},
                                       .created_at = now});
}

Status RecordOperatorAct(schema::Connection& connection, const std::string& action,
                         const nlohmann::json& details, int times) {
  std::vector<schema::Connection::Call> calls;
  for (int i = 0; i < times; ++i) calls.push_back(OperatorRecord(action, details));
  TRYV(connection.RunTogether(calls));
  return Ok();
}

}  // namespace claviger::daemon
