#pragma once
// Every SQL statement on `system_keks`: the key under which the installation's own secrets are sealed, in
// several versions while it is being replaced. Nobody keeps one in memory: who seals asks for the newest, who
// opens selects it together with the record, so that all nodes agree at once.

#include <chrono>
#include <vector>

#include "crypto/keyring.h"
#include "schema/pg/pg.h"

namespace claviger::api::system_keks_store {

// Newest first; none before the installation is recorded.
Result<std::vector<crypto::WrappedKek>> Load(schema::Connection& connection);
// Whatever is sealed under it must be stored soon: it is not removed within `rotation.key_settling` of the
// next one. kInternal if there is none.
Result<crypto::WrappedKek> Newest(schema::Connection& connection);

// Of a KEK that was selected with a record: version, root version, blob and check record, from column `first`
// on.
crypto::WrappedKek KekAt(const schema::Rows& rows, int row, int first);

// The KEK becomes the newest. kConflict with SQLSTATE 23505 if there is one of that version.
Status Insert(schema::Connection& connection, const crypto::WrappedKek& kek);
// True if the newest has been there for so long.
Result<bool> HasSettled(schema::Connection& connection, std::chrono::milliseconds settling);
// Removes all but the newest, which is that version. kConflict if a record lies under one of them.
Status RemoveOlder(schema::Connection& connection, uint32_t newest);

}  // namespace claviger::api::system_keks_store
