// The rotation of the root key, as far as the schema sees to it.

#include <thread>

#include "schema/migrate.h"
#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

constexpr const char* kDenied = "42501";
constexpr const char* kOrg = "'00000000-0000-7000-8000-000000000001'";

// A migrated database of its own: a rotation that has begun is the end of older roots.
struct Fixture {
  explicit Fixture(uint32_t up_to = 0) {
    static int count = 0;
    name = "roots" + std::to_string(++count);
    Server().CreateDatabase(name);
    owner = Connect("claviger_owner", name);
    auto migrations = schema::BuiltInMigrations();
    if (up_to > 0) migrations.resize(up_to);
    (void)Must(schema::Migrate(*owner, migrations));
    if (up_to == 0) runtime = Connect("claviger_app", name);
  }
  std::string Sqlstate(const std::string& sql, schema::Connection* as = nullptr) {
    const auto status = (as != nullptr ? *as : *runtime).RunScript(sql);
    return status ? "" : status.error().sqlstate;
  }
  int64_t Count(const char* sql) { return Must(owner->Run(Sql(sql), {})).Int8(0, 0); }

  std::string SystemKek(int version, int root) {
    return Sqlstate("INSERT INTO system_keks VALUES (" + std::to_string(version) + ", " +
                    std::to_string(root) +
                    ", decode(repeat('00', 40), 'hex'), decode(repeat('00', 44), 'hex'), now())");
  }
  std::string VaultKek(int version, int root) {
    return Sqlstate("INSERT INTO vault_keks VALUES (" + std::string(kOrg) + ", " + kOrg + ", " +
                    std::to_string(version) + ", " + std::to_string(root) +
                    ", decode(repeat('00', 40), 'hex'), decode(repeat('00', 44), 'hex'), now())");
  }
  void MakeVault() {
    REQUIRE(Sqlstate("INSERT INTO orgs VALUES (" + std::string(kOrg) +
                     ", 'o', now()); INSERT INTO vaults VALUES (" + kOrg + "," + kOrg +
                     ", 'v', '', 'user', " + kOrg + ", 1, now())")
                .empty());
  }
  std::string Begin(int root) {
    return Sqlstate("SELECT begin_root_rotation(" + std::to_string(root) + ", gen_random_uuid(), now())");
  }

  std::string name;
  std::unique_ptr<schema::Connection> owner;
  std::unique_ptr<schema::Connection> runtime;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "from a rotation's beginning on no KEK is written under an older root") {
  MakeVault();
  REQUIRE(SystemKek(1, 1).empty());
  REQUIRE(VaultKek(1, 1).empty());
  CHECK(Begin(1) == "23514");
  CHECK(Begin(2).empty());
  CHECK(VaultKek(2, 1) == "40001");
  CHECK(SystemKek(2, 1) == "40001");
  CHECK(Begin(2) == "23505");
  CHECK(Begin(3) == "23505");  // one at a time
  CHECK(VaultKek(2, 2).empty());
  CHECK(SystemKek(2, 2).empty());
  CHECK(Sqlstate("UPDATE root_rotations SET state = 'done', finished_at = now()").empty());
  CHECK(Begin(4).empty());  // of a database that was restored from before the third
  CHECK(VaultKek(3, 3) == "40001");
}

TEST_CASE_FIXTURE(Fixture, "a beginning waits for KEKs that are being written, and counts them") {
  MakeVault();
  REQUIRE(SystemKek(1, 1).empty());
  std::string begun = "not yet";
  std::thread operator_thread;
  {
    auto transaction = Must(runtime->Begin());
    REQUIRE(VaultKek(1, 1).empty());
    operator_thread = std::thread([&] {
      const auto other = Connect("claviger_app", name);
      begun = Sqlstate("SELECT begin_root_rotation(2, gen_random_uuid(), now())", other.get());
    });
    const auto waits = [&] {
      return Count("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'") > 0;
    };
    for (int i = 0; i < 500 && !waits(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(Count("SELECT count(*) FROM root_rotations") == 0);
    Must(transaction.Commit());
  }
  operator_thread.join();
  CHECK(begun.empty());
  CHECK(Count("SELECT vaults_total FROM root_rotations") == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "the runtime role can neither rewrite system KEKs nor begin rotations as it likes") {
  REQUIRE(SystemKek(1, 1).empty());
  REQUIRE(Begin(2).empty());
  for (const char* sql :
       {"UPDATE system_keks SET blob = blob", "DELETE FROM system_keks", "TRUNCATE system_keks CASCADE",
        "INSERT INTO root_rotations (root_version, id, state, vaults_total, records_total, created_at, "
        "updated_at) "
        "VALUES (9, gen_random_uuid(), 'pending', 0, 0, now(), now())",
        "DELETE FROM root_rotations", "UPDATE root_rotations SET root_version = 3",
        "UPDATE root_rotations SET vaults_total = 0",
        "ALTER TABLE vault_keks DISABLE TRIGGER newest_root_only",
        "DROP TRIGGER newest_root_only ON system_keks", "UPDATE installation SET id = id"}) {
    CAPTURE(sql);
    CHECK(Sqlstate(sql) == kDenied);
  }
}

TEST_CASE_FIXTURE(Fixture, "system KEKs go when no record names them, and the newest never") {
  REQUIRE(SystemKek(1, 1).empty());
  REQUIRE(SystemKek(2, 1).empty());
  const std::string mail =
      "INSERT INTO outbox (id, recipient, sealed, kek_version, next_attempt_at, created_at) VALUES "
      "(gen_random_uuid(), 'a@b.c', decode(repeat('00', 61), 'hex'), ";
  CHECK(Sqlstate(mail + "NULL, now(), now())") == "23514");
  CHECK(Sqlstate(mail + "3, now(), now())") == "23503");
  REQUIRE(Sqlstate(mail + "1, now(), now())").empty());
  const auto remove = [&](int newest) {
    const auto removed = runtime->Run(Sql("SELECT remove_older_system_keks($1)"), {newest});
    return removed ? std::to_string(removed.value().Int8(0, 0)) : removed.error().sqlstate;
  };
  CHECK(remove(2) == "23503");
  CHECK(Sqlstate("UPDATE outbox SET kek_version = 2").empty());
  CHECK(remove(3) == "0");
  CHECK(remove(1) == "0");
  CHECK(remove(2) == "1");
  CHECK(remove(2) == "0");
}

TEST_CASE("an installation from before keeps its system KEK, its factors and its mail") {
  Fixture before(19);
  const std::string org = kOrg;
  REQUIRE(before.owner->RunScript(
      "INSERT INTO installation (id, created_at, system_kek_version, system_kek_root_version, "
      "system_kek_blob, "
      "system_kek_check) VALUES (gen_random_uuid(), now(), 1, 1, decode(repeat('11', 40), 'hex'), "
      "decode(repeat('22', 44), 'hex'));"
      "INSERT INTO orgs VALUES (" +
      org +
      ", 'o', now());"
      "INSERT INTO users (org_id, id, email, display_name, role, auth_method, password_hash, "
      "tokens_valid_from, "
      "created_at) VALUES (" +
      org + ", " + org +
      ", 'a@b.c', 'A', 'owner', 'email', 'x', now(), now());"
      "INSERT INTO totp_factors (org_id, user_id, sealed_secret, created_at) VALUES (" +
      org + ", " + org +
      ", decode(repeat('33', 108), 'hex'), now());"
      "INSERT INTO outbox (id, recipient, sealed, next_attempt_at, created_at) VALUES (gen_random_uuid(), "
      "'a@b.c', "
      "decode(repeat('44', 61), 'hex'), now(), now());"
      "INSERT INTO outbox (id, recipient, next_attempt_at, refused_at, refusal, created_at) VALUES "
      "(gen_random_uuid(), 'a@b.c', now(), now(), 'no', now())"));
  (void)Must(schema::Migrate(*before.owner, schema::BuiltInMigrations()));
  CHECK(before.Count("SELECT count(*) FROM system_keks WHERE version = 1 AND root_version = 1 AND blob = "
                     "decode(repeat('11', 40), 'hex') AND check_record = decode(repeat('22', 44), 'hex')") ==
        1);
  CHECK(before.Count("SELECT count(*) FROM totp_factors WHERE kek_version = 1") == 1);
  CHECK(before.Count("SELECT count(*) FROM outbox WHERE kek_version = 1 AND sealed IS NOT NULL") == 1);
  CHECK(before.Count("SELECT count(*) FROM outbox WHERE kek_version IS NULL AND sealed IS NULL") == 1);
}
