#include "api/system_keks/system_keks_store.h"

namespace claviger::api::system_keks_store {
namespace {

using schema::Rows;
using schema::Statement;

constexpr Statement kLoad{
    "system_keks_load",
    "SELECT version, root_version, blob, check_record FROM system_keks ORDER BY version DESC", true};

constexpr Statement kNewest{
    "system_keks_newest",
    "SELECT version, root_version, blob, check_record FROM system_keks ORDER BY version DESC LIMIT 1", true};

constexpr Statement kInsert{"system_keks_insert", "INSERT INTO system_keks VALUES ($1, $2, $3, $4, now())"};

constexpr Statement kHasSettled{
    "system_keks_has_settled",
    "SELECT max(created_at) <= now() - $1 * interval '1 millisecond' FROM system_keks", true};

constexpr Statement kRemoveOlder{"system_keks_remove_older", "SELECT remove_older_system_keks($1)"};

Bytes Copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

crypto::WrappedKek KekAt(const Rows& rows, int row, int first) {
  crypto::WrappedKek kek;
  kek.identity.version = static_cast<uint32_t>(rows.Int4(row, first));
  kek.root_version = static_cast<uint32_t>(rows.Int4(row, first + 1));
  kek.blob = Copy(rows.Blob(row, first + 2));
  kek.check = Copy(rows.Blob(row, first + 3));
  return kek;
}

Result<std::vector<crypto::WrappedKek>> Load(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kLoad, {}));
  std::vector<crypto::WrappedKek> keks;
  for (int row = 0; row < rows.size(); ++row) keks.push_back(KekAt(rows, row, 0));
  return keks;
}

Result<crypto::WrappedKek> Newest(schema::Connection& connection) {
  TRY(const auto rows, connection.Run(kNewest, {}));
  if (rows.empty()) return Internal("the system KEK is missing");
  return KekAt(rows, 0, 0);
}

Status Insert(schema::Connection& connection, const crypto::WrappedKek& kek) {
  TRYV(connection.Run(kInsert, {kek.identity.version, kek.root_version, kek.blob, kek.check}));
  return Ok();
}

Result<bool> HasSettled(schema::Connection& connection, std::chrono::milliseconds settling) {
  TRY(const auto rows, connection.Run(kHasSettled, {int64_t{settling.count()}}));
  return rows.Bool(0, 0);
}

Status RemoveOlder(schema::Connection& connection, uint32_t newest) {
  TRYV(connection.Run(kRemoveOlder, {newest}));
  return Ok();
}

}  // namespace claviger::api::system_keks_store
