#pragma once
// The SQL statements that write records and read them back for their organisation. The linker's own are in
// link_store.h.

#include <optional>
#include <string>
#include <vector>

#include "api/audit/audit_wire.h"
#include "base/error.h"
#include "crypto/audit_seal.h"
#include "schema/pg/pg.h"

namespace claviger::api::audit_store {

// One record and its place in the linker's queue, next to the change it describes.
schema::Connection::Call InsertCall(const crypto::AuditRecord& record);
// Many at once in one statement; repeating it does no harm.
Status InsertAll(schema::Connection& connection, const std::vector<const crypto::AuditRecord*>& records);

// Newest first.
Result<std::vector<AuditEvent>> FindEvents(schema::Connection& connection, const OrgId& org,
                                           const AuditEventFilter& filter);

// Linked records in order, behind sequence number `after`, up to checkpoint `until`.
Result<std::vector<crypto::AuditVerifier::LinkedRecord>> LoadLinked(schema::Connection& connection,
                                                                    const OrgId& org, uint64_t after,
                                                                    uint64_t until, int64_t limit);
// The numbers of the organisation's last checkpoint before `from`, and of the first after `to` that seals an
// event made after it.
struct Bounds {
  std::optional<uint64_t> first;
  std::optional<uint64_t> last;
};
Result<Bounds> FindBounds(schema::Connection& connection, const OrgId& org, Time from, Time to);

// With their leaves, in order, behind number `after`.
Result<std::vector<crypto::AuditCheckpoint>> LoadCheckpoints(schema::Connection& connection, uint64_t after,
                                                             int64_t limit);

// The twelve columns of a record from `first` on, in the order of the table, org_id before id.
crypto::AuditRecord ReadRecord(const schema::Rows& rows, int row, int first);
// And, behind them, the three of its link.
crypto::AuditVerifier::LinkedRecord ReadLinked(const schema::Rows& rows, int row);
crypto::Digest ReadDigest(const schema::Rows& rows, int row, int column);
// The columns of a checkpoint in the order of the table; no leaves.
crypto::AuditCheckpoint ReadCheckpoint(const schema::Rows& rows, int row);

}  // namespace claviger::api::audit_store
