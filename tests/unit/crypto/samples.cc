#include "tests/unit/crypto/samples.h"

#include <algorithm>

#include "tests/fakes/fake_keyring.h"

namespace claviger::test {

using namespace crypto;

namespace {

AuditRecord SampleRecord(int number, const OrgId& org, std::string action, std::string details) {
  const std::string digit = std::to_string(number);
  AuditRecord record;
  record.id = *EventId::Parse("0190aaaa-0006-7000-8000-00000000000" + digit);
  record.org = org;
  record.actor_type = "user";
  record.actor_id = "0190aaaa-0004-7000-8000-000000000001";
  record.action = std::move(action);
  record.resource_type = "secret";
  record.resource_id = kSecret.secret.ToString();
  record.outcome = "success";
  record.details = std::move(details);
  record.ip_address = "2001:db8::1";
  record.request_id = "0190aaaa-0007-7000-8000-00000000000" + digit;
  record.created_at = *ParseTime("2026-03-01T12:00:0" + digit + "Z");
  return record;
}

void Link(std::vector<AuditVerifier::LinkedRecord>& chain, AuditRecord record) {
  AuditVerifier::LinkedRecord linked;
  linked.sequence = chain.size() + 1;
  if (!chain.empty()) linked.previous_id = chain.back().record.id;
  const Digest previous = chain.empty() ? Digest{} : chain.back().integrity_hash;
  linked.integrity_hash = IntegrityHash(previous, linked.sequence, record);
  linked.record = std::move(record);
  chain.push_back(std::move(linked));
}

AuditLeaf LeafOf(const AuditVerifier::LinkedRecord& newest, uint64_t checkpoint) {
  return {LeafTag(newest.record.org, checkpoint), newest.sequence, newest.integrity_hash};
}

AuditCheckpoint SampleCheckpoint(uint64_t number, uint64_t total, const char* at,
                                 std::vector<AuditLeaf> leaves) {
  AuditCheckpoint checkpoint;
  checkpoint.number = number;
  checkpoint.total_records = total;
  checkpoint.created_at = *ParseTime(at);
  checkpoint.leaves = std::move(leaves);
  return checkpoint;
}

}  // namespace

TokenClaims SampleClaims() {
  TokenClaims claims;
  claims.subject = *ParseUuid("0190aaaa-0004-7000-8000-000000000001");
  claims.org = kOrg;
  claims.id = SampleId<TokenId>("0190aaaa-0005-7000-8000-000000000001");
  claims.issued_at = kIssuedAt;
  claims.expires_at = kIssuedAt + 900;
  claims.scopes = {"*"};
  return claims;
}

Time AfterIssue(int64_t seconds) { return Time{std::chrono::seconds{kIssuedAt + seconds}}; }

void Seal(Keyring& keyring, AuditCheckpoint& checkpoint, const Digest& previous) {
  checkpoint.previous = previous;
  std::sort(checkpoint.leaves.begin(), checkpoint.leaves.end(),
            [](const auto& a, const auto& b) { return a.tag < b.tag; });
  checkpoint.root = MerkleRoot(checkpoint.leaves);
  checkpoint.kid = keyring.PublicKeys(SigningKey::kAudit).value().front().kid;
  checkpoint.signature = keyring.Sign(SigningKey::kAudit, CheckpointBytes(checkpoint)).value().bytes;
}

SampleLog MakeSampleLog() {
  fakes::FakeKeyring keyring;
  SampleLog log;
  Link(log.records, SampleRecord(1, kOrg, "secret.write", R"({"version":1})"));
  Link(log.records, SampleRecord(2, kOrg, "secret.read", "{\"note\":\"tab\\t and Gr\xC3\xBC\xC3\x9F\x65\"}"));
  Link(log.records, SampleRecord(3, kOrg, "secret.delete", "{}"));
  std::vector<AuditVerifier::LinkedRecord> others;
  Link(others, SampleRecord(4, kOtherOrg, "secret.read", "{}"));
  log.checkpoints.push_back(
      SampleCheckpoint(1, 3, "2026-03-01T12:00:05Z", {LeafOf(log.records[1], 1), LeafOf(others[0], 1)}));
  log.checkpoints.push_back(SampleCheckpoint(2, 4, "2026-03-01T12:00:06Z", {LeafOf(log.records[2], 2)}));
  Seal(keyring, log.checkpoints[0], Digest{});
  Seal(keyring, log.checkpoints[1], CheckpointHash(log.checkpoints[0]));
  log.keys = keyring.PublicKeys(SigningKey::kAudit).value();
  return log;
}

std::vector<std::string> ExportOf(const SampleLog& log) {
  std::vector<std::string> lines;
  lines.push_back(ExportHeaderLine(kOrg, *ParseTime("2026-03-01T12:01:00Z")));
  for (const auto& checkpoint : log.checkpoints) lines.push_back(ExportCheckpointLine(checkpoint));
  for (const auto& record : log.records) lines.push_back(ExportRecordLine(record));
  lines.push_back(ExportEndLine(log.checkpoints.size(), log.records.size()));
  return lines;
}

}  // namespace claviger::test
