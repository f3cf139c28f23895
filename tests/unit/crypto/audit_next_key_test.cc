// Signing keys of the audit log that follow one another: whoever holds the first one can verify all.
#include <algorithm>

#include "crypto/canonical.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

const std::string kFirst = "claviger-audit-v1";
const std::string kSecond = "claviger-audit-v2";

// Checkpoints over one organisation's growing chain, made as the linker makes them.
struct Log {
  explicit Log(SignatureAlgorithm algorithm = SignatureAlgorithm::kEdDsa) : keyring(1, algorithm) {
    pinned = keyring.PublicKeys(SigningKey::kAudit).value();
  }
  const PublicKey& Newest() { return newest = keyring.PublicKeys(SigningKey::kAudit).value().front(); }
  AuditCheckpoint& Add(const std::string& kid, std::vector<AuditLeaf> further = {}) {
    AuditCheckpoint next;
    next.number = checkpoints.size() + 1;
    if (!checkpoints.empty()) next.previous = CheckpointHash(checkpoints.back());
    next.total_records = 10 * next.number;
    next.created_at = *ParseTime("2026-03-01T12:00:05Z");
    next.kid = kid;
    next.leaves = std::move(further);
    next.leaves.push_back({LeafTag(kOtherOrg, next.number), next.number, {}});
    checkpoints.push_back(std::move(next));
    Sign(checkpoints.back());
    return checkpoints.back();
  }
  AuditCheckpoint& AddNaming(const std::string& kid, const PublicKey& next) {
    return Add(kid, {NextKeyLeaf(next, checkpoints.size() + 1)});
  }
  void Sign(AuditCheckpoint& checkpoint) {
    std::sort(checkpoint.leaves.begin(), checkpoint.leaves.end(),
              [](const auto& a, const auto& b) { return a.tag < b.tag; });
    checkpoint.root = MerkleRoot(checkpoint.leaves);
    checkpoint.signature =
        keyring.SignAs(SigningKey::kAudit, checkpoint.kid, CheckpointBytes(checkpoint)).value().bytes;
  }
  std::string Verdict(const std::vector<PublicKey>& keys) const {
    AuditVerifier verifier(kOrg, keys);
    for (const auto& checkpoint : checkpoints) {
      const auto added = verifier.AddCheckpoint(checkpoint);
      if (!added) return added.error().detail;
    }
    return verifier.Finish().value().last_kid;
  }
  std::string Verdict() const { return Verdict(pinned); }
  // Which keys followed one another, of a log that is good.
  std::vector<PublicKey> Signers(const std::vector<PublicKey>& keys) const {
    AuditVerifier verifier(kOrg, keys);
    for (const auto& checkpoint : checkpoints) REQUIRE(verifier.AddCheckpoint(checkpoint));
    return verifier.Finish().value().signers;
  }

  fakes::FakeKeyring keyring;
  std::vector<PublicKey> pinned;  // the first key
  PublicKey newest;
  std::vector<AuditCheckpoint> checkpoints;
};

}  // namespace

TEST_CASE("The first key alone verifies what the keys behind it signed") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    Log log(algorithm);
    log.Add(kFirst);
    log.keyring.RotateSigningKey(SigningKey::kAudit);
    log.AddNaming(kFirst, log.Newest());
    CHECK(log.Verdict() == kFirst);
    CHECK(log.Signers(log.pinned) == std::vector{log.pinned[0], log.Newest()});
    log.Add(kSecond);
    log.Add(kSecond);
    CHECK(log.Verdict() == kSecond);
    log.keyring.RotateSigningKey(SigningKey::kAudit);
    log.AddNaming(kSecond, log.Newest());
    log.Add("claviger-audit-v3");
    CHECK(log.Verdict() == "claviger-audit-v3");
    // From a PEM file, or with all others beside it.
    auto pem = log.pinned;
    pem[0].kid.clear();
    CHECK(log.Verdict(pem) == "claviger-audit-v3");
    CHECK(log.Signers(pem) == log.Signers(log.pinned));
    CHECK(log.Verdict(log.keyring.PublicKeys(SigningKey::kAudit).value()) == "claviger-audit-v3");
    // Not with a later one alone: the beginning is nobody's then.
    CHECK(log.Verdict({log.Newest()}) == "Checkpoint 1 is not signed by a given key");
  }
}

TEST_CASE("A key that no checkpoint names signs nothing, though it was given") {
  Log log;
  log.Add(kFirst);
  log.keyring.RotateSigningKey(SigningKey::kAudit);
  log.Add(kSecond);
  const std::string refusal =
      "Checkpoint 2 is not signed by the key of the one before, or the one that it names";
  CHECK(log.Verdict() == refusal);
  CHECK(log.Verdict(log.keyring.PublicKeys(SigningKey::kAudit).value()) == refusal);
}

TEST_CASE("The old key signs nothing behind the checkpoint that names the next") {
  Log log;
  log.keyring.RotateSigningKey(SigningKey::kAudit);
  log.AddNaming(kFirst, log.Newest());
  log.Add(kFirst);
  CHECK(log.Verdict() == "Checkpoint 2 is not signed by the key of the one before, or the one that it names");
}

TEST_CASE("A key from a PEM file does not go by a second name") {
  Log log;
  log.Add(kFirst);
  log.Add(kFirst).kid = kSecond;
  AuditCheckpoint& renamed = log.checkpoints.back();
  renamed.signature = log.keyring.SignAs(SigningKey::kAudit, kFirst, CheckpointBytes(renamed)).value().bytes;
  auto pem = log.pinned;
  pem[0].kid.clear();
  CHECK(log.Verdict(pem) ==
        "Checkpoint 2 is not signed by the key of the one before, or the one that it names");
}

TEST_CASE("A named key counts only where its checkpoint is sound and of its own number") {
  Log honest;
  honest.keyring.RotateSigningKey(SigningKey::kAudit);
  const PublicKey next = honest.Newest();
  const std::string refusal =
      "Checkpoint 2 is not signed by the key of the one before, or the one that it names";
  const auto with = [&](const AuditLeaf& leaf) {
    Log log;
    log.keyring.RotateSigningKey(SigningKey::kAudit);
    log.Add(kFirst, {leaf});
    log.Add(kSecond);
    return log.Verdict();
  };
  CHECK(with(NextKeyLeaf(next, 1)) == kSecond);
  CHECK(with(NextKeyLeaf(next, 2)) == refusal);  // the leaf of another checkpoint

  fakes::FakeKeyring stranger(99);
  PublicKey other = stranger.PublicKeys(SigningKey::kAudit).value().front();
  other.kid = kSecond;
  CHECK(with(NextKeyLeaf(other, 1)) == refusal);
  PublicKey renamed = next;
  renamed.kid = "claviger-audit-v3";
  CHECK(with(NextKeyLeaf(renamed, 1)) == refusal);

  AuditLeaf unsound = NextKeyLeaf(next, 1);
  unsound.head = {1};  // the neutral point
  CHECK(with(unsound) == "Checkpoint 1 names a next key that is none");
  for (const uint64_t count : {uint64_t{0}, uint64_t{2}, (uint64_t{2} << 2) + 1, uint64_t{1} << 40}) {
    unsound = NextKeyLeaf(next, 1);
    unsound.count = count;
    CHECK(with(unsound) == "Checkpoint 1 names a next key that is none");
  }

  // Slipped in without the signature over it.
  Log log;
  log.keyring.RotateSigningKey(SigningKey::kAudit);
  log.Add(kFirst).leaves.push_back(NextKeyLeaf(next, 1));
  log.Add(kSecond);
  CHECK(log.Verdict() == "The leaves of checkpoint 1 do not give its signed root");
}

TEST_CASE("A leaf names a key as documented") {
  const auto bytes = [](const PublicKey& key) {
    const AuditLeaf leaf = NextKeyLeaf(key, 7);
    return CanonicalWriter("claviger/audit-leaf/1").Field(leaf.tag).Field(leaf.count).Field(leaf.head).Take();
  };
  CHECK(bytes({kSecond, SignatureAlgorithm::kEdDsa, KnownAnswer("audit_public_key")}) ==
        KnownAnswer("next_key_leaf"));
  const Bytes base_point = *HexDecode(
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
  CHECK(bytes({"claviger-audit-v3", SignatureAlgorithm::kEs256, base_point}) ==
        KnownAnswer("next_key_leaf_p256"));
}

TEST_CASE("A key comes out of its leaf as it went in") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
      fakes::FakeKeyring keyring(seed, algorithm);
      PublicKey key = keyring.PublicKeys(SigningKey::kAudit).value().front();
      key.kid = "claviger-audit-v" + std::to_string(seed * 24999999 - 1);
      CHECK(KeyOfLeaf(NextKeyLeaf(key, seed)) == key);
    }
  }
}

TEST_CASE("The version of an audit key has one spelling") {
  CHECK(AuditKeyVersion("claviger-audit-v1") == 1);
  CHECK(AuditKeyVersion("claviger-audit-v10") == 10);
  CHECK(AuditKeyVersion("claviger-audit-v999999999") == 999999999);
  for (const char* kid : {"", "claviger-audit-v", "claviger-audit-v0", "claviger-audit-v01",
                          "claviger-audit-v1 ", "claviger-audit-v-1", "claviger-audit-v+1",
                          "claviger-token-v1", "claviger-audit-v99999999999", "xclaviger-audit-v1"}) {
    CHECK(AuditKeyVersion(kid) == 0);
  }
}
