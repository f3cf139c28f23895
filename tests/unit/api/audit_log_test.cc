#include "api/audit/audit_log.h"

#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "api/json/json.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  AuditDraft Draft() {
    http::Request request;
    request.id = NewUuidV7(clock, random);
    request.client = http::PeerAddress("192.0.2.7");
    return AuditDraft(request, "secret.read", "getSecret");
  }
  crypto::AuditRecord Record() { return Draft().Finish(clock, random, "success"); }
  std::future<bool> Append(AuditLog& audit, crypto::AuditRecord record) {
    auto done = std::make_shared<std::promise<bool>>();
    audit.Append(std::move(record), [done](Status status) { done->set_value(status.has_value()); });
    return done->get_future();
  }
  int64_t Events() { return Count("SELECT count(*) FROM audit_events"); }
  int64_t PendingEvents() {
    return Count(
        "SELECT count(*) FROM audit_pending p JOIN audit_events e ON e.org_id = p.org_id AND e.id = "
        "p.event_id");
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "an appended record is committed, and queued for the linker, when its callback runs") {
  AuditLog audit(pool, clock, random, QuietLog(), 10);
  auto draft = Draft();
  draft.SetActor("user", "11111111-2222-3333-4444-555555555555", AddUser().org);
  draft.SetResource("secret", "the-id");
  draft.AddDetail("path", "db/password");
  draft.AddDetail("version", int64_t{3});
  const auto record = draft.Finish(clock, random, "success");
  REQUIRE(Append(audit, record).get());
  CHECK(PendingEvents() == 1);
  const auto rows =
      Sql("SELECT org_id, id, actor_type, actor_id, action, resource_type, resource_id, outcome, details, "
          "ip_address, request_id, created_at FROM audit_events");
  CHECK(rows.IdAt<OrgId>(0, 0) == record.org);
  CHECK(rows.IdAt<EventId>(0, 1) == record.id);
  CHECK(rows.Text(0, 2) == "user");
  CHECK(rows.Text(0, 3) == "11111111-2222-3333-4444-555555555555");
  CHECK(rows.Text(0, 4) == "secret.read");
  CHECK(rows.Text(0, 5) == "secret");
  CHECK(rows.Text(0, 6) == "the-id");
  CHECK(rows.Text(0, 7) == "success");
  CHECK(rows.Text(0, 8) == R"({"operation":"getSecret","path":"db/password","version":3})");
  CHECK(rows.Text(0, 9) == "192.0.2.7");
  CHECK(rows.Text(0, 10) == record.request_id);
  CHECK(rows.Timestamp(0, 11) == record.created_at);
}

TEST_CASE_FIXTURE(Fixture, "a record in a transaction comes and goes with it") {
  AuditLog audit(pool, clock, random, QuietLog(), 10);
  auto lease = Must(pool.Acquire());
  {
    auto transaction = Must(lease->Begin());
    Must(audit.Insert(*lease, Record()));
  }
  CHECK(Events() == 0);
  {
    auto transaction = Must(lease->Begin());
    Must(audit.Insert(*lease, Record()));
    Must(transaction.Commit());
  }
  CHECK(PendingEvents() == 1);
  Must(lease->RunTogether({audit.InsertCall(Record())}));
  CHECK(PendingEvents() == 2);
}

TEST_CASE_FIXTURE(Fixture, "many records share commits, and each is there once") {
  AuditLog audit(pool, clock, random, QuietLog(), 5000);
  std::vector<std::future<bool>> answers;
  for (int i = 0; i < 2000; ++i) answers.push_back(Append(audit, Record()));
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(Events() == 2000);
  CHECK(PendingEvents() == 2000);
  CHECK(Count("SELECT count(DISTINCT xmin::text) FROM audit_events") < 100);
}

TEST_CASE_FIXTURE(Fixture, "without a database every record is refused, and accepted again when it is back") {
  AuditLog audit(pool, clock, random, QuietLog(), 100);
  REQUIRE(Append(audit, Record()).get());
  Server().Stop();
  std::vector<std::future<bool>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(Append(audit, Record()));
  for (auto& answer : answers) CHECK(!answer.get());
  CHECK(audit.FailedWithin(std::chrono::seconds(10)));
  clock.Advance(std::chrono::seconds(11));
  CHECK(!audit.FailedWithin(std::chrono::seconds(10)));
  Server().Start();
  while (!Append(audit, Record()).get()) std::this_thread::yield();
  CHECK(Events() == PendingEvents());
}

TEST_CASE_FIXTURE(Fixture, "a connection lost between two batches costs no record") {
  AuditLog audit(pool, clock, random, QuietLog(), 100);
  REQUIRE(Append(audit, Record()).get());
  Must(Connect()->Run(
      testing::Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'unit'"), {}));
  CHECK(Append(audit, Record()).get());
  CHECK(PendingEvents() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "records that are sent again, for the answer was lost, are there and queued once") {
  AuditLog audit(pool, clock, random, QuietLog(), 100);
  const std::vector<crypto::AuditRecord> records{Record(), Record()};
  auto lease = Must(pool.Acquire());
  Must(audit.Insert(*lease, records));
  Must(audit.Insert(*lease, records));
  CHECK(Events() == 2);
  CHECK(PendingEvents() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a full queue refuses at once") {
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE"), {}));
  AuditLog audit(pool, clock, random, QuietLog(), 2);
  auto committing = Append(audit, Record());
  AwaitBlocked();
  auto first = Append(audit, Record());
  CHECK(audit.Accepting());
  auto second = Append(audit, Record());
  CHECK(!audit.Accepting());
  auto third = Append(audit, Record());
  CHECK(third.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  CHECK(!third.get());
  Must(transaction.Commit());
  CHECK(committing.get());
  CHECK(first.get());
  CHECK(second.get());
  CHECK(Events() == 3);
}

TEST_CASE_FIXTURE(Fixture, "a record that PostgreSQL refuses does not take its neighbours along") {
  auto blocker = Connect("claviger_owner", name);
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE"), {}));
  AuditLog audit(pool, clock, random, QuietLog(), 100);
  auto committing = Append(audit, Record());
  auto poison = Record();
  poison.resource_id = "\xFF";
  auto before = Append(audit, Record());
  auto refused = Append(audit, poison);
  auto after = Append(audit, Record());
  Must(transaction.Commit());
  CHECK(committing.get());
  CHECK(before.get());
  CHECK(!refused.get());
  CHECK(after.get());
  CHECK(PendingEvents() == 3);
}

TEST_CASE_FIXTURE(Fixture, "the log drains when it goes") {
  std::vector<std::future<bool>> answers;
  {
    AuditLog audit(pool, clock, random, QuietLog(), 1000);
    for (int i = 0; i < 600; ++i) answers.push_back(Append(audit, Record()));
  }
  for (auto& answer : answers) CHECK(answer.get());
  CHECK(Events() == 600);
}

TEST_CASE_FIXTURE(Fixture, "the runtime role can neither change nor remove a record") {
  auto app = Connect("claviger_app", name);
  for (const char* sql :
       {"UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events", "TRUNCATE audit_events",
        "UPDATE audit_links SET sequence = 1", "DELETE FROM audit_links", "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET number = 1"}) {
    CHECK(app->Run(testing::Sql(sql), {}).error().sqlstate == "42501");
  }
}

TEST_CASE_FIXTURE(Fixture, "details hold what was added, bounded and without control bytes in clear") {
  auto draft = Draft();
  draft.AddDetail("line", "a\r\nb\x01");
  draft.AddDetail("nul", std::string_view("a\0b", 3));
  draft.AddDetail("long", std::string(1023, 'x') + "\xC3\xA9");
  draft.AddDetail("bad", "\xFF");
  const auto record = draft.Finish(clock, random, "denied");
  CHECK(record.outcome == "denied");
  CHECK(record.details.find('\n') == std::string::npos);
  const Json details = ParseJson(record.details).value();
  CHECK(details["line"] == "a\r\nb\x01");
  CHECK(details["nul"] == "ab");
  CHECK(details["long"] == std::string(1023, 'x'));
  CHECK(details["bad"] == "\xEF\xBF\xBD");
}

TEST_CASE_FIXTURE(Fixture, "a log that goes while nothing commits waits for one batch and refuses the rest") {
  auto blocker = Connect("claviger_owner", name);
  REQUIRE(blocker->RunScript("SET idle_in_transaction_session_timeout = 0"));
  auto transaction = Must(blocker->Begin());
  Must(blocker->Run(testing::Sql("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE"), {}));
  auto audit = std::make_unique<AuditLog>(pool, clock, random, QuietLog(), 1000);
  auto committing = Append(*audit, Record());
  AwaitBlocked();
  std::vector<std::future<bool>> answers;
  for (int i = 0; i < 600; ++i) answers.push_back(Append(*audit, Record()));
  auto gone = std::async(std::launch::async, [&audit] { audit.reset(); });
  CHECK(!committing.get());
  Must(transaction.Commit());
  gone.get();
  for (auto& answer : answers) CHECK(!answer.get());
  CHECK(Events() == 0);
}
