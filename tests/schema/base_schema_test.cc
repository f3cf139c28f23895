// The schema as migrated: what the runtime role may do with it and what it must never be able to do.

#include "schema/migrate.h"
#include "tests/schema/server.h"

using namespace claviger;
using namespace claviger::testing;

namespace {

void EnsureMigrated() {
  static const bool done = [] {
    Server().CreateDatabase("base");
    (void)Must(schema::Migrate(*Connect("claviger_owner", "base"), schema::BuiltInMigrations()));
    return true;
  }();
  CHECK(done);
}

std::unique_ptr<schema::Connection> As(const char* role) {
  EnsureMigrated();
  return Connect(role, "base");
}

std::string Sqlstate(schema::Connection& connection, const std::string& sql) {
  const auto status = connection.RunScript(sql);
  return status ? "" : status.error().sqlstate;
}

constexpr const char* kDenied = "42501";
constexpr const char* kAuditTables[] = {"audit_events", "audit_links", "audit_checkpoints", "audit_leaves"};

// One organisation with a vault, its key, and a secret of one version; `last` tells several apart.
void InsertVault(schema::Connection& connection, const std::string& last) {
  const std::string id = "'00000000-0000-7000-8000-00000000000" + last + "'";
  const auto status = connection.RunScript(
      "INSERT INTO orgs VALUES (" + id +
      ", 'o', now());"
      "INSERT INTO vaults VALUES (" +
      id + "," + id + ", 'v', '', 'user', " + id +
      ", 1, now());"
      "INSERT INTO vault_keks VALUES (" +
      id + "," + id +
      ", 1, 1, decode(repeat('00', 40), 'hex'),"
      "  decode(repeat('00', 44), 'hex'), now());"
      "INSERT INTO secrets (org_id, vault_id, id, path, version, created_at)"
      "  VALUES (" +
      id + "," + id + "," + id +
      ", 'p', 1, now());"
      "INSERT INTO secret_versions (org_id, vault_id, secret_id, version, type, metadata, created_by_type, "
      "created_by,"
      "  created_at, kek_version, sealed_dek, ciphertext) VALUES (" +
      id + "," + id + "," + id +
      ", 1, 'password', '{}',"
      "  'user', " +
      id + ", now(), 1, decode(repeat('00', 60), 'hex'), decode(repeat('00', 28), 'hex'))");
  REQUIRE(status);
}

}  // namespace

TEST_CASE("the built-in migrations are complete and the runtime role passes the checks at start") {
  auto runtime = As("claviger_app");
  CHECK(schema::CheckSchema(*runtime, schema::BuiltInMigrations()));
  CHECK(schema::CheckRuntimeRole(*runtime));
}

TEST_CASE("only primary keys and unique constraints have indexes that begin with the organisation") {
  auto owner = As("claviger_owner");
  const auto rows = Must(
      owner->Run(Sql("SELECT i.indexrelid::regclass::text FROM pg_index i"
                     "  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                     "  LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')"
                     " WHERE a.attname = 'org_id' AND c.oid IS NULL AND i.indrelid::regclass::text NOT LIKE "
                     "'audit_events%'"),
                 {}));
  for (int row = 0; row < rows.size(); ++row) FAIL_CHECK(rows.Text(row, 0));
}

TEST_CASE("a role that could do more than the runtime role is refused at start") {
  for (const char* role : {"claviger_owner", "postgres"}) {
    const auto status = schema::CheckRuntimeRole(*As(role));
    REQUIRE(!status);
    CHECK(status.error().kind == ErrorKind::kForbidden);
  }
  auto owner = As("claviger_owner");
  auto runtime = As("claviger_app");
  for (const char* privilege : {"UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "UPDATE (action)"}) {
    CAPTURE(privilege);
    (void)Must(owner->RunScript(std::string("GRANT ") + privilege + " ON audit_events TO claviger_app"));
    CHECK(!schema::CheckRuntimeRole(*runtime));
    (void)Must(owner->RunScript(std::string("REVOKE ") + privilege + " ON audit_events FROM claviger_app"));
  }
  CHECK(schema::CheckRuntimeRole(*runtime));
}

TEST_CASE("the runtime role can append to the audit tables and do nothing else to them") {
  auto runtime = As("claviger_app");
  (void)Must(
      runtime->RunScript("INSERT INTO audit_events VALUES (gen_random_uuid(), gen_random_uuid(), '', '', '', "
                         "'', '', '', '', '', '', now());"
                         "SELECT * FROM audit_events, audit_links, audit_checkpoints, audit_leaves"));
  for (const std::string table : kAuditTables) {
    CAPTURE(table);
    CHECK(Sqlstate(*runtime, "DELETE FROM " + table) == kDenied);
    CHECK(Sqlstate(*runtime, "TRUNCATE " + table) == kDenied);
    CHECK(Sqlstate(*runtime, "ALTER TABLE " + table + " ADD x int") == kDenied);
    CHECK(Sqlstate(*runtime, "DROP TABLE " + table) == kDenied);
    CHECK(Sqlstate(*runtime, "SELECT * FROM " + table + " FOR UPDATE") == kDenied);
    CHECK(Sqlstate(*runtime, "CREATE INDEX ON " + table + " ((1))") == kDenied);
    CHECK(Sqlstate(*runtime, "ALTER TABLE " + table + " DISABLE TRIGGER ALL") == kDenied);
    CHECK(Sqlstate(*runtime, "CREATE RULE r AS ON INSERT TO " + table + " DO INSTEAD NOTHING") == kDenied);
  }
  CHECK(Sqlstate(*runtime, "UPDATE audit_events SET action = ''") == kDenied);
  CHECK(Sqlstate(*runtime, "UPDATE audit_links SET sequence = 1") == kDenied);
  CHECK(Sqlstate(*runtime, "UPDATE audit_checkpoints SET kid = ''") == kDenied);
  CHECK(Sqlstate(*runtime, "UPDATE audit_leaves SET count = 1") == kDenied);
  CHECK(Sqlstate(*runtime,
                 "INSERT INTO audit_events SELECT * FROM audit_events "
                 "ON CONFLICT (org_id, id) DO UPDATE SET action = ''") == kDenied);
}

TEST_CASE(
    "the audit log lies in months, and the runtime role can make those ahead and nothing else of them") {
  auto runtime = As("claviger_app");
  auto owner = As("claviger_owner");
  const auto parts = [&] {
    return Must(owner->Run(Sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass"),
                           {}))
        .Int8(0, 0);
  };
  const auto make = [&] { return Must(runtime->Run(Sql("SELECT make_audit_months()"), {})).Int4(0, 0); };
  const auto before = parts();
  CHECK(make() == 0);
  const auto newest =
      Must(owner->Run(Sql("SELECT max(relname)::text FROM pg_class WHERE relispartition AND relkind = "
                          "'r' AND relname ~ '[0-9]$'"),
                      {}));
  const std::string month(newest.Text(0, 0));
  CHECK(
      Must(owner->Run(Sql("SELECT to_char((now() AT TIME ZONE 'UTC') + interval '3 months', 'YYYY_MM')"), {}))
          .Text(0, 0) == month.substr(month.size() - 7));
  for (const std::string& sql :
       {"SELECT * FROM " + month, "INSERT INTO " + month + " SELECT * FROM audit_events",
        "DELETE FROM " + month, "DROP TABLE " + month, "TRUNCATE " + month,
        "ALTER TABLE audit_events DETACH PARTITION " + month, "ALTER TABLE " + month + " ADD x int",
        std::string("SELECT audit_month_start(now()::timestamp)")}) {
    CAPTURE(sql);
    CHECK(Sqlstate(*runtime, sql) == kDenied);
  }
  CHECK(Sqlstate(*owner, "ALTER TABLE audit_events DETACH PARTITION " + month + "; DROP TABLE " + month)
            .empty());
  CHECK(make() == 1);
  CHECK(parts() == before);
  CHECK(make() == 0);
}

TEST_CASE("a privilege on a month alone is found at start") {
  auto owner = As("claviger_owner");
  auto runtime = As("claviger_app");
  (void)Must(owner->RunScript("GRANT DELETE ON audit_events_other TO claviger_app"));
  CHECK(!schema::CheckRuntimeRole(*runtime));
  (void)Must(owner->RunScript("REVOKE DELETE ON audit_events_other FROM claviger_app"));
  CHECK(schema::CheckRuntimeRole(*runtime));
}

TEST_CASE("a record of any time finds its place, and is there once") {
  auto runtime = As("claviger_app");
  const std::string insert =
      "INSERT INTO audit_events SELECT gen_random_uuid(), id::uuid, '', '', '', '', '', '', '', '', '', "
      "now() FROM "
      "unnest(ARRAY['00000000-0000-7000-8000-000000000000', 'ffffffff-ffff-7fff-bfff-ffffffffffff']) id";
  CHECK(Sqlstate(*runtime, insert).empty());
  const auto other = Must(As("claviger_owner")->Run(Sql("SELECT count(*) FROM audit_events_other"), {}));
  CHECK(other.Int8(0, 0) >= 1);
}

TEST_CASE("the runtime role cannot change the schema or its own limits") {
  auto runtime = As("claviger_app");
  for (const char* sql :
       {"CREATE TABLE mine (n int)", "CREATE SCHEMA mine", "CREATE TEMP TABLE mine (n int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "ALTER TABLE users ADD x int",
        "DROP TABLE users", "TRUNCATE users", "UPDATE installation SET id = id", "DELETE FROM installation",
        "INSERT INTO schema_migrations VALUES (99, '', '')", "DELETE FROM schema_migrations",
        "SET ROLE claviger_owner", "CREATE ROLE other", "GRANT claviger_owner TO claviger_app",
        "COPY users TO '/tmp/x'", "SELECT pg_read_file('/etc/passwd')",
        "SET session_replication_role = replica"}) {
    CAPTURE(sql);
    CHECK(Sqlstate(*runtime, sql) == kDenied);
  }
}

TEST_CASE("the runtime role cannot rewrite what is sealed or move it elsewhere") {
  auto runtime = As("claviger_app");
  for (const char* sql : {"UPDATE secret_versions SET ciphertext = ciphertext",
                          "UPDATE secret_versions SET sealed_dek = sealed_dek",
                          "UPDATE secret_versions SET kek_version = kek_version",
                          "UPDATE secret_versions SET first_kek_version = NULL",
                          "UPDATE secret_versions SET cmek_fingerprint = NULL",
                          "UPDATE secret_versions SET vault_id = vault_id",
                          "UPDATE secret_versions SET version = version",
                          "DELETE FROM secret_versions",
                          "UPDATE vault_keks SET blob = blob",
                          "DELETE FROM vault_keks",
                          "UPDATE vault_keks SET customer_key_id = NULL",
                          "UPDATE vault_customer_keys SET label = label",
                          "UPDATE rotations SET vault_id = vault_id",
                          "UPDATE rotations SET new_fingerprint = new_fingerprint",
                          "UPDATE rotations SET requested_by = requested_by",
                          "UPDATE secrets SET path = path",
                          "UPDATE vaults SET org_id = org_id",
                          "UPDATE totp_factors SET user_id = user_id",
                          "UPDATE recovery_codes SET mac = mac",
                          "UPDATE mfa_challenges SET expires_at = now()",
                          "UPDATE mfa_challenges SET user_id = user_id",
                          "UPDATE users SET org_id = org_id",
                          "UPDATE revoked_tokens SET expires_at = now()",
                          "UPDATE change_log SET id = id",
                          "UPDATE ip_rules SET cidr = cidr",
                          "UPDATE policies SET pattern = pattern",
                          "UPDATE policies SET principal_id = principal_id",
                          "UPDATE policies SET vault_id = vault_id",
                          "UPDATE identities SET user_id = user_id",
                          "DELETE FROM identities",
                          "UPDATE api_keys SET mac = mac",
                          "UPDATE api_keys SET lookup_version = 2",
                          "UPDATE recovery_codes SET lookup_version = 2",
                          "UPDATE shares SET lookup_version = 2",
                          "UPDATE refresh_tokens SET lookup_version = 2",
                          "UPDATE device_codes SET lookup_version = 2",
                          "UPDATE page_sessions SET lookup_version = 2",
                          "UPDATE mfa_challenges SET lookup_version = 2",
                          "UPDATE api_keys SET user_id = user_id",
                          "UPDATE api_keys SET expires_at = NULL",
                          "UPDATE outbox SET recipient = recipient",
                          "UPDATE pending_signups SET email = email",
                          "UPDATE invitations SET email = email",
                          "DELETE FROM agents",
                          "UPDATE agents SET created_by = NULL",
                          "UPDATE agents SET ssh_public_key = ssh_public_key",
                          "UPDATE agents SET org_id = org_id",
                          "UPDATE agents SET enrolled = false",
                          "UPDATE enrollments SET email = email",
                          "UPDATE device_codes SET user_mac = user_mac",
                          "UPDATE device_codes SET expires_at = now()",
                          "UPDATE device_codes SET address = address",
                          "UPDATE page_sessions SET expires_at = now()",
                          "UPDATE refresh_families SET expires_at = now()",
                          "UPDATE refresh_families SET user_id = user_id",
                          "UPDATE refresh_tokens SET family_id = family_id",
                          "UPDATE audit_exports SET name = name",
                          "DELETE FROM audit_exports",
                          "UPDATE shares SET secret_id = secret_id",
                          "UPDATE shares SET lookup = lookup",
                          "UPDATE shares SET max_access_count = 0",
                          "UPDATE guess_budgets SET key = key",
                          "UPDATE familiar_addresses SET account = account"}) {
    CAPTURE(sql);
    CHECK(Sqlstate(*runtime, sql) == kDenied);
  }
  CHECK(Sqlstate(*runtime, "UPDATE secret_versions SET access_count = access_count").empty());
  CHECK(Sqlstate(*runtime, "UPDATE api_keys SET is_active = false, last_used_at = now()").empty());
  CHECK(Sqlstate(*runtime, "SELECT * FROM vaults FOR UPDATE").empty());
}

TEST_CASE("roles other than ours get nothing") {
  (void)Must(
      Connect()->RunScript("DO $$ BEGIN IF to_regrole('stranger') IS NULL THEN CREATE ROLE stranger LOGIN; "
                           "END IF; END $$"));
  EnsureMigrated();
  const auto connection = schema::Connection::Open(Server().Config("stranger", "base"), QuietLog());
  CHECK(!connection);
  const auto rows = Must(As("postgres")
                             ->Run(Sql("SELECT count(*) FROM pg_class WHERE relnamespace = "
                                       "'public'::regnamespace AND relkind IN ('r', 'p', 'v') "
                                       "AND has_table_privilege('stranger', oid, 'SELECT, INSERT, UPDATE, "
                                       "DELETE, TRUNCATE, REFERENCES, TRIGGER')"),
                                   {}));
  CHECK(rows.Int8(0, 0) == 0);
  // Those that run with their owner's rights would be the way around.
  const auto functions =
      Must(As("postgres")
               ->Run(Sql("SELECT count(*), count(*) FILTER (WHERE has_function_privilege('stranger', oid, "
                         "'EXECUTE')) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"),
                     {}));
  CHECK(functions.Int8(0, 0) > 0);
  CHECK(functions.Int8(0, 1) == 0);
}

TEST_CASE("deleting a vault or an organisation takes its secrets and keys with it, in one statement") {
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "1");
  InsertVault(*runtime, "2");
  InsertVault(*runtime, "3");
  CHECK(Sqlstate(*runtime, "DELETE FROM vaults WHERE id = '00000000-0000-7000-8000-000000000001'").empty());
  CHECK(Sqlstate(*runtime, "DELETE FROM orgs WHERE id = '00000000-0000-7000-8000-000000000002'").empty());
  const auto rows = Must(runtime->Run(Sql("SELECT (SELECT count(*) FROM secret_versions), (SELECT count(*) "
                                          "FROM secrets), (SELECT count(*) FROM vault_keks)"),
                                      {}));
  for (int column = 0; column < 3; ++column) CHECK(rows.Int8(0, column) == 1);
}

TEST_CASE("a vault that is bound to a customer's key goes with it, and has no key of the other kind") {
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "8");
  const std::string id = "'00000000-0000-7000-8000-000000000008'";
  const auto bind = [&](const std::string& key, const std::string& check) {
    return Sqlstate(*runtime, "INSERT INTO vault_customer_keys VALUES (" + id + ", " + id + ", " + key +
                                  ", 'acme', 'key', decode(repeat('00', " + check + "), 'hex'), now())");
  };
  const std::string where = " WHERE org_id = " + id + " AND id = " + id;
  CHECK(Sqlstate(*runtime, "UPDATE vaults SET customer_key_id = " + id + where) == "23503");
  CHECK(bind(id, "43") == "23514");
  CHECK(bind(id, "44").empty());
  CHECK(Sqlstate(*runtime, "UPDATE vaults SET customer_key_id = " + id + where).empty());
  CHECK(
      Sqlstate(*runtime, "INSERT INTO vault_keks SELECT org_id, vault_id, 2, 1, blob, check_record, now(), " +
                             id + " FROM vault_keks WHERE vault_id = " + id)
          .empty());
  CHECK(Sqlstate(*runtime, "DELETE FROM vault_customer_keys WHERE vault_id = " + id) == "23503");
  CHECK(Sqlstate(*runtime, "UPDATE vaults SET cmek_fingerprint = decode(repeat('11', 32), 'hex')" + where) ==
        "23514");
  CHECK(Sqlstate(*runtime, "DELETE FROM vaults" + where).empty());
  const auto left = Must(runtime->Run(Sql("SELECT count(*) FROM vault_customer_keys"), {}));
  CHECK(left.Int8(0, 0) == 0);
}

TEST_CASE("a key that sealed a secret cannot be deleted while the secret is there") {
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "4");
  auto owner = As("claviger_owner");
  CHECK(Sqlstate(*owner, "DELETE FROM vault_keks WHERE vault_id = '00000000-0000-7000-8000-000000000004'") ==
        "23503");
}

TEST_CASE("the runtime role moves data keys to the newest key alone, and removes only keys without any") {
  using schema::Param;
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "5");
  const std::string text = "00000000-0000-7000-8000-000000000005";
  const Uuid id = *ParseUuid(text);
  const auto reseal = [&](int32_t newest, uint8_t before) {
    return Must(runtime->Run(Sql("SELECT reseal_versions($1, $1, $2, $3, $4, $5, $6)"),
                             {id, newest, Param::UuidArray({id}), Param::Int8Array({1}),
                              Param::ByteaArray({Bytes(60, before)}), Param::ByteaArray({Bytes(60, 1)})}))
        .Int8(0, 0);
  };
  const auto remove_older = [&](int32_t newest) {
    const auto removed = runtime->Run(Sql("SELECT remove_older_keks($1, $1, $2)"), {id, newest});
    return removed ? std::to_string(removed.value().Int8(0, 0)) : removed.error().sqlstate;
  };
  CHECK(reseal(1, 0) == 0);  // no older key than the first
  CHECK(reseal(2, 0) == 0);  // the vault has no second
  REQUIRE(
      runtime->RunScript("INSERT INTO vault_keks SELECT org_id, vault_id, 2, 1, blob, check_record, now() "
                         "FROM vault_keks WHERE vault_id = '" +
                         text + "'; UPDATE vaults SET kek_version = 2 WHERE id = '" + text + "'"));
  CHECK(reseal(2, 7) == 0);  // another data key than the caller has seen
  CHECK(remove_older(2) == "23503");
  CHECK(reseal(2, 0) == 1);
  CHECK(reseal(2, 1) == 0);
  CHECK(remove_older(3) == "0");
  CHECK(remove_older(2) == "1");
}

TEST_CASE("the runtime role exchanges a customer-managed key for the next one alone") {
  using schema::Param;
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "6");
  const std::string text = "'00000000-0000-7000-8000-000000000006'";
  const Uuid id = *ParseUuid(text.substr(1, 36));
  const auto exchange = [&](uint8_t from, std::optional<Bytes> to, int32_t newest, uint8_t before) {
    return Must(runtime->Run(
                    Sql("SELECT coalesce(exchange_cmek_key($1, $1, $2, $3, $4, $5, $6, $7, $8, $9), 0)"),
                    {id, Bytes(32, from), to, newest, Param::UuidArray({id}), Param::Int8Array({1}),
                     Param::ByteaArray({Bytes(60, before)}), Param::ByteaArray({Bytes(60, 0x77)}),
                     Param::ByteaArray({Bytes(40, 0x88)})}))
        .Int8(0, 0);
  };
  const Bytes next(32, 0x22);
  const std::string key = "decode(repeat('11', 32), 'hex')";
  CHECK(exchange(0x11, next, 1, 0) == 0);  // neither vault nor version has a key
  REQUIRE(runtime->RunScript("UPDATE vaults SET cmek_fingerprint = " + key + " WHERE id = " + text));
  CHECK(exchange(0x11, next, 1, 0) == 0);  // the version has none
  REQUIRE(
      As("claviger_owner")
          ->RunScript("UPDATE secret_versions SET cmek_fingerprint = " + key + " WHERE vault_id = " + text));
  CHECK(exchange(0x33, next, 1, 0) == 0);          // not the vault's
  CHECK(exchange(0x11, std::nullopt, 1, 0) == 0);  // for none
  CHECK(exchange(0x11, next, 2, 0) == 0);          // not the newest KEK
  CHECK(exchange(0x11, next, 1, 0x55) == 0);       // another data key than the caller has seen
  CHECK(exchange(0x11, next, 1, 0) == 1);
  CHECK(exchange(0x11, next, 1, 0x77) == 0);  // it lies under the next one now

  const std::string here = "(" + text + ", " + text + ", ";
  CHECK(Sqlstate(*runtime, "SELECT keep_cmek_key" + here + key + ")").empty());
  CHECK(Sqlstate(*runtime, "SELECT keep_cmek_key" + here + "decode(repeat('22', 32), 'hex'))") == "23503");
  CHECK(Sqlstate(*runtime, "SELECT keep_cmek_key" + here + "NULL)") == "23503");
}

TEST_CASE(
    "of a vault one rotation is not done, of whatever kind; one of a customer-managed key fails for good") {
  auto runtime = As("claviger_app");
  InsertVault(*runtime, "7");
  const std::string id = "'00000000-0000-7000-8000-000000000007'";
  const auto insert = [&](const char* kind, const char* state) {
    const bool cmek = std::string(kind) == "cmek";
    const bool running = std::string(state) == "running";
    const std::string key = cmek ? "decode(repeat('11', 32), 'hex')" : "NULL";
    return Sqlstate(
        *runtime,
        "INSERT INTO rotations (org_id, id, kind, vault_id, old_fingerprint, new_fingerprint, state, "
        "requested_by, error, lease_owner, lease_until, created_at, updated_at, finished_at) VALUES (" +
            id + ", gen_random_uuid(), '" + kind + "', " + id + ", " + key + ", " + key + ", '" + state +
            "', 'x', " + (std::string(state) == "failed" ? "'x'" : "NULL") + ", " +
            (running ? "gen_random_uuid(), now()" : "NULL, NULL") + ", now(), now(), " +
            (std::string(state) == "done" ? "now()" : "NULL") + ")");
  };
  for (const char* state : {"pending", "paused"}) CHECK(insert("cmek", state) == "23514");
  CHECK(insert("cmek", "failed").empty());
  CHECK(insert("cmek", "failed").empty());
  CHECK(insert("cmek", "done").empty());
  CHECK(insert("cmek", "running").empty());
  for (const char* kind : {"cmek", "vault"}) CHECK(insert(kind, "running") == "23505");
  REQUIRE(runtime->RunScript("DELETE FROM rotations WHERE vault_id = " + id));
  CHECK(insert("vault", "failed").empty());
  CHECK(insert("cmek", "running") == "23505");
}
