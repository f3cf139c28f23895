#include <functional>
#include <utility>

#include "tests/unit/api/secrets_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

// Lets a test act between the plan of a write and its commit: its seal draws random bytes then.
class Interruption final : public Random {
 public:
  void Fill(std::span<uint8_t> out) override {
    if (const auto act = std::exchange(meanwhile, nullptr)) act();
    random_.Fill(out);
  }
  std::function<void()> meanwhile;

 private:
  crypto::SystemRandom random_;
};

// A trigger on the commit of every new version; gone with the object.
struct AtCommit {
  AtCommit(Database& database, const char* action) : database_(database) {
    const std::string function =
        std::string("CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ") + action +
        "; RETURN NULL; END $$";
    database_.Sql(function.c_str());
    database_.Sql(
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON secret_versions DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION at_commit()");
  }
  ~AtCommit() { database_.Sql("DROP FUNCTION at_commit CASCADE"); }
  Database& database_;
};

}  // namespace

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "what changes between plan and commit of a batch costs it only what changed") {
  Interruption interruption;
  Secrets interrupted{pool, keyring, book, audit, clock, interruption};
  for (const char* path : {"a", "b", "c"}) Put(path);
  Must(Put({{alice, second_vault, "a"}, Value("v")}));
  auto writes = WritesOf({"a", "b", "c"});
  writes.push_back({{alice, second_vault, "a"}, Value("new")});

  SUBCASE("another write of one path") {
    interruption.meanwhile = [&] { Put("b", Value("theirs")); };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{true, false, true, true});
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "theirs");
    CHECK(VersionAt("b") == 2);
  }
  SUBCASE("another batch of some paths") {
    interruption.meanwhile = [&] {
      CHECK(Answered(PutTogether(WritesOf({"c", "a"}, "theirs"))) == std::vector{true, true});
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{false, true, false, true});
    CHECK(Must(Get({alice, vault, "a"})).value.Text() == "theirs");
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "new");
  }
  SUBCASE("the deletion of one secret, which the write takes back") {
    interruption.meanwhile = [&] {
      auto draft = Draft();
      Must(secrets.Delete({alice, client}, vault, "b", draft));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector(4, true));
    CHECK(Must(Get({alice, vault, "b"})).value.Text() == "new");
  }
  SUBCASE("the end of a vault") {
    interruption.meanwhile = [&] {
      auto draft = Draft();
      Must(vaults.Delete(alice, second_vault, draft));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector{true, true, true, false});
    CHECK(Put(writes[3]).error().kind == ErrorKind::kNotFound);
    return;  // the versions that went have records
  }
  SUBCASE("every path") {
    interruption.meanwhile = [&] {
      for (const Write& write : writes) Must(Put({write.place, Value("theirs")}));
    };
    CHECK(Answered(PutTogether(interrupted, writes)) == std::vector(4, false));
  }
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a row that the database refuses leaves its batch unwritten, for each to try alone") {
  for (const char* path : {"a", "rolled-back", "b"}) Put(path);
  Put("rolled-back");
  Sql("UPDATE secrets SET version = 1 WHERE path = 'rolled-back'");  // its next version is there already
  const auto writes = WritesOf({"a", "rolled-back", "b"});
  CHECK(Answered(PutTogether(writes)) == std::vector(3, false));
  CHECK(VersionAt("a") == 1);
  CHECK(Must(Put(writes[0])).version == 2);
  CHECK(Put(writes[1]).error().kind == ErrorKind::kConflict);
  CHECK(Must(Put(writes[2])).version == 2);
}

TEST_CASE_FIXTURE(SecretsBatchFixture, "a commit that the database refuses leaves every answer empty") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "b", "first"});
  {
    const AtCommit refuse(*this, "RAISE 'not today'");
    CHECK(Answered(PutTogether(writes)) == std::vector(3, false));
  }
  CHECK(VersionAt("a") == 1);
  CHECK(Answered(PutTogether(writes)) == std::vector{true, true, false});
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a connection lost at the commit is an error for all that was being written") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "first", "b", "a"});
  {
    const AtCommit die(*this, "PERFORM pg_terminate_backend(pg_backend_pid())");
    const auto answers = PutTogether(writes);
    REQUIRE(Answered(answers) == std::vector{true, false, true, false});
    for (const size_t i : {0, 2}) {
      REQUIRE(!answers[i]->has_value());
      CHECK(answers[i]->error().kind == ErrorKind::kUnavailable);
    }
  }
  CheckHistory();
  CHECK(Answered(PutTogether(writes)) == std::vector{true, false, true, false});
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture, "writes together need database and HSM, and do nothing without") {
  for (const char* path : {"a", "b"}) Put(path);
  const auto writes = WritesOf({"a", "b"});
  keyring.SetUnavailable(true);
  CHECK(Answered(PutTogether(writes)) == std::vector(2, false));
  keyring.SetUnavailable(false);
  CHECK(VersionAt("a") == 1);
  Server().Stop();
  const auto without = Answered(PutTogether(writes));
  Server().Start();
  CHECK(without == std::vector(2, false));
  while (!pool.Acquire()) std::this_thread::yield();  // it does not ask again at once
  CHECK(Answered(PutTogether(writes)) == std::vector(2, true));
  CHECK(PutTogether({}).empty());
  CheckHistory();
}
