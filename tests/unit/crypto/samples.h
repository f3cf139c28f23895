#pragma once
// The identities, records and checkpoints that tests/data/known_answers.py uses too.

#include <vector>

#include "crypto/audit_seal.h"
#include "crypto/envelope.h"
#include "crypto/jws.h"

namespace claviger::test {

template <class IdType = OrgId>
IdType SampleId(const char* text) {
  return *IdType::Parse(text);
}

inline const auto kOrg = SampleId<OrgId>("0190aaaa-0001-7000-8000-000000000001");
inline const auto kOtherOrg = SampleId<OrgId>("0190aaaa-0001-7000-8000-000000000002");
inline const auto kVault = SampleId<VaultId>("0190aaaa-0002-7000-8000-000000000001");
inline const auto kOtherVault = SampleId<VaultId>("0190aaaa-0002-7000-8000-000000000002");
inline const crypto::SecretIdentity kSecret{
    kOrg, kVault, SampleId<SecretId>("0190aaaa-0003-7000-8000-000000000001"), 2, 3, "db/main/password"};
inline const crypto::KekIdentity kKek{kOrg, kVault, 3};

inline constexpr const char* kIssuer = "https://vault.example";
inline constexpr int64_t kIssuedAt = 1772366400;

crypto::TokenClaims SampleClaims();
// Time `seconds` after the sample token was issued.
Time AfterIssue(int64_t seconds);

// Records 1 to 3 of kOrg and record 4 of kOtherOrg, linked; two checkpoints, signed by the fake keyring of
// seed 1: the first seals records 1, 2 and 4, the second record 3.
struct SampleLog {
  std::vector<crypto::AuditVerifier::LinkedRecord> records;  // of kOrg
  std::vector<crypto::AuditCheckpoint> checkpoints;
  std::vector<crypto::PublicKey> keys;
};
SampleLog MakeSampleLog();
// The lines of its export.
std::vector<std::string> ExportOf(const SampleLog& log);

// Fills previous, root, kid and signature of a checkpoint whose other fields are set.
void Seal(crypto::Keyring& keyring, crypto::AuditCheckpoint& checkpoint, const crypto::Digest& previous);

}  // namespace claviger::test
