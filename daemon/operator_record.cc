#include "daemon/operator_record.h"

#include "api/audit/audit_store.h"
#include "base/clock.h"
#include "crypto/random.h"

namespace claviger::daemon {

Status RecordOperatorAct(schema::Connection& connection, const std::string& action,
                         const nlohmann::json& details, int times) {
  const SystemClock clock;
  crypto::SystemRandom random;
  const Time now = clock.Now();
  crypto::AuditRecord record{.id = {},
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
  std::vector<schema::Connection::Call> calls;
  for (int i = 0; i < times; ++i) {
    record.id = EventId{NewUuidV7(now, random)};
    calls.push_back(api::audit_store::InsertCall(record));
  }
  TRYV(connection.RunTogether(calls));
  return Ok();
}

}  // namespace claviger::daemon
