#include "api/agents/enrollments_store.h"

namespace claviger::api::enrollments_store {
namespace {

using schema::Statement;

constexpr Statement kPut = {
    "enrollments_put",
    "INSERT INTO enrollments (id, email, name, description, client, next_attempt_at, created_at)"
    " SELECT $1, $2, $3, $4, $5, $6, $6"
    " WHERE (SELECT count(*) FROM (SELECT FROM enrollments LIMIT $7) waiting) < $7"};

constexpr Statement kClaim = {"enrollments_claim",
                              "UPDATE enrollments SET next_attempt_at = $2 WHERE id ="
                              " (SELECT id FROM enrollments WHERE next_attempt_at <= $1"
                              "   ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
                              " RETURNING id, email, name, description, client, created_at"};

constexpr Statement kTake = {"enrollments_take", "DELETE FROM enrollments WHERE id = $1"};

constexpr Statement kPurge = {"enrollments_purge", "DELETE FROM enrollments WHERE created_at < $1", true};

}  // namespace

Result<bool> Put(schema::Connection& connection, const Enrollment& enrollment, int64_t limit) {
  TRY(const auto rows,
      connection.Run(kPut, {enrollment.id, enrollment.email, enrollment.name, enrollment.description,
                            enrollment.client, enrollment.created_at, limit}));
  return rows.affected() == 1;
}

Result<std::optional<Enrollment>> Claim(schema::Connection& connection, Time now, Time next) {
  TRY(const auto rows, connection.Run(kClaim, {now, next}));
  if (rows.empty()) return std::nullopt;
  return Enrollment{rows.UuidAt(0, 0),
                    std::string(rows.Text(0, 1)),
                    std::string(rows.Text(0, 2)),
                    std::string(rows.Text(0, 3)),
                    std::string(rows.Text(0, 4)),
                    rows.Timestamp(0, 5)};
}

Result<bool> Take(schema::Connection& connection, const Uuid& id) {
  TRY(const auto rows, connection.Run(kTake, {id}));
  return rows.affected() == 1;
}

Result<int64_t> Purge(schema::Connection& connection, Time before) {
  TRY(const auto rows, connection.Run(kPurge, {before}));
  return rows.affected();
}

}  // namespace claviger::api::enrollments_store
