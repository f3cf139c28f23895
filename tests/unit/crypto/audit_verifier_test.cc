#include <functional>

#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

Result<AuditVerifier::Summary> Verify(const SampleLog& log, const OrgId& org = kOrg) {
  AuditVerifier verifier(org, log.keys);
  for (const auto& checkpoint : log.checkpoints) {
    TRYV(verifier.AddCheckpoint(checkpoint));
  }
  for (const auto& record : log.records) {
    TRYV(verifier.AddRecord(record));
  }
  return verifier.Finish();
}

// The verdict after one edit of the sample log.
std::string VerdictAfter(const std::function<void(SampleLog&)>& edit) {
  SampleLog log = MakeSampleLog();
  edit(log);
  const auto result = Verify(log);
  if (result) return "accepted";
  CHECK(result.error().kind == ErrorKind::kIntegrity);
  return result.error().detail;
}

// Recomputes all hashes of the chain, as an editor of the database without the HSM's key could.
void Relink(SampleLog& log) {
  Digest head{};
  std::optional<EventId> previous;
  for (size_t i = 0; i < log.records.size(); ++i) {
    auto& linked = log.records[i];
    linked.sequence = i + 1;
    linked.previous_id = previous;
    linked.integrity_hash = head = IntegrityHash(head, i + 1, linked.record);
    previous = linked.record.id;
  }
}

}  // namespace

TEST_CASE("An untouched log verifies and is summed up") {
  const SampleLog log = MakeSampleLog();
  const auto summary = Verify(log).value();
  CHECK(summary.records == 3);
  CHECK(summary.checkpoints == 2);
  CHECK(summary.sealed_until == ParseTime("2026-03-01T12:00:06Z"));
  CHECK(summary.last_checkpoint_hash == CheckpointHash(log.checkpoints[1]));
}

TEST_CASE("A PEM key without kid verifies checkpoints of any kid") {
  SampleLog log = MakeSampleLog();
  log.keys[0].kid.clear();
  CHECK(Verify(log));
}

TEST_CASE("An organisation without records verifies against checkpoints of others") {
  SampleLog log = MakeSampleLog();
  log.records.clear();
  const auto nobody = SampleId<OrgId>("0190aaaa-0001-7000-8000-00000000000f");
  const auto summary = Verify(log, nobody).value();
  CHECK(summary.records == 0);
  CHECK(summary.checkpoints == 2);
}

TEST_CASE("An empty log has nothing sealed") {
  const auto summary = AuditVerifier(kOrg, {}).Finish().value();
  CHECK(summary.records == 0);
  CHECK_FALSE(summary.sealed_until);
}

TEST_CASE("Edited records are found, even with all hashes recomputed") {
  CHECK(VerdictAfter([](SampleLog& log) { log.records[1].record.action = "secret.list"; }) ==
        "Record 2 or one before it was edited: its integrity hash is wrong");
  CHECK(VerdictAfter([](SampleLog& log) {
          log.records[0].record.outcome = "denied";
          Relink(log);
        }) == "Records up to 2 are not those that checkpoint 1 sealed");
  CHECK(VerdictAfter([](SampleLog& log) {
          log.records[2].record.details = "{ }";
          Relink(log);
        }) == "Records up to 3 are not those that checkpoint 2 sealed");
}

TEST_CASE("Missing, repeated and reordered records are found") {
  CHECK(VerdictAfter([](SampleLog& log) { log.records.erase(log.records.begin()); }) ==
        "Record 2 stands where 1 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) { log.records.erase(log.records.begin() + 1); }) ==
        "Record 3 stands where 2 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) {
          log.records.erase(log.records.begin() + 1);
          Relink(log);
        }) == "Records up to 2 are not those that checkpoint 1 sealed");
  CHECK(VerdictAfter([](SampleLog& log) { log.records.insert(log.records.begin(), log.records[0]); }) ==
        "Record 1 stands where 2 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) { std::swap(log.records[0], log.records[1]); }) ==
        "Record 2 stands where 1 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) {
          std::swap(log.records[0], log.records[1]);
          Relink(log);
        }) == "Records up to 2 are not those that checkpoint 1 sealed");
}

TEST_CASE("A record of another organisation or with a false predecessor is found") {
  CHECK(VerdictAfter([](SampleLog& log) { log.records[0].record.org = kOtherOrg; }) ==
        "Record 1 is of another organisation");
  CHECK(VerdictAfter([](SampleLog& log) { log.records[1].previous_id.reset(); }) ==
        "Record 2 does not name the record before it");
  CHECK(VerdictAfter([](SampleLog& log) { log.records[0].previous_id = log.records[1].record.id; }) ==
        "Record 1 does not name the record before it");
}

TEST_CASE("A cut-off tail is found, also when its checkpoint is cut off with it or kept") {
  CHECK(VerdictAfter([](SampleLog& log) { log.records.pop_back(); }) ==
        "The log is cut off: 3 records are sealed, 2 are here");
  CHECK(VerdictAfter([](SampleLog& log) { log.records.clear(); }) ==
        "The log is cut off: 3 records are sealed, 0 are here");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints.pop_back(); }) == "No checkpoint covers record 3");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints.clear(); }) == "No checkpoint covers record 1");
}

TEST_CASE("Missing, repeated and reordered checkpoints are found") {
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints.erase(log.checkpoints.begin()); }) ==
        "Checkpoint 2 stands where 1 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints.push_back(log.checkpoints[1]); }) ==
        "Checkpoint 2 stands where 3 belongs: missing, repeated or reordered");
  CHECK(VerdictAfter([](SampleLog& log) { std::swap(log.checkpoints[0], log.checkpoints[1]); }) ==
        "Checkpoint 2 stands where 1 belongs: missing, repeated or reordered");
}

TEST_CASE("Edited checkpoints are found") {
  CHECK(VerdictAfter([](SampleLog& log) { ++log.checkpoints[0].total_records; }) ==
        "Checkpoint 1 is not signed by a given key");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints[0].kid = "claviger-audit-v2"; }) ==
        "Checkpoint 1 is not signed by a given key");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints[1].previous[0] ^= 1; }) ==
        "Checkpoint 2 does not continue checkpoint 1");
  CHECK(VerdictAfter([](SampleLog& log) { log.checkpoints[0].signature.clear(); }) ==
        "Checkpoint 1 is not signed by a given key");
  for (size_t bit = 0; bit < 512; ++bit) {
    CHECK(VerdictAfter([bit](SampleLog& log) {
            log.checkpoints[0].signature[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
          }) == "Checkpoint 1 is not signed by a given key");
  }
}

TEST_CASE("Removed, added, edited, doubled and reordered leaves are found") {
  const std::function<void(std::vector<AuditLeaf>&)> edits[] = {
      [](auto& leaves) { leaves.clear(); },
      [](auto& leaves) { leaves.pop_back(); },
      [](auto& leaves) { leaves.erase(leaves.begin()); },
      [](auto& leaves) {
        leaves.push_back({LeafTag(kOrg, 9), 1, {}});
      },
      [](auto& leaves) { leaves.push_back(leaves.back()); },
      [](auto& leaves) { ++leaves[0].count; },
      [](auto& leaves) { leaves[0].head[0] ^= 1; },
      [](auto& leaves) { std::swap(leaves[0], leaves[1]); },
  };
  for (const auto& edit : edits) {
    CHECK(VerdictAfter([&](SampleLog& log) { edit(log.checkpoints[0].leaves); }) ==
          "The leaves of checkpoint 1 do not give its signed root");
  }
}

TEST_CASE("A log signed throughout by another key is refused") {
  CHECK(VerdictAfter([](SampleLog& log) {
          fakes::FakeKeyring stranger(99);
          Seal(stranger, log.checkpoints[0], Digest{});
          Seal(stranger, log.checkpoints[1], CheckpointHash(log.checkpoints[0]));
        }) == "Checkpoint 1 is not signed by a given key");
  CHECK(VerdictAfter([](SampleLog& log) { log.keys.clear(); }) ==
        "Checkpoint 1 is not signed by a given key");
}

TEST_CASE("A checkpoint must name the key that signed it") {
  CHECK(VerdictAfter([](SampleLog& log) { log.keys[0].kid = "claviger-audit-v2"; }) ==
        "Checkpoint 1 is not signed by a given key");
}

TEST_CASE("Even the HSM's own signature does not excuse counts that run backwards or nothing sealed") {
  fakes::FakeKeyring keyring;
  const auto reseal = [&](SampleLog& log) {
    Seal(keyring, log.checkpoints[0], Digest{});
    Seal(keyring, log.checkpoints[1], CheckpointHash(log.checkpoints[0]));
  };
  CHECK(VerdictAfter([&](SampleLog& log) {
          log.checkpoints[1].leaves[0].count = 2;
          reseal(log);
        }) == "Checkpoint 2 counts 2 records after 2 were counted before");
  CHECK(VerdictAfter([&](SampleLog& log) {
          log.checkpoints[1].total_records = 3;
          reseal(log);
        }) == "Checkpoint 2 counts too few records");
  CHECK(VerdictAfter([&](SampleLog& log) {
          log.checkpoints[1].total_records = 1;
          reseal(log);
        }) == "Checkpoint 2 counts too few records");
  CHECK(VerdictAfter([&](SampleLog& log) {
          log.checkpoints[1].total_records = 5;
          log.checkpoints[1].leaves.push_back(log.checkpoints[1].leaves[0]);
          reseal(log);
        }) == "The leaves of checkpoint 2 do not give its signed root");
  CHECK(VerdictAfter([&](SampleLog& log) {
          AuditCheckpoint empty;
          empty.number = 3;
          empty.total_records = 4;
          Seal(keyring, empty, CheckpointHash(log.checkpoints[1]));
          log.checkpoints.push_back(empty);
        }) == "The leaves of checkpoint 3 do not give its signed root");
  CHECK(VerdictAfter(reseal) == "accepted");
}

TEST_CASE("After one refusal nothing is accepted any more") {
  const SampleLog log = MakeSampleLog();
  AuditVerifier verifier(kOrg, log.keys);
  CHECK_FALSE(verifier.AddCheckpoint(log.checkpoints[1]));
  CHECK_FALSE(verifier.AddCheckpoint(log.checkpoints[0]));
  CHECK_FALSE(verifier.AddRecord(log.records[0]));
  CHECK_FALSE(verifier.Finish());
}

TEST_CASE("A checkpoint behind records is refused") {
  const SampleLog log = MakeSampleLog();
  AuditVerifier verifier(kOrg, log.keys);
  CHECK(verifier.AddCheckpoint(log.checkpoints[0]));
  CHECK(verifier.AddRecord(log.records[0]));
  CHECK_FALSE(verifier.AddCheckpoint(log.checkpoints[1]));
}
