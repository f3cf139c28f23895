#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/audit/linker.h"
#include "api/audit/rollback_watch.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

namespace fs = std::filesystem;

struct Directory {
  Directory() {
    char name[] = "/tmp/claviger-mark-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Directory() { fs::remove_all(path); }
  std::string File() const { return path + "/audit-checkpoint"; }
  void Write(const std::string& text) const {
    std::ofstream(File()) << text;
    ::chmod(File().c_str(), 0600);
  }
  std::string path;
};

CheckpointMark MarkOf(uint64_t number, uint8_t fill) {
  CheckpointMark mark{number, {}};
  mark.hash.fill(fill);
  return mark;
}

struct Fixture : Database {
  // By a node that has seen nothing.
  void AddCheckpoint() {
    RollbackWatch innocent{{}, clock, QuietLog()};
    AuditLinker linker{{pool, keyring, innocent, clock, QuietLog()}};
    auto lease = Must(pool.Acquire());
    AuditDraft draft(http::Request{}, "secret.read", "getSecret");
    Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
    clock.Advance(std::chrono::seconds(1));
    REQUIRE(Must(linker.LinkOnce()) == 1);
  }
  void RemoveNewest() {
    Sql("DELETE FROM audit_leaves WHERE checkpoint = (SELECT max(number) FROM audit_checkpoints)");
    Sql("DELETE FROM audit_links WHERE checkpoint = (SELECT max(number) FROM audit_checkpoints)");
    Sql("DELETE FROM audit_checkpoints WHERE number = (SELECT max(number) FROM audit_checkpoints)");
  }
  Status Begin() {
    RollbackWatch later(directory.path, clock, QuietLog());
    return later.Begin(*Connect("claviger_app", name));
  }
  static bool SaysSetBack(const Status& status) {
    return !status && status.error().kind == ErrorKind::kIntegrity &&
           status.error().detail.find("set back") != std::string::npos;
  }

  Directory directory;
  AuditLog audit{pool, clock, random, QuietLog(), 10};
};

}  // namespace

TEST_CASE("a mark is read as it was written, and only its owner can touch it") {
  const Directory directory;
  CHECK(Must(ReadMark(directory.path)) == std::nullopt);
  for (const auto& mark : {MarkOf(0, 0), MarkOf(7, 0xAB), MarkOf(~uint64_t{0}, 1)}) {
    Must(WriteMark(directory.path, mark));
    CHECK(Must(ReadMark(directory.path)) == mark);
  }
  CHECK((fs::status(directory.File()).permissions() & fs::perms::all) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(!fs::exists(directory.File() + ".new"));
}

TEST_CASE("a mark that is spelled in any other way is refused") {
  const Directory directory;
  Must(WriteMark(directory.path, MarkOf(12, 0xAB)));
  std::ifstream file(directory.File());
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  const std::vector<std::string> all_bad = {"",
                                            good.substr(0, good.size() - 1),
                                            good + "\n",
                                            " " + good,
                                            good.substr(1),
                                            "claviger/audit-mark/1 012" + good.substr(24),
                                            "claviger/audit-mark/1 12:AB" + good.substr(27),
                                            "claviger/audit-mark/1 12",
                                            std::string(1000, 'x'),
                                            "claviger/audit-mark/1 99999999999999999999999:"};
  for (const std::string& bad : all_bad) {
    CAPTURE(bad);
    directory.Write(bad);
    const auto read = ReadMark(directory.path);
    REQUIRE(!read);
    CHECK(read.error().kind == ErrorKind::kInvalid);
  }
  directory.Write(good);
  CHECK(Must(ReadMark(directory.path)) == MarkOf(12, 0xAB));
}

TEST_CASE("a state file or directory that others can touch, or that leads elsewhere, is refused") {
  const Directory directory;
  Must(WriteMark(directory.path, MarkOf(1, 1)));
  SUBCASE("readable by the group") { ::chmod(directory.File().c_str(), 0640); }
  SUBCASE("a directory that others write to") { ::chmod(directory.path.c_str(), 0702); }
  SUBCASE("a symbolic link") {
    fs::rename(directory.File(), directory.path + "/elsewhere");
    fs::create_symlink(directory.path + "/elsewhere", directory.File());
  }
  SUBCASE("a FIFO") {
    fs::remove(directory.File());
    REQUIRE(::mkfifo(directory.File().c_str(), 0600) == 0);
  }
  CHECK(!ReadMark(directory.path));
  CHECK(!ReadMark(directory.path + "/absent"));
}

TEST_CASE("a link in the place of the file to be made is replaced, not followed") {
  const Directory directory;
  fs::create_symlink(directory.path + "/victim", directory.File() + ".new");
  fs::create_symlink(directory.path + "/victim", directory.File());
  Must(WriteMark(directory.path, MarkOf(1, 1)));
  CHECK(!fs::exists(directory.path + "/victim"));
  CHECK(Must(ReadMark(directory.path)) == MarkOf(1, 1));
}

TEST_CASE_FIXTURE(Fixture, "a database that goes on is accepted, one that was set back is not") {
  AddCheckpoint();
  Must(Begin());
  AddCheckpoint();
  Must(Begin());
  CHECK(Must(ReadMark(directory.path))->number == 2);
  RemoveNewest();
  CHECK(SaysSetBack(Begin()));
  CHECK(Must(ReadMark(directory.path))->number == 2);
  // Another history of the same length.
  AddCheckpoint();
  CHECK(SaysSetBack(Begin()));
  AddCheckpoint();
  CHECK(SaysSetBack(Begin()));
}

TEST_CASE_FIXTURE(Fixture, "an emptied database was set back") {
  AddCheckpoint();
  Must(Begin());
  RemoveNewest();
  CHECK(SaysSetBack(Begin()));
}

TEST_CASE_FIXTURE(Fixture, "without a file everything is new") {
  AddCheckpoint();
  RemoveNewest();
  Must(Begin());
}

TEST_CASE_FIXTURE(Fixture,
                  "a running node notices, links nothing more, and goes on once the database is whole") {
  RollbackWatch watch(directory.path, clock, QuietLog());
  AuditLinker watched({pool, keyring, watch, clock, QuietLog()});
  AddCheckpoint();
  AddCheckpoint();
  CHECK(Must(watched.LinkOnce()) == 0);
  CHECK(!watch.SetBack());
  Sql("CREATE TABLE kept AS SELECT * FROM audit_checkpoints WHERE number = 2");
  Sql("CREATE TABLE kept_leaves AS SELECT * FROM audit_leaves WHERE checkpoint = 2");
  Sql("DELETE FROM audit_leaves WHERE checkpoint = 2");
  Sql("DELETE FROM audit_checkpoints WHERE number = 2");
  auto lease = Must(pool.Acquire());
  AuditDraft draft(http::Request{}, "secret.read", "getSecret");
  Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
  const auto linked = watched.LinkOnce();
  REQUIRE(!linked);
  CHECK(linked.error().kind == ErrorKind::kIntegrity);
  CHECK(watch.SetBack());
  CHECK(Count("SELECT count(*) FROM audit_checkpoints") == 1);
  Sql("INSERT INTO audit_checkpoints SELECT * FROM kept");
  Sql("INSERT INTO audit_leaves SELECT * FROM kept_leaves");
  Sql("DROP TABLE kept, kept_leaves");
  CHECK(Must(watched.LinkOnce()) == 1);
  CHECK(!watch.SetBack());
}

TEST_CASE_FIXTURE(Fixture, "what a node made itself it has seen, though it ends at once") {
  {
    RollbackWatch watch(directory.path, clock, QuietLog());
    AuditLinker watched({pool, keyring, watch, clock, QuietLog()});
    auto lease = Must(pool.Acquire());
    AuditDraft draft(http::Request{}, "secret.read", "getSecret");
    Must(audit.Insert(*lease, draft.Finish(clock, random, "success")));
    REQUIRE(Must(watched.LinkOnce()) == 1);
  }
  CHECK(Must(ReadMark(directory.path))->number == 1);
}

TEST_CASE_FIXTURE(Fixture, "the file follows within seconds, and at the end") {
  {
    RollbackWatch watch(directory.path, clock, QuietLog());
    auto connection = Connect("claviger_app", name);
    Must(watch.Begin(*connection));
    CHECK(Must(ReadMark(directory.path)) == std::nullopt);
    AddCheckpoint();
    Must(watch.Look(*connection));
    CHECK(Must(ReadMark(directory.path))->number == 1);
    AddCheckpoint();
    Must(watch.Look(*connection));
    CHECK(Must(ReadMark(directory.path))->number == 1);
    clock.Advance(std::chrono::seconds(5));
    Must(watch.Look(*connection));
    CHECK(Must(ReadMark(directory.path))->number == 2);
    AddCheckpoint();
    Must(watch.Look(*connection));
  }
  CHECK(Must(ReadMark(directory.path))->number == 3);
}
