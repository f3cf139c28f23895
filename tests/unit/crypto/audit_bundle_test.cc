#include "crypto/audit_bundle.h"

#include "crypto/audit_export.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

const SampleLog kLog = MakeSampleLog();

BundlePeriod Between(const char* from, const char* to) { return {*ParseTime(from), *ParseTime(to), {}}; }

// Record 3, between the two checkpoints: the known answer.
BundlePeriod Late() {
  auto period = Between("2026-03-01T12:00:05.5Z", "2026-03-01T12:00:05.9Z");
  period.previous_id = kLog.records[1].record.id;
  return period;
}
// All three records: the chain begins in the period.
BundlePeriod Whole() { return Between("2026-03-01T11:00:00Z", "2026-03-01T12:00:05.9Z"); }

std::vector<std::string> Bundle(const BundlePeriod& period, size_t first_record, bool first_checkpoint,
                                const std::vector<PublicKey>& named = kLog.keys) {
  std::vector<std::string> lines;
  lines.push_back(BundleHeaderLine(kOrg, period, *ParseTime("2026-03-01T12:01:00Z")));
  lines.push_back(BundleKeysLine(JwksJson(named)));
  if (first_checkpoint) lines.push_back(ExportCheckpointLine(kLog.checkpoints[0]));
  for (size_t i = first_record; i < 3; ++i) lines.push_back(ExportRecordLine(kLog.records[i]));
  lines.push_back(ExportCheckpointLine(kLog.checkpoints[1]));
  lines.push_back(ExportEndLine(first_checkpoint ? 2 : 1, 3 - first_record));
  return lines;
}

Result<AuditVerifier::Summary> Read(const std::vector<std::string>& lines,
                                    const std::vector<PublicKey>& keys = kLog.keys) {
  ExportReader reader(keys);
  for (const std::string& line : lines) {
    TRYV(reader.AddLine(line));
  }
  return reader.Finish();
}

// As a forger would: the end line counts what is left.
std::vector<std::string> WithTrueEnd(std::vector<std::string> lines) {
  uint64_t checkpoints = 0, records = 0;
  for (const auto& line : lines) {
    checkpoints += line.starts_with("{\"type\":\"checkpoint\"") ? 1 : 0;
    records += line.starts_with("{\"type\":\"record\"") ? 1 : 0;
  }
  lines.back() = ExportEndLine(checkpoints, records);
  return lines;
}

}  // namespace

TEST_CASE("A bundle has the documented lines and verifies with the public key alone") {
  const auto lines = Bundle(Late(), 2, true);
  CHECK(lines == ReadLines("known_bundle.ndjson"));
  ExportReader reader(kLog.keys);
  for (const auto& line : lines) REQUIRE(reader.AddLine(line));
  CHECK(*reader.org() == kOrg);
  REQUIRE(reader.period() != nullptr);
  CHECK(reader.period()->from == Late().from);
  CHECK(reader.period()->to == Late().to);
  const auto summary = reader.Finish().value();
  CHECK(summary.records == 1);
  CHECK(summary.checkpoints == 2);
  CHECK(summary.last_checkpoint_hash == CheckpointHash(kLog.checkpoints[1]));
}

TEST_CASE("A bundle from the chain's beginning needs no first checkpoint") {
  CHECK(Read(Bundle(Whole(), 0, false)).value().records == 3);
  // But cannot leave it out later on, nor the records behind it.
  CHECK_FALSE(Read(Bundle(Late(), 2, false)));
  auto period = Whole();
  period.previous_id = kLog.records[0].record.id;
  CHECK_FALSE(Read(Bundle(period, 1, false)));
  CHECK_FALSE(Read(Bundle(period, 0, false)));
}

TEST_CASE("A bundle with any bit of any line flipped is refused") {
  for (const auto& lines : {Bundle(Late(), 2, true), Bundle(Whole(), 0, false)}) {
    for (size_t i = 0; i < lines.size(); ++i) {
      for (size_t bit = 0; bit < lines[i].size() * 8; ++bit) {
        const size_t at = bit / 8;
        // What the maker claims of period and time of the bundle.
        if (i == 0 && at >= lines[0].find("\"from\"") && at < lines[0].find("\"prev_event_id\"")) continue;
        if (i == 0 && at >= lines[0].find("\"exported_at\"")) continue;
        auto edited = lines;
        edited[i][at] = static_cast<char>(edited[i][at] ^ (1 << (bit % 8)));
        CAPTURE(i);
        CAPTURE(bit);
        CHECK_FALSE(Read(edited));
      }
    }
  }
}

TEST_CASE("A bundle with a line missing, repeated or moved is refused, though its end agrees") {
  for (const auto& lines : {Bundle(Late(), 2, true), Bundle(Whole(), 0, false)}) {
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
      CAPTURE(i);
      auto without = lines, twice = lines, swapped = lines;
      without.erase(without.begin() + static_cast<ptrdiff_t>(i));
      twice.insert(twice.begin() + static_cast<ptrdiff_t>(i), lines[i]);
      std::swap(swapped[i], swapped[i + 1]);
      for (const auto& edited : {without, twice}) {
        CHECK_FALSE(Read(edited));
        CHECK_FALSE(Read(WithTrueEnd(edited)));
      }
      CHECK_FALSE(Read(swapped));
    }
    for (size_t count = 0; count < lines.size(); ++count) {
      CHECK_FALSE(Read({lines.begin(), lines.begin() + static_cast<ptrdiff_t>(count)}));
    }
  }
}

TEST_CASE("A period that the checkpoints do not enclose is refused") {
  auto early = Late();
  early.from = kLog.checkpoints[0].created_at;
  CHECK_FALSE(Read(Bundle(early, 2, true)));
  auto late = Late();
  late.to = kLog.checkpoints[1].created_at;
  CHECK_FALSE(Read(Bundle(late, 2, true)));
}

TEST_CASE("A bundle cannot vouch for itself") {
  const auto others = fakes::FakeKeyring(99).PublicKeys(SigningKey::kAudit).value();
  CHECK_FALSE(Read(Bundle(Late(), 2, true), others));
  CHECK_FALSE(Read(Bundle(Late(), 2, true, others)));
  CHECK_FALSE(Read(Bundle(Late(), 2, true, others), others));
  auto without_keys = Bundle(Late(), 2, true);
  without_keys.erase(without_keys.begin() + 1);
  CHECK_FALSE(Read(without_keys));
  auto pem = kLog.keys;
  for (auto& key : pem) key.kid.clear();
  CHECK(Read(Bundle(Late(), 2, true), pem));
}

TEST_CASE("A bundle may span an exchange of the key, from the older to the newer") {
  fakes::FakeKeyring keyring;
  keyring.RotateSigningKey(SigningKey::kAudit);
  const auto keys = keyring.PublicKeys(SigningKey::kAudit).value();  // newest first
  auto lines = Bundle(Late(), 2, true, keys);
  const auto sign = [&](AuditCheckpoint checkpoint, const std::string& kid) {
    checkpoint.kid = kid;
    checkpoint.signature = keyring.SignAs(SigningKey::kAudit, kid, CheckpointBytes(checkpoint)).value().bytes;
    return ExportCheckpointLine(checkpoint);
  };
  lines[4] = sign(kLog.checkpoints[1], keys[0].kid);
  const auto summary = Read(lines, keys).value();
  CHECK(summary.records == 1);
  CHECK(summary.last_kid == keys[0].kid);
  CHECK_FALSE(Read(lines, {keys[0]}));
  CHECK_FALSE(Read(lines, {keys[1]}));
  // Whoever has the older key made this one behind the exchange.
  lines[2] = sign(kLog.checkpoints[0], keys[0].kid);
  CHECK(Read(lines, keys));
  lines[4] = sign(kLog.checkpoints[1], keys[1].kid);
  CHECK_FALSE(Read(lines, keys));
}

TEST_CASE("A bundle of one organisation does not pass for another's, nor for an export") {
  auto lines = Bundle(Late(), 2, true);
  lines[0] = BundleHeaderLine(kOtherOrg, Late(), *ParseTime("2026-03-01T12:01:00Z"));
  CHECK_FALSE(Read(lines));
  lines[0] = ExportHeaderLine(kOrg, *ParseTime("2026-03-01T12:01:00Z"));
  CHECK_FALSE(Read(lines));
  auto exported = ExportOf(kLog);
  exported[0] = BundleHeaderLine(kOrg, Whole(), *ParseTime("2026-03-01T12:01:00Z"));
  CHECK_FALSE(Read(exported));
  exported = ExportOf(kLog);
  exported.insert(exported.begin() + 1, BundleKeysLine(JwksJson(kLog.keys)));
  CHECK_FALSE(Read(exported));
}
