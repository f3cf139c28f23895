#include "api/limits/guess_store.h"

namespace claviger::api::guess_store {
namespace {

constexpr int64_t kKeptAddresses = 10;
constexpr int64_t kPruneBatch = 10000;

// Of a budget only the time is kept at which it will be full again; a guess moves it by its cost and needs it
// to stay within the window. A time far beyond the window was written before the clock was set back, and says
// nothing. Nobody waits for a disk: a crash of PostgreSQL may forget the guesses of its last second.
#define ASYNCHRONOUSLY "settings AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
#define WINDOW "($4 * interval '1 microsecond')"
#define FULL_AT(stored) \
  "CASE WHEN " stored " > now() + 2 * " WINDOW " THEN now() ELSE GREATEST(" stored ", now()) END"
// Under the row's lock: exact however many ask at once. All lock in the order of the stages.
#define CHARGE(stage, condition) \
  "charge_" stage " AS (" \
  "  INSERT INTO guess_budgets AS b (key, full_at)" \
  "  SELECT key, now() + cost FROM state WHERE stage = " stage " AND " condition \
  "  ON CONFLICT (key) DO UPDATE" \
  "     SET full_at = " FULL_AT("b.full_at") " + (excluded.full_at - now())" \
  "   WHERE " FULL_AT("b.full_at") " + (excluded.full_at - now()) <= now() + " WINDOW \
  "  RETURNING key)"

constexpr schema::Statement kTake = {
    "limits_take",
    "WITH " ASYNCHRONOUSLY
    ", asked AS ("
    "  SELECT a.key, a.cost * interval '1 microsecond' AS cost, row_number() OVER (ORDER BY a.n) AS stage"
    "    FROM settings,"
    "         unnest($5::bytea[], $6::bigint[], $7::bigint[]) WITH ORDINALITY AS a(key, cost, familiar, n)"
    "   WHERE a.familiar = (SELECT count(*) FROM familiar_addresses WHERE account = $1 AND address = $2"
    "                          AND seen_at > now() - $3 * interval '1 day'))"
    ", state AS MATERIALIZED ("
    "  SELECT a.key, a.cost, a.stage,"
    "         " FULL_AT("b.full_at") " + a.cost - (now() + " WINDOW ") AS wait"
    "    FROM asked a LEFT JOIN guess_budgets b ON b.key = a.key)"
    ", " CHARGE("1", "NOT EXISTS (SELECT FROM state WHERE wait > interval '0')")
    ", " CHARGE("2", "EXISTS (SELECT FROM charge_1)")
    ", " CHARGE("3", "EXISTS (SELECT FROM charge_2)")
    " SELECT key, key IN (SELECT key FROM charge_1 UNION ALL SELECT key FROM charge_2"
    "                     UNION ALL SELECT key FROM charge_3),"
    "        (extract(epoch FROM wait) * 1000000)::bigint"
    "   FROM state ORDER BY stage"};

// Locks in the order of the stages, too.
constexpr schema::Statement kGiveBack = {
    "limits_give_back",
    "WITH " ASYNCHRONOUSLY
    ", held AS ("
    "  SELECT b.key, a.cost"
    "    FROM settings,"
    "         unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS a(key, cost, n)"
    "    JOIN guess_budgets b ON b.key = a.key"
    "   ORDER BY a.n FOR UPDATE OF b)"
    " UPDATE guess_budgets b SET full_at = b.full_at - held.cost * interval '1 microsecond'"
    "   FROM held WHERE b.key = held.key"};

// An address that is used all day is written once an hour.
constexpr schema::Statement kRemember = {
    "limits_remember",
    "WITH seen AS ("
    "  INSERT INTO familiar_addresses AS f (account, address, seen_at) VALUES ($1, $2, now())"
    "  ON CONFLICT (account, address) DO UPDATE SET seen_at = now()"
    "   WHERE f.seen_at < now() - interval '1 hour')"
    " DELETE FROM familiar_addresses WHERE account = $1 AND address IN"
    "   (SELECT address FROM familiar_addresses WHERE account = $1 AND address <> $2"
    "     ORDER BY seen_at DESC OFFSET $3)",
    true};

constexpr schema::Statement kForgetOthers = {
    "limits_forget_others", "DELETE FROM familiar_addresses WHERE account = $1 AND address <> $2", true};

constexpr schema::Statement kPruneBudgets = {
    "limits_prune_budgets",
    "DELETE FROM guess_budgets WHERE key IN"
    " (SELECT key FROM guess_budgets WHERE full_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)",
    true};
constexpr schema::Statement kPruneAddresses = {
    "limits_prune_addresses",
    "DELETE FROM familiar_addresses WHERE (account, address) IN"
    " (SELECT account, address FROM familiar_addresses WHERE seen_at < now() - $1 * interval '1 day'"
    "   LIMIT $2 FOR UPDATE SKIP LOCKED)",
    true};

#undef CHARGE
#undef FULL_AT
#undef WINDOW
#undef ASYNCHRONOUSLY

}  // namespace

Result<std::vector<Charged>> Take(schema::Connection& connection, const Question& question) {
  using schema::Param;
  std::vector<Bytes> keys;
  std::vector<int64_t> costs;
  std::vector<int64_t> familiar;
  for (const auto& charge : question.charges) {
    keys.push_back(charge.key);
    costs.push_back(charge.cost);
    familiar.push_back(charge.familiar ? 1 : 0);
  }
  TRY(const auto rows,
      connection.Run(kTake, {question.account, question.address, question.familiar_days,
                             static_cast<int64_t>(question.window.count()), Param::ByteaArray(keys),
                             Param::Int8Array(costs), Param::Int8Array(familiar)}));
  std::vector<Charged> charged;
  for (int i = 0; i < rows.size(); ++i) {
    const ByteView key = rows.Blob(i, 0);
    charged.push_back({Bytes(key.begin(), key.end()), rows.Bool(i, 1), rows.Int8(i, 2)});
  }
  return charged;
}

Status GiveBack(schema::Connection& connection, const Permit& permit) {
  TRYV(connection.Run(kGiveBack,
                      {schema::Param::ByteaArray(permit.keys), schema::Param::Int8Array(permit.costs)}));
  return Ok();
}

Status Remember(schema::Connection& connection, const Permit& permit) {
  TRYV(connection.Run(kRemember, {permit.account, permit.address, kKeptAddresses - 1}));
  return Ok();
}

Status ForgetOthers(schema::Connection& connection, const Permit& permit) {
  TRYV(connection.Run(kForgetOthers, {permit.account, permit.address}));
  return Ok();
}

Status Prune(schema::Connection& connection, uint32_t familiar_days) {
  TRYV(connection.Run(kPruneBudgets, {kPruneBatch}));
  TRYV(connection.Run(kPruneAddresses, {familiar_days, kPruneBatch}));
  return Ok();
}

}  // namespace claviger::api::guess_store
