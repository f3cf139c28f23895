#pragma once
// Reading the audit log. Everybody sees the records of their own organisation only; reading is itself
// recorded, with what was asked for. A query reads the index (org_id, id) from the newest record on, between
// the ids of its times; what else it filters by is tried record by record, some million a second, so a rare
// match in a very long time may meet the statement timeout (503). Further indexes would cost every request:
// each makes a record. What the installation itself recorded (callers that were never known) is for its
// operators, in the database.

#include <vector>

#include "api/access/installation_keys.h"
#include "api/access/principal.h"
#include "api/audit/audit_wire.h"
#include "api/routes.h"
#include "schema/pg/pg.h"

namespace claviger::api {

class AuditTrail {
 public:
  explicit AuditTrail(schema::Pool& pool) : pool_(pool) {}

  // Newest first. An agent sees its own events only.
  Result<std::vector<AuditEvent>> Events(const Principal& principal, AuditEventFilter filter);

  // For an export that holds together while the log grows: first all checkpoints, then the records up to the
  // last of them.
  Result<std::vector<crypto::AuditCheckpoint>> Checkpoints(uint64_t after, int64_t limit);
  // What bounds a period's evidence: the checkpoint that was the organisation's newest when it began, if
  // there was one, and the first that seals an event made after its end. kConflict while there is none yet.
  Result<std::vector<crypto::AuditCheckpoint>> Period(const Principal& principal, Time from, Time to);
  // Linked records behind sequence number `after`, up to checkpoint `until`.
  Result<std::vector<crypto::AuditVerifier::LinkedRecord>> Records(const Principal& principal, uint64_t after,
                                                                   uint64_t until, int64_t limit);

 private:
  schema::Pool& pool_;
};

// queryAuditEvents, exportAuditRecords, listAuditCheckpoints, getAuditPeriod, getAuditKeySet. Both must
// outlive the table.
std::vector<Route> AuditRoutes(AuditTrail& trail, const InstallationKeys& keys);

}  // namespace claviger::api
