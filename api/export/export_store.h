#pragma once
// Every SQL statement on audit_exports, and the log by checkpoints.

#include <optional>
#include <string_view>

#include "api/export/sink.h"
#include "base/clock.h"
#include "schema/pg/pg.h"

namespace claviger::api::export_store {

// How far one export is. Times by the database's clock.
struct Position {
  uint64_t checkpoint = 0;          // has arrived, with all before it
  uint64_t newest = 0;              // there is
  std::optional<Time> waits_since;  // of the oldest checkpoint that has not arrived
  Time now{};
};
Result<Position> Look(schema::Connection& connection, std::string_view name);

// Takes or renews the lease of the one node that sends; false while another node has it.
Result<bool> Claim(schema::Connection& connection, std::string_view name, const Uuid& holder,
                   std::chrono::milliseconds lease);
// False if the lease has gone to another node meanwhile.
Result<bool> Advance(schema::Connection& connection, std::string_view name, const Uuid& holder,
                     uint64_t checkpoint);
Status Release(schema::Connection& connection, std::string_view name, const Uuid& holder);

// The checkpoints behind `after`, whole, until they hold 1,000 records; empty at the end.
Result<ExportBatch> LoadSealed(schema::Connection& connection, uint64_t after);

}  // namespace claviger::api::export_store
