#include <set>

#include "api/audit/linker.h"
#include "api/export/live_export.h"
#include "tests/fakes/fake_sink.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : Database {
  // So many records under one checkpoint.
  void Seal(int records) {
    auto lease = Must(pool.Acquire());
    for (int i = 0; i < records; ++i) {
      clock.Advance(std::chrono::milliseconds(1));
      AuditDraft draft(http::Request{}, "secret.read", "getSecret");
      draft.SetActor("user", "", i % 2 == 0 ? first : second);
      Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
    }
    REQUIRE(Must(linker.LinkOnce()) == static_cast<uint64_t>(records));
  }
  int64_t Arrived() { return Count("SELECT coalesce(max(checkpoint), 0) FROM audit_exports"); }
  std::set<EventId> Different() {
    std::set<EventId> ids;
    for (const auto& linked : sink.got) ids.insert(linked.record.id);
    return ids;
  }
  static void Run(LiveExport& live) {
    while (Must(live.Step())) {
    }
  }
  // The database's clock is not ours.
  void EndLease() { Sql("UPDATE audit_exports SET leased_until = '-infinity'"); }

  const OrgId first{NewUuidV7(clock, random)};
  const OrgId second{NewUuidV7(clock, random)};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  RollbackWatch watch{{}, clock, QuietLog()};
  AuditLinker linker{{pool, keyring, watch, clock, QuietLog()}};
  fakes::FakeSink sink;
  LiveExport live{"syslog", sink, {pool, clock, random, QuietLog()}};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "records arrive once, in the order of their chains, under their checkpoints") {
  Seal(5);
  Seal(3);
  Run(live);
  REQUIRE(sink.got.size() == 8);
  CHECK(Different().size() == 8);
  CHECK(sink.checkpoints == std::vector<uint64_t>{1, 2});
  std::map<OrgId, uint64_t> last;
  for (const auto& linked : sink.got) CHECK(linked.sequence == ++last[linked.record.org]);
  CHECK(last.size() == 2);
  CHECK(Arrived() == 2);
  Run(live);
  CHECK(sink.got.size() == 8);
  Seal(1);
  Run(live);
  CHECK(sink.got.size() == 9);
}

TEST_CASE_FIXTURE(Fixture, "a new export begins at the beginning, and a restarted one where it was") {
  Seal(4);
  {
    LiveExport before("syslog", sink, {pool, clock, random, QuietLog()});
    Run(before);
  }
  Seal(2);
  Run(live);
  CHECK(sink.got.size() == 6);
}

TEST_CASE_FIXTURE(Fixture, "what was not confirmed is sent again after a failure") {
  sink.confirms = false;
  Seal(2);
  Seal(2);
  Run(live);
  CHECK(Arrived() == 0);
  sink.confirmed = 1;
  Run(live);
  CHECK(Arrived() == 1);
  CHECK(sink.got.size() == 4);
  sink.lost = true;
  CHECK(!live.Step());
  sink.Reset();
  LiveExport again("syslog", sink, {pool, clock, random, QuietLog()});
  EndLease();
  Run(again);
  CHECK(sink.checkpoints == std::vector<uint64_t>{1, 2, 2});
  CHECK(Different().size() == 4);
}

TEST_CASE_FIXTURE(Fixture, "while the receiver is away nothing moves, and then all of it comes") {
  sink.fails = true;
  for (int i = 0; i < 5; ++i) {
    Seal(2);
    CHECK(!live.Step());
  }
  CHECK(Arrived() == 0);
  CHECK(live.Lag().behind_checkpoints == 5);
  sink.fails = false;
  Run(live);
  CHECK(Different().size() == 10);
  CHECK(Arrived() == 5);
  Must(live.Step());
  CHECK(live.Lag().behind_checkpoints == 0);
  CHECK(live.Lag().behind_seconds == 0);
}

TEST_CASE_FIXTURE(Fixture, "one node sends at a time, and the next one goes on when the first is gone") {
  fakes::FakeSink other_sink;
  LiveExport other("syslog", other_sink, {pool, clock, random, QuietLog()});
  Seal(2);
  Run(live);
  Seal(2);
  Run(other);
  CHECK(other_sink.got.empty());
  CHECK(live.Lag().sending);
  CHECK(!other.Lag().sending);
  EndLease();
  Run(other);
  CHECK(other_sink.got.size() == 2);
  CHECK(other.Lag().sending);
  // The first does not know yet; what it confirms late counts for nothing.
  Seal(1);
  sink.delivered = 77;
  CHECK(!live.Step());
  CHECK(Arrived() == 2);
  clock.Advance(LiveExport::kLease);
  Run(live);
  CHECK(!live.Lag().sending);
  CHECK(sink.got.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "an export that ends lets the next node go on at once") {
  Seal(2);
  {
    LiveExport before("syslog", sink, {pool, clock, random, QuietLog()});
    Run(before);
  }
  Seal(1);
  Run(live);
  CHECK(live.Lag().sending);
}

TEST_CASE_FIXTURE(Fixture, "two receivers go each at their own pace") {
  fakes::FakeSink file_sink;
  LiveExport file("file", file_sink, {pool, clock, random, QuietLog()});
  Seal(2);
  Run(live);
  sink.fails = true;
  Seal(2);
  Run(file);
  CHECK(file_sink.got.size() == 4);
  CHECK(!live.Step());
  CHECK(sink.got.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a delivery is bounded, and a checkpoint is never divided") {
  Seal(900);
  Seal(200);
  Seal(1000);
  Must(live.Step());
  CHECK(sink.got.size() == 1100);
  Must(live.Step());
  CHECK(sink.got.size() == 2100);
  CHECK(sink.checkpoints == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "records in months that were taken away are passed over") {
  Seal(3);
  Seal(2);
  Sql("DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_links WHERE checkpoint = 1)");
  Run(live);
  CHECK(sink.got.size() == 2);
  CHECK(Arrived() == 2);
}

TEST_CASE_FIXTURE(Fixture, "what runs ahead of the receiver's word is bounded") {
  sink.confirms = false;
  Sql("INSERT INTO audit_checkpoints SELECT n, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), "
      "'hex'), n, "
      "now(), 'k', ''::bytea FROM generate_series(1, 2000) n");
  Run(live);
  CHECK(sink.delivered >= 1000);
  CHECK(sink.delivered < 1200);
}
