#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "tests/unit/api/secrets_batch_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "of mixed writes each has the answer it has alone, or none and no effect") {
  auto typed = Value("v");
  typed.type = "password";
  Put("typed", std::move(typed));
  for (const char* path : {"own", "rich", "deleted", "twice", "shared-id", "long", "longest"}) Put(path);
  auto limited = Value("v");
  limited.max_access_count = 5;
  limited.expires_at = clock.Now() + std::chrono::hours(1);
  Put("was-limited", std::move(limited));
  Must(Put({{bob, bobs_vault, "own"}, Value("v")}));
  Must(Put({{alice, damaged_vault, "own"}, Value("v")}));
  {
    auto draft = Draft();
    Must(secrets.Delete({alice, client}, vault, "deleted", draft));
  }
  TamperKek(damaged_vault);
  const int64_t records = Records();

  auto rich = Value("w");
  rich.type = "note";
  rich.metadata = R"({"b":[null,"ü"]})";
  rich.expires_at = clock.Now() + std::chrono::hours(2);
  rich.max_access_count = 2147483647;
  struct Case {
    Write write;
    uint32_t together;               // the version, 0 for no answer
    std::optional<ErrorKind> alone;  // why it fails alone
  };
  std::vector<Case> cases;
  const auto add = [&](const Place& place, PutSecretRequest request, uint32_t together,
                       std::optional<ErrorKind> alone = {}) {
    cases.push_back({{place, std::move(request)}, together, alone});
  };
  add({alice, vault, "own"}, Value("w"), 2);
  add({alice, vault, "first"}, Value("w"), 0);
  add({alice, no_vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({alice, vault, "rich"}, std::move(rich), 2);
  add({alice, bobs_vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({bob, vault, "own"}, Value("w"), 0, ErrorKind::kNotFound);
  add({bob, bobs_vault, "own"}, Value("bob's new one"), 2);
  add({colleague, vault, "own"}, Value("w"), 0, ErrorKind::kForbidden);
  add({colleague, vault, "first"}, Value("w"), 0, ErrorKind::kForbidden);
  add({alice, vault, "deleted"}, Value("w"), 2);
  add({alice, vault, "twice"}, Value("w"), 2);
  add({alice, vault, "typed"}, Value("w"), 2);
  add({alice, vault, "twice"}, Value("w"), 0);
  add({alice, damaged_vault, "own"}, Value("w"), 0, ErrorKind::kIntegrity);
  add({alice, vault, "not//a/path"}, Value("w"), 0, ErrorKind::kInvalid);
  add({alice, vault, ""}, Value("w"), 0, ErrorKind::kInvalid);
  add({alice, vault, "longest"}, Value(std::string(64 * 1024, 'x')), 2);
  add({alice, vault, "long"}, Value(std::string(64 * 1024 + 1, 'x')), 0);
  add({alice, vault, "was-limited"}, Value("w"), 2);

  std::vector<Write> writes;
  for (Case& one : cases) writes.push_back(std::move(one.write));
  const auto answers = PutTogether(writes);
  CHECK(Records() == records + 8);
  CheckHistory();
  // No limit but what this version has.
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE version = 2 AND (expires_at IS NOT NULL "
              "OR max_access_count <> 0)") == 1);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE max_access_count = 2147483647 AND expires_at = $1 "
              "AND metadata = $2",
              {*writes[3].request.expires_at, writes[3].request.metadata}) == 1);
  CHECK(Count("SELECT count(*) FROM secret_versions WHERE version = 2 AND access_count <> 0") == 0);

  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    const Place& place = writes[i].place;
    CAPTURE(place.path);
    REQUIRE(answers[i].has_value() == (cases[i].together != 0));
    if (answers[i]) {
      const auto& written = Must(*answers[i]);
      CHECK(written.version == cases[i].together);
      const auto read = Must(Get(place));
      if (place.path != "twice") CHECK(read.value == writes[i].request.value);
      CheckSame(written, read.about);
      CHECK(read.created_by == "user:" + FormatUuid(place.who.id));
    }
    const auto alone = Put(writes[i]);
    if (cases[i].alone) {
      REQUIRE(!alone);
      CHECK(alone.error().kind == *cases[i].alone);
    } else {
      REQUIRE(alone);
      if (answers[i]) CheckSame(Must(*answers[i]), alone.value());
    }
  }
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "of two writes of one path the older is written together, the other after it") {
  Put("a");
  std::vector<Write> writes;
  writes.push_back({{alice, vault, "a"}, Value("older")});
  writes.push_back({{alice, vault, "a"}, Value("newer")});
  CHECK(Answered(PutTogether(writes)) == std::vector{true, false});
  CHECK(Must(Get({alice, vault, "a"})).value.Text() == "older");
  CHECK(Must(Put(writes[1])).version == 3);
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a secret whose rows were moved is written where it is asked for, or not at all") {
  for (const char* path : {"moved", "copied", "misnamed"}) Put(path);
  Sql("UPDATE secrets SET vault_id = $1 WHERE path = 'moved'", {second_vault});
  Sql("UPDATE secrets SET path = 'mis//named' WHERE path = 'misnamed'");
  CopyToBob("copied");
  std::vector<Write> writes;
  writes.push_back({{alice, second_vault, "moved"}, Value("at its new place")});
  writes.push_back({{alice, vault, "copied"}, Value("alice's")});
  writes.push_back({{bob, bobs_vault, "copied"}, Value("bob's")});  // under the same id
  writes.push_back({{alice, vault, "moved"}, Value("at its old place")});
  writes.push_back({{alice, vault, "mis//named"}, Value("nowhere")});
  const auto answers = PutTogether(writes);
  CHECK(Answered(answers) == std::vector{true, true, false, false, false});
  CHECK(Must(*answers[0]).version == 2);
  CHECK(Must(*answers[1]).version == 2);
  CHECK(Must(Put(writes[2])).version == 2);
  CHECK(Must(Put(writes[3])).version == 1);
  CHECK(Put(writes[4]).error().kind == ErrorKind::kInvalid);
  writes.pop_back();
  for (const Write& write : writes) CHECK(Must(Get(write.place)).value == write.request.value);
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "a path that another transaction holds is left out, and nobody waits for it") {
  for (const char* path : {"a", "held", "b"}) Put(path);
  auto other = Connect("claviger_app", name);
  auto transaction = Must(other->Begin());
  Must(other->Run(testing::Sql("UPDATE secrets SET version = version WHERE path = 'held'"), {}));
  const auto writes = WritesOf({"a", "held", "b"});
  const auto answers = PutTogether(writes);
  Must(transaction.Commit());
  CHECK(Answered(answers) == std::vector{true, false, true});
  CHECK(VersionAt("held") == 1);
  CHECK(Must(Put(writes[1])).version == 2);
  CheckHistory();
}

TEST_CASE_FIXTURE(SecretsBatchFixture,
                  "batches of the same paths in opposite order neither lose nor double a version") {
  constexpr size_t kPaths = 8, kRounds = 25;
  std::vector<std::string> paths;
  for (size_t i = 0; i < kPaths; ++i) {
    paths.push_back("path/" + std::to_string(i));
    Put(paths.back().c_str());
  }
  std::mutex mutex;
  std::map<std::pair<std::string, uint32_t>, std::string> written, read;
  std::atomic<int> doubled = 0, failed = 0, together = 0;
  const auto note = [&](const std::string& path, const std::string& value,
                        const Result<SecretMetadata>& result) {
    if (!result) {
      ++failed;
      return;
    }
    const std::lock_guard lock(mutex);
    if (!written.emplace(std::pair(path, result.value().version), value).second) ++doubled;
  };
  const auto write = [&](bool backwards) {
    for (size_t round = 0; round < kRounds; ++round) {
      std::vector<Write> writes;
      for (const auto& path : paths) {
        const auto value = path + (backwards ? " backwards " : " forwards ") + std::to_string(round);
        writes.push_back({{alice, vault, path}, Value(value)});
      }
      if (backwards) std::reverse(writes.begin(), writes.end());
      const auto answers = PutTogether(writes);
      for (size_t i = 0; i < writes.size(); ++i) {
        together += answers[i] ? 1 : 0;
        const std::string value(writes[i].request.value.Text());
        note(writes[i].place.path, value, answers[i] ? *answers[i] : Put(writes[i]));
      }
    }
  };
  std::atomic<bool> writing = true;
  std::thread forwards([&] { write(false); }), backwards([&] { write(true); }), reader([&] {
    std::vector<Place> places;
    for (const auto& path : paths) places.push_back({alice, vault, path});
    while (writing) {
      const auto answers = GetTogether(places);
      const std::lock_guard lock(mutex);
      for (const auto& answer : answers) {
        if (!answer) {
          ++failed;
        } else {
          read[{answer->about.path, answer->about.version}] = answer->value.Text();
        }
      }
    }
  });
  forwards.join();
  backwards.join();
  writing = false;
  reader.join();
  CHECK(doubled == 0);
  CHECK(failed == 0);
  CHECK(together > 0);
  CHECK(written.size() == 2 * kPaths * kRounds);
  for (const auto& path : paths) CHECK(VersionAt(path.c_str()) == 1 + 2 * kRounds);
  CheckHistory();
  for (const auto& [which, value] : read) {
    if (which.second > 1) CHECK(written[which] == value);
  }
}
