#include "crypto/audit_export.h"

#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

const std::vector<PublicKey> kKeys = MakeSampleLog().keys;

Result<AuditVerifier::Summary> Read(const std::vector<std::string>& lines) {
  ExportReader reader(kKeys);
  for (const std::string& line : lines) {
    TRYV(reader.AddLine(line));
  }
  return reader.Finish();
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("An export has the documented lines and verifies with the public key alone") {
  const auto lines = ExportOf(MakeSampleLog());
  CHECK(lines == ReadLines("known_export.ndjson"));
  ExportReader reader(kKeys);
  CHECK_FALSE(reader.org());
  for (const auto& line : lines) REQUIRE(reader.AddLine(line));
  CHECK(*reader.org() == kOrg);
  const auto summary = reader.Finish().value();
  CHECK(summary.records == 3);
  CHECK(summary.checkpoints == 2);
}

TEST_CASE("Every line is read back to what was written, whatever its text") {
  auto linked = MakeSampleLog().records[1];
  linked.record.details = "{\"x\":\"\\u0000\\n\"}";
  linked.record.action = "\"\\/\b\f\n\r\t\x01\x1F\x7F \xE2\x80\xA8 \xF0\x9F\x94\x91";
  linked.record.ip_address = "";
  const std::string line = ExportRecordLine(linked);
  CHECK(line.find('\n') == std::string::npos);
  const auto read = ParseExportLine(line);
  REQUIRE(read);
  CHECK(CanonicalBytes(read->record->record) == CanonicalBytes(linked.record));
  CHECK(read->record->previous_id == linked.previous_id);
  CHECK(ParseExportLine(ExportEndLine(UINT64_MAX, 0))->end->checkpoints == UINT64_MAX);
}

TEST_CASE("An export with any bit of any line flipped is refused") {
  const auto lines = ExportOf(MakeSampleLog());
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t bit = 0; bit < lines[i].size() * 8; ++bit) {
      auto edited = lines;
      edited[i][bit / 8] = static_cast<char>(edited[i][bit / 8] ^ (1 << (bit % 8)));
      // The time of the export itself is not sealed: the daemon writes it, nobody signs it.
      const bool unsealed = i == 0 && bit / 8 >= lines[0].find("exported_at");
      if (unsealed) continue;
      CAPTURE(i);
      CAPTURE(bit);
      CHECK_FALSE(Read(edited));
    }
  }
}

TEST_CASE("An export with a line missing, repeated or moved is refused") {
  const auto lines = ExportOf(MakeSampleLog());
  for (size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(i);
    auto without = lines, twice = lines;
    without.erase(without.begin() + static_cast<ptrdiff_t>(i));
    twice.insert(twice.begin() + static_cast<ptrdiff_t>(i), lines[i]);
    CHECK_FALSE(Read(without));
    CHECK_FALSE(Read(twice));
    if (i + 1 == lines.size()) continue;
    auto swapped = lines;
    std::swap(swapped[i], swapped[i + 1]);
    CHECK_FALSE(Read(swapped));
  }
  for (size_t count = 0; count < lines.size(); ++count) {
    CHECK_FALSE(Read({lines.begin(), lines.begin() + static_cast<ptrdiff_t>(count)}));
  }
}

TEST_CASE("The export of one organisation does not pass for another's") {
  auto lines = ExportOf(MakeSampleLog());
  lines[0] = ExportHeaderLine(kOtherOrg, *ParseTime("2026-03-01T12:01:00Z"));
  CHECK_FALSE(Read(lines));
}

TEST_CASE("An export sealed by another key is refused") {
  ExportReader reader(fakes::FakeKeyring(99).PublicKeys(SigningKey::kAudit).value());
  const auto lines = ExportOf(MakeSampleLog());
  CHECK(reader.AddLine(lines[0]));
  const auto status = reader.AddLine(lines[1]);
  CHECK(status.error().kind == ErrorKind::kIntegrity);
  CHECK(status.error().detail == "Line 2: Checkpoint 1 is not signed by a given key");
  CHECK_FALSE(reader.AddLine(lines[0]));
  CHECK_FALSE(reader.Finish());
}

TEST_CASE("Every other spelling of a line is refused") {
  const auto lines = ExportOf(MakeSampleLog());
  const std::string& record = lines[3];
  const std::string bad[] = {
      "",
      " " + record,
      record + " ",
      record + "\r",
      "\xEF\xBB\xBF" + record,
      Replaced(record, ",", ", "),
      Replaced(record, "{", "{\"extra\":1,"),
      Replaced(record, "\"sequence\":1", "\"sequence\":1,\"sequence\":1"),
      Replaced(record, "\"sequence\":1", "\"sequence\":1.0"),
      Replaced(record, "\"sequence\":1", "\"sequence\":\"1\""),
      Replaced(record, "\"sequence\":1", "\"sequence\":-1"),
      Replaced(record, "secret.write", "secret\\u002ewrite"),
      Replaced(record, ".000000Z", ".0Z"),
      Replaced(record, "000000Z\",\"integrity", "000000+00:00\",\"integrity"),
      Replaced(record, "\"type\":\"record\",", ""),
      Replaced(record, "\"type\":\"record\"", "\"type\":\"note\""),
      Replaced(record, "null", "\"\""),
      Replaced(record, "0190aaaa", "0190AAAA"),
      Replaced(lines[1], "\"leaves\":[", "\"leaves\":[[],"),
      Replaced(lines[1], "\"leaves\":[", "\"leaves\":[null,"),
      Replaced(lines[0], "claviger/audit-export/1", "claviger/audit-export/2"),
      "[]",
      "null",
      "{}",
      "{\"type\":1}",
  };
  for (const std::string& line : bad) {
    CAPTURE(line);
    CHECK_FALSE(ParseExportLine(line));
  }
}

TEST_CASE("A line of more than 1 MiB is refused unread") {
  ExportReader reader(kKeys);
  const auto status = reader.AddLine(std::string(1024 * 1024 + 1, '{'));
  CHECK(status.error().kind == ErrorKind::kInvalid);
  CHECK(status.error().detail == "Line 1: longer than 1 MiB");
}

TEST_CASE("A false end line and anything behind the end are refused") {
  auto lines = ExportOf(MakeSampleLog());
  lines.back() = ExportEndLine(2, 2);
  CHECK_FALSE(Read(lines));
  lines.back() = ExportEndLine(1, 3);
  CHECK_FALSE(Read(lines));
  lines.back() = ExportEndLine(2, 3);
  CHECK(Read(lines));
  lines.push_back(lines.back());
  CHECK_FALSE(Read(lines));
}

TEST_CASE("A checkpoint of a thousand organisations fits a line") {
  AuditCheckpoint checkpoint;
  for (uint64_t i = 0; i < 1000; ++i) checkpoint.leaves.push_back({LeafTag(kOrg, i), UINT64_MAX, Digest{}});
  CHECK(ExportCheckpointLine(checkpoint).size() < 1024 * 1024);
  CHECK(ParseExportLine(ExportCheckpointLine(checkpoint)));
}
