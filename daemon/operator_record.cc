#include "daemon/operator_record.h"

#include "api/audit/audit_store.h"
#include "base/clock.h"
#include "crypto/random.h"

namespace claviger::daemon {

Status RecordOperatorAct(schema::Connection& connection, const std::string& action,
                         const nlohmann::json& details) {
  const SystemClock clock;
  crypto::SystemRandom random;
  const Time now = clock.Now();
  const crypto::AuditRecord record{.id = EventId{NewUuidV7(now, random)},
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
                                   .created_at = now};
  TRYV(connection.RunTogether({api::audit_store::InsertCall(record)}));
  return Ok();
}

}  // namespace claviger::daemon
