#include <nlohmann/json.hpp>

#include "api/audit/audit.h"
#include "api/audit/link_store.h"
#include "api/audit/linker.h"
#include "api/json/json.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  Fixture() {
    alice.org = OrgId{NewUuidV7(clock, random)};
    bob.org = OrgId{NewUuidV7(clock, random)};
  }

  void Add(const OrgId& org, int count = 1) {
    auto lease = Must(pool.Acquire());
    for (int i = 0; i < count; ++i) {
      clock.Advance(std::chrono::milliseconds(1));
      AuditDraft draft(http::Request{}, "secret.read", "getSecret");
      draft.SetActor("user", "", org);
      Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
    }
  }

  // The export as the command line assembles it from the pages.
  Result<crypto::AuditVerifier::Summary> Verify(const Principal& who, int64_t page = 2) {
    return Verify(who, page, Must(keyring.PublicKeys(crypto::SigningKey::kAudit)));
  }
  Result<crypto::AuditVerifier::Summary> Verify(const Principal& who, int64_t page,
                                                const std::vector<crypto::PublicKey>& keys) {
    crypto::ExportReader reader(keys);
    TRYV(reader.AddLine(crypto::ExportHeaderLine(who.org, clock.Now())));
    uint64_t checkpoints = 0;
    uint64_t until = 0;
    while (true) {
      const auto text = EncodeCheckpointPage(Must(trail.Checkpoints(until, page)));
      const auto part = Must(DecodeCheckpointPage(text));
      if (part.lines.empty()) break;
      for (const auto& line : part.lines) {
        TRYV(reader.AddLine(line));
      }
      checkpoints += part.lines.size();
      until = part.last;
    }
    uint64_t records = 0;
    for (uint64_t after = 0;;) {
      const auto text = EncodeRecordPage(Must(trail.Records(who, after, until, page)));
      const auto part = Must(DecodeRecordPage(text));
      if (part.lines.empty()) break;
      for (const auto& line : part.lines) {
        TRYV(reader.AddLine(line));
      }
      records += part.lines.size();
      after = part.last;
    }
    TRYV(reader.AddLine(crypto::ExportEndLine(checkpoints, records)));
    return reader.Finish();
  }

  // Which key signed the newest checkpoint.
  std::string Sealer() {
    auto lease = Must(pool.Acquire());
    return Must(link_store::LoadLastCheckpoint(*lease))->kid;
  }

  AuditLog audit{pool, clock, random, QuietLog(), 10};
  RollbackWatch rollbacks{{}, clock, QuietLog()};
  AuditLinker linker{{pool, keyring, rollbacks, clock, QuietLog()}};
  AuditTrail trail{pool};
  Principal alice;
  Principal bob;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "linked records of every organisation verify with the public key alone") {
  Add(alice.org, 3);
  Add(bob.org, 2);
  Add(OrgId{}, 1);
  CHECK(Must(linker.LinkOnce()) == 6);
  Add(alice.org, 2);
  CHECK(Must(linker.LinkOnce()) == 2);
  CHECK(Must(linker.LinkOnce()) == 0);

  const auto seen = Must(Verify(alice));
  CHECK(seen.records == 5);
  CHECK(seen.checkpoints == 2);
  CHECK(Must(Verify(bob)).records == 2);
  CHECK(Must(Verify(Principal{})).records == 1);
  CHECK(Count("SELECT count(*) FROM audit_pending") == 0);
}

TEST_CASE_FIXTURE(Fixture, "records are linked in the order of their time") {
  Add(alice.org, 5);
  Must(linker.LinkOnce());
  CHECK(
      Count(
          "SELECT count(*) FROM (SELECT e.created_at < lag(e.created_at) OVER (ORDER BY l.sequence) AS wrong "
          "FROM audit_links l JOIN audit_events e ON e.id = l.event_id) t WHERE wrong") == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is not linked yet is not exported") {
  Add(alice.org, 2);
  Must(linker.LinkOnce());
  Add(alice.org, 1);
  CHECK(Must(Verify(alice)).records == 2);
  Must(linker.LinkOnce());
  CHECK(Must(trail.Records(alice, 0, 1, 10)).size() == 2);  // up to the first checkpoint
  CHECK(Must(trail.Records(alice, 0, 2, 10)).size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "an edited, removed or exchanged record is found") {
  Add(alice.org, 4);
  Must(linker.LinkOnce());
  REQUIRE(Verify(alice).has_value());
  SUBCASE("edited") {
    Sql("UPDATE audit_events SET actor_type = 'agent' WHERE id = (SELECT event_id FROM audit_links WHERE "
        "sequence = 2)");
  }
  SUBCASE("edited details") {
    Sql("UPDATE audit_events SET details = details || ' ' WHERE id = (SELECT event_id FROM audit_links WHERE "
        "sequence = 4)");
  }
  SUBCASE("removed") {
    Sql("DELETE FROM audit_events WHERE id = (SELECT event_id FROM audit_links WHERE sequence = 3)");
  }
  SUBCASE("cut off") { Sql("DELETE FROM audit_links WHERE sequence = 4"); }
  SUBCASE("emptied") { Sql("DELETE FROM audit_links"); }
  SUBCASE("exchanged") {
    Sql("UPDATE audit_links SET sequence = 9 WHERE sequence = 2");
    Sql("UPDATE audit_links SET sequence = 2 WHERE sequence = 3");
    Sql("UPDATE audit_links SET sequence = 3 WHERE sequence = 9");
  }
  SUBCASE("checkpoint changed") { Sql("UPDATE audit_checkpoints SET total_records = total_records + 1"); }
  SUBCASE("leaf changed") { Sql("UPDATE audit_leaves SET count = count - 1"); }
  const auto verdict = Verify(alice);
  REQUIRE(!verdict.has_value());
  CHECK(verdict.error().kind == ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "a pass links a thousand records at most, the oldest first") {
  Add(alice.org, 1001);
  CHECK(Must(linker.LinkOnce()) == 1000);
  CHECK(Count("SELECT count(*) FROM audit_links WHERE event_id = (SELECT max(id::text)::uuid FROM "
              "audit_events)") == 0);
  CHECK(Must(linker.LinkOnce()) == 1);
  CHECK(Must(Verify(alice, 1000)).records == 1001);
}

TEST_CASE_FIXTURE(Fixture, "one node links at a time; another passes by without waiting") {
  Add(alice.org, 1);
  auto other = Connect("claviger_app", name);
  auto transaction = Must(other->Begin());
  Must(other->Run(testing::Sql("SELECT pg_advisory_xact_lock($1)"), {int64_t{0x636C617661756469}}));
  CHECK(Must(linker.LinkOnce()) == 0);
  Must(transaction.Commit());
  CHECK(Must(linker.LinkOnce()) == 1);
}

TEST_CASE_FIXTURE(Fixture, "while the HSM is gone records wait, and lose nothing") {
  Add(alice.org, 2);
  keyring.SetUnavailable(true);
  CHECK(linker.LinkOnce().error().kind == ErrorKind::kUnavailable);
  CHECK(Count("SELECT count(*) FROM audit_pending") == 2);
  CHECK(Count("SELECT count(*) FROM audit_links") == 0);
  keyring.SetUnavailable(false);
  CHECK(Must(linker.LinkOnce()) == 2);
  CHECK(Must(Verify(alice)).records == 2);
}

TEST_CASE_FIXTURE(Fixture, "the chain goes on under a newer key, which the older one names") {
  const auto pinned = Must(keyring.PublicKeys(crypto::SigningKey::kAudit));
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  keyring.RotateSigningKey(crypto::SigningKey::kAudit);
  Add(alice.org, 1);
  Must(linker.LinkOnce());  // no room for a leaf more
  CHECK(Sealer() == "claviger-audit-v1");
  CHECK(Count("SELECT count(*) FROM audit_leaves") == 2);
  Add(alice.org, 2);
  Must(linker.LinkOnce());
  CHECK(Sealer() == "claviger-audit-v1");
  CHECK(Count("SELECT count(*) FROM audit_leaves") == 4);
  for (int i = 0; i < 2; ++i) {
    Add(alice.org, 2);
    Must(linker.LinkOnce());
    CHECK(Sealer() == "claviger-audit-v2");
  }
  CHECK(Count("SELECT count(*) FROM audit_leaves") == 6);
  const auto seen = Must(Verify(alice, 2, pinned));
  CHECK(seen.records == 8);
  CHECK(seen.last_kid == "claviger-audit-v2");

  keyring.WithdrawOldest(crypto::SigningKey::kAudit);
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  CHECK(Must(Verify(alice, 2, pinned)).records == 9);
}

TEST_CASE_FIXTURE(Fixture, "a node that lacks the key whose turn it is links nothing, and another does") {
  fakes::FakeKeyring informed;
  AuditLinker other{{pool, informed, rollbacks, clock, QuietLog()}};
  const auto pinned = Must(keyring.PublicKeys(crypto::SigningKey::kAudit));
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  informed.RotateSigningKey(crypto::SigningKey::kAudit);
  Add(alice.org, 2);
  Must(other.LinkOnce());  // names the next key
  Add(alice.org, 2);
  CHECK(linker.LinkOnce().error().kind == ErrorKind::kNotFound);
  CHECK(Count("SELECT count(*) FROM audit_pending") == 2);
  Must(other.LinkOnce());
  CHECK(Sealer() == "claviger-audit-v2");
  CHECK(Must(Verify(alice, 2, pinned)).records == 5);
}

TEST_CASE_FIXTURE(Fixture,
                  "a node that has not settled on the newer key yet does not go back to the older one") {
  fakes::FakeKeyring informed;
  AuditLinker other{{pool, informed, rollbacks, clock, QuietLog()}};
  const auto pinned = Must(keyring.PublicKeys(crypto::SigningKey::kAudit));
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  informed.RotateSigningKey(crypto::SigningKey::kAudit);
  Add(alice.org, 2);
  Must(other.LinkOnce());
  Add(alice.org, 2);
  Must(other.LinkOnce());
  keyring.RotateSigningKey(crypto::SigningKey::kAudit);
  keyring.PutOldestFirst(crypto::SigningKey::kAudit);
  Add(alice.org, 2);
  Must(linker.LinkOnce());
  CHECK(Sealer() == "claviger-audit-v2");
  CHECK(Must(Verify(alice, 2, pinned)).records == 7);
}

TEST_CASE_FIXTURE(Fixture,
                  "nothing is sealed behind a checkpoint that somebody changed, until it is as it was") {
  const auto pinned = Must(keyring.PublicKeys(crypto::SigningKey::kAudit));
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  // As a node does that has seen nothing, and whose watch has nothing to tell.
  const auto link_freshly = [&] {
    RollbackWatch innocent{{}, clock, QuietLog()};
    AuditLinker fresh{{pool, keyring, innocent, clock, QuietLog()}};
    return fresh.LinkOnce();
  };
  const auto refuses = [&](const char* change, std::initializer_list<schema::Param> parameters,
                           const char* undo) {
    Sql("CREATE TABLE kept AS SELECT * FROM audit_checkpoints");
    Sql(change, parameters);
    Add(alice.org, 2);
    const auto linked = link_freshly();
    REQUIRE(!linked);
    CHECK(linked.error().kind == ErrorKind::kIntegrity);
    CHECK(Count("SELECT max(number) FROM audit_checkpoints") == 1);
    Sql(undo);
    Sql("DROP TABLE kept");
    CHECK(Must(link_freshly()) == 2);
    CHECK(Must(Verify(alice, 2, pinned)).records == 3);
  };
  const char* const remove_leaf = "DELETE FROM audit_leaves WHERE count <> 1";
  SUBCASE("to name a key of ours, too early") {
    keyring.RotateSigningKey(crypto::SigningKey::kAudit);
    const auto leaf = crypto::NextKeyLeaf(Must(keyring.PublicKeys(crypto::SigningKey::kAudit)).front(), 1);
    refuses("INSERT INTO audit_leaves (checkpoint, tag, count, head) VALUES (1, $1, $2, $3)",
            {ByteView(leaf.tag), leaf.count, ByteView(leaf.head)}, remove_leaf);
  }
  SUBCASE("to name what is no key") {
    const auto tag = crypto::NextKeyTag(1);
    refuses("INSERT INTO audit_leaves (checkpoint, tag, count, head) VALUES (1, $1, 8, $1)", {ByteView(tag)},
            remove_leaf);
  }
  SUBCASE("in what it counts") {
    refuses("UPDATE audit_checkpoints SET total_records = 7", {},
            "UPDATE audit_checkpoints SET total_records = 1");
  }
  SUBCASE("in its signature") {
    refuses("UPDATE audit_checkpoints SET signature = overlay(signature placing '\\x00'::bytea from 9)", {},
            "UPDATE audit_checkpoints c SET signature = k.signature FROM kept k");
  }
  SUBCASE("to be signed by a newer key") {
    keyring.RotateSigningKey(crypto::SigningKey::kAudit);
    refuses("UPDATE audit_checkpoints SET kid = 'claviger-audit-v2'", {},
            "UPDATE audit_checkpoints SET kid = 'claviger-audit-v1'");
  }
}

TEST_CASE_FIXTURE(Fixture, "a key that is called as the log says, but is another, seals nothing") {
  fakes::FakeKeyring informed;
  AuditLinker other{{pool, informed, rollbacks, clock, QuietLog()}};
  Add(alice.org, 1);
  Must(linker.LinkOnce());
  informed.RotateSigningKey(crypto::SigningKey::kAudit);
  Add(alice.org, 2);
  Must(other.LinkOnce());                                // names its second key
  keyring.RotateSigningKey(crypto::SigningKey::kToken);  // takes the random numbers that informed's key is of
  keyring.RotateSigningKey(crypto::SigningKey::kAudit);
  Add(alice.org, 2);
  CHECK(linker.LinkOnce().error().kind == ErrorKind::kIntegrity);
  Must(other.LinkOnce());
  CHECK(Must(Verify(alice)).records == 5);
}

TEST_CASE_FIXTURE(Fixture, "a record that vanished before it was linked stays in the queue as evidence") {
  Add(alice.org, 2);
  Sql("DELETE FROM audit_events WHERE id = (SELECT id FROM audit_events ORDER BY id LIMIT 1)");
  CHECK(Must(linker.LinkOnce()) == 1);
  CHECK(Count("SELECT count(*) FROM audit_pending") == 1);
  CHECK(Must(linker.LinkOnce()) == 0);
}

TEST_CASE_FIXTURE(Fixture, "rows whose records vanished, however many, keep no other from being linked") {
  int64_t rows = 0;
  SUBCASE("a batch") { rows = 1000; }
  SUBCASE("more than a pass looks at") { rows = 10001; }
  Sql("INSERT INTO audit_pending SELECT $1, md5(n::text)::uuid FROM generate_series(1, $2::bigint) n",
      {alice.org, rows});
  Sql("UPDATE audit_pending SET event_id = overlay(event_id::text placing '00' from 1)::uuid");
  Add(alice.org, 3);
  const uint64_t linked = Must(linker.LinkOnce());
  CHECK((linked == 3 || rows > 1000));
  CHECK(linked + Must(linker.LinkOnce()) == 3);
  CHECK(Count("SELECT count(*) FROM audit_pending") == rows);
  Add(alice.org, 1);
  CHECK(Must(linker.LinkOnce()) + Must(linker.LinkOnce()) == 1);
}

TEST_CASE_FIXTURE(Fixture, "records that were taken out of the queue are found, queued again and linked") {
  const auto look_back = [&] {
    uint64_t found = 0;
    for (int minute = 0; minute < 70; ++minute) {
      found += Must(linker.RequeueKept());
      clock.Advance(std::chrono::seconds(10));
    }
    return found;
  };
  Add(alice.org, 3);
  Must(linker.LinkOnce());
  Add(alice.org, 2);
  Add(bob.org, 1);
  Add(OrgId{}, 1);
  auto runtime = Connect("claviger_app", name);
  Must(runtime->RunScript("DELETE FROM audit_pending"));
  Add(bob.org, 1);
  CHECK(Must(linker.LinkOnce()) == 1);
  clock.Advance(std::chrono::minutes(3));
  CHECK(look_back() == 4);
  CHECK(Must(linker.LinkOnce()) == 4);
  CHECK(look_back() == 0);
  CHECK(Must(Verify(alice)).records == 5);
  CHECK(Must(Verify(bob)).records == 2);
}

TEST_CASE_FIXTURE(Fixture, "records that wait raise no alarm, and are watched until they are linked") {
  Add(alice.org, 2);
  clock.Advance(std::chrono::seconds(200));  // both in one of the minutes that are looked at
  for (int minute = 0; minute < 70; ++minute) {
    CHECK(Must(linker.RequeueKept()) == 0);
    clock.Advance(std::chrono::seconds(10));
  }
  Must(Connect("claviger_app", name)->RunScript("DELETE FROM audit_pending"));
  CHECK(Must(linker.RequeueKept()) == 0);  // once a minute
  clock.Advance(std::chrono::minutes(1));
  CHECK(Must(linker.RequeueKept()) == 2);
}

TEST_CASE_FIXTURE(Fixture, "a minute is looked at when it is over, and no sooner") {
  for (int look = 0; look < 200; ++look) CHECK(Must(linker.RequeueKept()) == 0);
  Add(alice.org, 1);
  Must(Connect("claviger_app", name)->RunScript("DELETE FROM audit_pending"));
  clock.Advance(std::chrono::minutes(3));
  uint64_t found = 0;
  for (int look = 0; look < 5; ++look) found += Must(linker.RequeueKept());
  CHECK(found == 1);
}

TEST_CASE_FIXTURE(Fixture, "a record that cannot be linked hides no later one that was kept from it") {
  const auto watch = [&] {
    uint64_t found = 0;
    for (int minute = 0; minute < 200; ++minute) {
      clock.Advance(std::chrono::minutes(1));
      found += Must(linker.RequeueKept());
    }
    return found;
  };
  Add(alice.org, 1);
  auto runtime = Connect("claviger_app", name);
  Must(runtime->RunScript("DELETE FROM audit_pending"));
  Sql("INSERT INTO audit_pending SELECT $1, id FROM audit_events", {bob.org});
  CHECK(watch() == 0);
  Add(alice.org, 1);
  Must(runtime->RunScript(
      "DELETE FROM audit_pending WHERE event_id = (SELECT id FROM audit_events ORDER BY id DESC "
      "LIMIT 1)"));
  CHECK(watch() == 1);
  CHECK(Must(linker.LinkOnce()) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a path is found however JSON spells it, and only as a whole") {
  const auto user = AddUser();
  auto lease = Must(pool.Acquire());
  const std::vector<std::string> paths = {"a", "a/b", "quo\"te", "back\\slash", "\xC3\xA4"};
  for (const auto& path : paths) {
    clock.Advance(std::chrono::milliseconds(1));
    AuditDraft draft(http::Request{}, "secret.read", "op");
    draft.SetActor(user);
    draft.AddDetail("path", path);
    Must(audit.Insert(*lease, draft.Finish(clock, random, "denied")));
  }
  for (const auto& path : paths) {
    CAPTURE(path);
    CHECK(Must(trail.Events(user, {.resource_id = path})).size() == 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "the months ahead are there, and are made once") {
  Must(linker.MakeMonths());
  const int64_t parts = Count("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass");
  CHECK(parts >= 3);
  clock.Advance(std::chrono::hours(1));
  Must(linker.MakeMonths());
  CHECK(Count("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass") == parts);
}

TEST_CASE_FIXTURE(Fixture, "a started linker links by itself") {
  linker.Start();
  Add(alice.org, 1);
  while (Count("SELECT count(*) FROM audit_links") == 0) std::this_thread::yield();
}

TEST_CASE_FIXTURE(Fixture, "events are found by every filter, newest first, of the own organisation only") {
  const auto user = AddUser();
  auto lease = Must(pool.Acquire());
  std::vector<Time> times;
  for (const char* action : {"secret.read", "secret.write", "vault.create"}) {
    clock.Advance(std::chrono::seconds(1));
    AuditDraft draft(http::Request{}, action, "op");
    draft.SetActor(user);
    draft.SetResource("thing", action == std::string("vault.create") ? "v" : "s");
    if (action == std::string("secret.write")) draft.AddDetail("path", "a/b");
    Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
    times.push_back(clock.Now());
  }
  Add(alice.org, 1);
  Must(linker.LinkOnce());

  const auto actions = [&](const AuditEventFilter& filter) {
    std::string found;
    for (const auto& event : Must(trail.Events(user, filter))) found += event.record.action + " ";
    return found;
  };
  CHECK(actions({}) == "vault.create secret.write secret.read ");
  CHECK(actions({.resource_id = "s"}) == "secret.write secret.read ");
  CHECK(actions({.resource_id = "a/b"}) == "secret.write ");
  CHECK(actions({.action = "secret.read"}) == "secret.read ");
  CHECK(actions({.actor_id = FormatUuid(user.id)}) == "vault.create secret.write secret.read ");
  CHECK(actions({.actor_id = FormatUuid(NewUuidV7(clock, random))}).empty());
  CHECK(actions({.resource_type = "thing"}) == "vault.create secret.write secret.read ");
  CHECK(actions({.resource_type = "vault"}).empty());
  CHECK(actions({.outcome = "success"}) == "vault.create secret.write secret.read ");
  CHECK(actions({.outcome = "denied"}).empty());
  const EventId second = Must(trail.Events(user, {.action = "secret.write"}))[0].record.id;
  CHECK(actions({.before = second}) == "secret.read ");
  CHECK(actions({.to = times[0], .before = second}) == "secret.read ");
  CHECK(actions({.from = times[1], .before = second}).empty());
  CHECK(actions({.from = times[1]}) == "vault.create secret.write ");
  CHECK(actions({.to = times[1]}) == "secret.write secret.read ");
  CHECK(actions({.from = times[1], .to = times[1]}) == "secret.write ");
  CHECK(actions({.limit = 1, .offset = 1}) == "secret.write ");
  CHECK(actions({.offset = 3}).empty());
  CHECK(actions({.resource_id = "s' OR '1'='1"}).empty());

  const auto events = Must(trail.Events(user, {}));
  const Json newest = EncodeAuditEvent(events[0]);
  const Json oldest = EncodeAuditEvent(events[2]);
  CHECK(newest["sequence"] == 3);
  CHECK(newest["details"]["outcome"] == "success");
  CHECK(newest["details"]["operation"] == "op");
  CHECK(newest["prev_event_id"] == EncodeAuditEvent(events[1])["id"]);
  CHECK(!oldest.contains("prev_event_id"));
  CHECK(oldest["integrity_hash"].get<std::string>().size() == 64);

  Principal agent = user;
  agent.type = PrincipalType::kAgent;
  agent.id = NewUuidV7(clock, random);
  CHECK(Must(trail.Events(agent, {})).empty());
  AuditDraft own(http::Request{}, "secret.read", "op");
  own.SetActor(agent);
  Must(audit.Insert(*lease, own.Finish(clock, random, "success")));
  CHECK(Must(trail.Events(agent, {})).size() == 1);
  CHECK(Must(trail.Events(agent, {.actor_id = FormatUuid(agent.id)})).size() == 1);
  CHECK(Must(trail.Events(agent, {.actor_id = FormatUuid(user.id)})).empty());
}
