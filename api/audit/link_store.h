#pragma once
// The SQL statements by which the linker turns queued records into chains and checkpoints. All run inside its
// one transaction.

#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "crypto/audit_seal.h"
#include "schema/pg/pg.h"

namespace claviger::api::link_store {

// True for the one linker of all nodes that may go on; held until the transaction ends.
Result<bool> TryLock(schema::Connection& connection);

struct Pending {
  std::vector<crypto::AuditRecord> records;  // by time, then id
  std::vector<EventId> missing;              // queued, but their records are gone
  EventId last;                              // the greatest id of both
};
// The oldest `limit` of the queue behind `after`.
Result<Pending> LoadPending(schema::Connection& connection, const EventId& after, int64_t limit);
Status RemovePending(schema::Connection& connection, const std::vector<crypto::AuditRecord>& records);

// Of the records made from `from` on and before `until`.
struct Unlinked {
  int64_t all = 0;
  int64_t queued = 0;  // those that the queue had lost; they are in it again
};
// Looks at `limit` unlinked records at most.
Result<Unlinked> QueueUnlinked(schema::Connection& connection, Time from, Time until, int64_t limit);

// An organisation's newest link.
struct ChainEnd {
  uint64_t sequence = 0;
  std::optional<EventId> id;
  crypto::Digest hash{};
};
// Organisations without a link yet are absent.
Result<std::map<OrgId, ChainEnd>> LoadChainEnds(schema::Connection& connection,
                                                const std::vector<OrgId>& orgs);
// With its leaves; nullopt before the first.
Result<std::optional<crypto::AuditCheckpoint>> LoadLastCheckpoint(schema::Connection& connection);
// The checkpoint of that number, if it is there, and the newest, in order and without their leaves.
Result<std::vector<crypto::AuditCheckpoint>> LoadCheckpointAndLast(schema::Connection& connection,
                                                                   uint64_t number);
Status InsertCheckpoint(schema::Connection& connection, const crypto::AuditCheckpoint& checkpoint);
Status InsertLinks(schema::Connection& connection, uint64_t checkpoint,
                   const std::vector<crypto::AuditVerifier::LinkedRecord>& links);

// The months ahead that audit_events lacks; returns how many were made.
Result<int32_t> MakeMonths(schema::Connection& connection);

}  // namespace claviger::api::link_store
