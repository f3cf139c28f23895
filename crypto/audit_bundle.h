#pragma once
// An evidence bundle: one organisation's records of a period, between the checkpoint that was its newest when
// the period began and one that was made after the period's end. Both are signed and tell how long the chain
// was, so that no record between them can be left out. docs/FORMATS.md.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/audit_seal.h"

namespace claviger::crypto {

struct BundlePeriod {
  Time from{};
  Time to{};
  // Of the record before the first one; nullopt at the beginning of the chain. Not sealed by anything here.
  std::optional<EventId> previous_id;
};

// The lines that only a bundle has; the others are those of an export.
std::string BundleHeaderLine(const OrgId& org, const BundlePeriod& period, Time exported_at);
std::string BundleKeysLine(std::string_view jwks);
inline constexpr std::string_view kBundleFormat = "claviger/audit-bundle/1";

// Feed it the keys, the first checkpoint (unless the chain begins in the period), the records, the last
// checkpoint. Refusals as the AuditVerifier's.
class BundleVerifier {
 public:
  BundleVerifier(OrgId org, BundlePeriod period, std::vector<PublicKey> keys);

  // The keys that the bundle names must be among those given: it cannot vouch for itself.
  Status AddKeys(std::string_view jwks);
  Status AddCheckpoint(const AuditCheckpoint& checkpoint);
  Status AddRecord(const AuditVerifier::LinkedRecord& linked);
  // `checkpoints` is the number of the last checkpoint.
  Result<AuditVerifier::Summary> Finish() const;

 private:
  Status Begin(const AuditCheckpoint& checkpoint, const AuditLeaf& own);
  Status End(const AuditCheckpoint& checkpoint, const AuditLeaf& own);

  const OrgId org_;
  const BundlePeriod period_;
  const std::vector<PublicKey> keys_;
  bool has_keys_ = false;
  uint64_t first_checkpoint_ = 0;  // 0: the chain begins here
  uint32_t first_key_ = 0;         // the version that signed it
  uint64_t count_ = 0;             // of the chain, up to the record taken last
  Digest head_{};
  std::optional<EventId> last_id_;
  uint64_t records_ = 0;
  std::optional<AuditVerifier::Summary> ended_;
};

}  // namespace claviger::crypto
