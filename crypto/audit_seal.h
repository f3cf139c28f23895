#pragma once
// What makes the audit log verifiable, shared by the daemon that writes it and the verifier that has only a
// public key. Formats: docs/FORMATS.md.
//
// The life of a record: a request inserts it (append-only table). Within a second the linker gives it the
// next sequence number of its organisation and an integrity hash over all its fields and the hash before it.
// Each batch of linked records makes one checkpoint: a Merkle root over one leaf per organisation in the
// batch (its record count and newest hash), chained to the checkpoint before it and signed by the HSM.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "crypto/digest.h"
#include "crypto/keyring.h"

namespace claviger::crypto {

struct AuditRecord {
  EventId id;
  OrgId org;                  // nil: the installation itself (callers not yet known)
  std::string actor_type;     // "user", "agent", "anonymous", "system"
  std::string actor_id;       // UUID text or ""
  std::string action;         // "secret.read"
  std::string resource_type;  // "secret" or ""
  std::string resource_id;    // UUID text or ""
  std::string outcome;        // "success", "denied", "failed"
  std::string details;        // JSON object text, kept byte for byte
  std::string ip_address;     // text or ""
  std::string request_id;     // UUID text
  Time created_at{};
};
Bytes CanonicalBytes(const AuditRecord& record);

// SHA-256 over the previous hash (32 zero bytes before the first), the sequence number and the canonical
// bytes.
Digest IntegrityHash(const Digest& previous, uint64_t sequence, const AuditRecord& record);

// One organisation's part in a checkpoint.
struct AuditLeaf {
  Digest tag{};        // see LeafTag: recognisable only by who knows the organisation's id
  uint64_t count = 0;  // sequence number of the organisation's newest record
  Digest head{};       // integrity hash of that record
};
Digest LeafTag(const OrgId& org, uint64_t checkpoint);
// RFC 9162 section 2.1.1 Merkle tree hash with 0x00/0x01 domain separation, over the leaves in ascending tag
// order, whatever order they are given in. Of no leaves: SHA-256 of nothing.
Digest MerkleRoot(const std::vector<AuditLeaf>& leaves);

// Names the key that signs the checkpoints behind this one. It is a leaf among the others, so that the
// signature over the root covers it. Of a key "claviger-audit-v<version>" only.
AuditLeaf NextKeyLeaf(const PublicKey& next, uint64_t checkpoint);
Digest NextKeyTag(uint64_t checkpoint);
// The key that such a leaf names; nullopt if it names no sound key.
std::optional<PublicKey> KeyOfLeaf(const AuditLeaf& leaf);
// Versions of audit keys ascend. 0: not the name of one.
uint32_t AuditKeyVersion(std::string_view kid);

struct AuditCheckpoint {
  uint64_t number = 0;  // 1, 2, 3, ... without gaps
  Digest previous{};    // CheckpointHash of number - 1; zero for the first
  Digest root{};
  uint64_t total_records = 0;  // of all organisations, up to and with this checkpoint
  Time created_at{};
  std::string kid;
  Bytes signature;  // over CheckpointBytes
  std::vector<AuditLeaf> leaves;
};
Bytes CheckpointBytes(const AuditCheckpoint& checkpoint);  // everything but signature and leaves
Digest CheckpointHash(const AuditCheckpoint& checkpoint);

// Checks one organisation's records, oldest first, against all checkpoints. Feed the checkpoints in order,
// then the records in order, then Finish. After the first refusal everything is refused. A key whose kid is
// empty (from a PEM file) is tried for every kid. The first checkpoint must be signed by one of the keys,
// each further one by the key of the one before or by the key that it names: a key that came later need not
// be given.
class AuditVerifier {
 public:
  AuditVerifier(OrgId org, std::vector<PublicKey> keys);

  struct LinkedRecord {
    AuditRecord record;
    uint64_t sequence = 0;
    std::optional<EventId> previous_id;
    Digest integrity_hash{};
  };
  // Each refusal is kIntegrity; `detail` says what is wrong with which number: edited, missing, reordered,
  // unsigned.
  Status AddCheckpoint(const AuditCheckpoint& checkpoint);
  Status AddRecord(const LinkedRecord& linked);

  struct Summary {
    uint64_t records = 0;
    uint64_t checkpoints = 0;
    std::optional<Time> sealed_until;
    Digest last_checkpoint_hash{};
    std::string last_kid{};
    std::vector<PublicKey>
        signers{};  // of an export: first to last, with one that was named and follows next
  };
  // Refuses a cut-off tail: records that a checkpoint counts but the export lacks, or records no checkpoint
  // covers.
  Result<Summary> Finish() const;

 private:
  OrgId org_;
  std::vector<PublicKey> keys_;
  uint64_t checkpoints_ = 0;
  uint64_t total_records_ = 0;
  Digest last_checkpoint_{};
  std::string last_kid_;
  std::optional<Time> sealed_until_;
  struct Milestone {
    uint64_t checkpoint;
    uint64_t count;
    Digest head;
  };
  std::vector<PublicKey> signers_;  // the last one signs the next checkpoint; before the first: any of keys_
  std::vector<Milestone> milestones_;  // what the checkpoints say of our organisation, ascending
  size_t next_milestone_ = 0;
  uint64_t records_ = 0;
  Digest head_{};
  std::optional<EventId> last_id_;
  bool refused_ = false;

  Status CheckCheckpoint(const AuditCheckpoint& checkpoint) const;
  Status FindSigner(const AuditCheckpoint& checkpoint);
  Status CheckRecord(const LinkedRecord& linked) const;
};

// The export file: newline-delimited JSON; header, checkpoints, records, end. Both sides live here so that
// the reader accepts exactly what the writer makes. The functions give and take lines without their newline.
std::string ExportHeaderLine(const OrgId& org, Time exported_at);
std::string ExportCheckpointLine(const AuditCheckpoint& checkpoint);
std::string ExportRecordLine(const AuditVerifier::LinkedRecord& linked);
std::string ExportEndLine(uint64_t checkpoints, uint64_t records);
// Lines in, verdict out. Bounds every line at 1 MiB. Refuses unknown or duplicate members and every other
// spelling of a line than the writer's. A line that cannot be read is kInvalid, one that proves false
// kIntegrity; `detail` names the line. After the first refusal everything is refused.
// Reads evidence bundles too (audit_bundle.h); the header tells which.
struct ExportLine;  // crypto/audit_export.h
class BundleVerifier;
struct BundlePeriod;
class ExportReader {
 public:
  explicit ExportReader(std::vector<PublicKey> keys);
  ~ExportReader();
  Status AddLine(std::string_view line);
  // Refuses a file without its end line.
  Result<AuditVerifier::Summary> Finish() const;
  const std::optional<OrgId>& org() const { return org_; }
  // Of a bundle; nullptr for an export.
  const BundlePeriod* period() const { return period_.get(); }

 private:
  std::vector<PublicKey> keys_;
  std::optional<OrgId> org_;
  std::optional<AuditVerifier> verifier_;  // of an export
  std::unique_ptr<BundlePeriod> period_;   // these two of a bundle
  std::unique_ptr<BundleVerifier> bundle_;
  bool ended_ = false;
  bool refused_ = false;
  uint64_t lines_ = 0;
  uint64_t checkpoints_ = 0;
  uint64_t records_ = 0;

  Status TakeLine(std::string_view line);
  Status TakeHeader(const ExportLine& line);
  Status TakeBody(const ExportLine& line);
  Status TakeEnd(const ExportLine& line);
};

}  // namespace claviger::crypto
