#pragma once
// Exchanges of a vault's customer-managed key, which run by themselves.

#include <thread>

#include "api/cmek/cmek.h"
#include "api/cmek/cmek_runner.h"
#include "tests/unit/api/rotating_fixture.h"

namespace claviger::api {

struct CmekFixture : RotatingFixture {
  using RotatingFixture::Put;
  void Put(const std::string& path, const crypto::CmekKey& key, std::string_view value) {
    testing::Must(Put(path, testing::Must(key.Seal(random, AsBytes(value))).Text(), secrets));
  }
  std::string Get(const std::string& path, const crypto::CmekKey& key) {
    auto draft = Draft();
    const auto secret = testing::Must(secrets.Get({{alice, client}, vault, path, draft}));
    CHECK(secret.cmek_encrypted);
    const auto value = key.Open(secret.value.Text());
    return value ? std::string(value.value().Text()) : "sealed with another key";
  }
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Put("s/" + std::to_string(i), *current, "value " + std::to_string(i));
    filled = count;
  }
  bool AllOpen(const crypto::CmekKey& key) {
    for (int i = 0; i < filled; ++i) {
      if (Get("s/" + std::to_string(i), key) != "value " + std::to_string(i)) return false;
    }
    return true;
  }
  // Each opens with one of the two.
  bool NoneLost() {
    for (int i = 0; i < filled; ++i) {
      const std::string path = "s/" + std::to_string(i);
      const std::string value = "value " + std::to_string(i);
      if (Get(path, *current) != value && Get(path, *next) != value) return false;
    }
    return true;
  }

  void Enable(const crypto::CmekKey& key) {
    auto draft = Draft();
    testing::Must(cmek.Enable(alice, vault, key.Fingerprint(), draft));
  }
  Vault State() {
    auto draft = Draft();
    return testing::Must(vaults.Get(alice, vault, draft));
  }
  Result<CmekRotation> Begin(Cmek& by) { return Begin(by, vault); }
  Result<CmekRotation> Begin(Cmek& by, const VaultId& of) {
    auto draft = Draft();
    return by.Rotate(alice, of,
                     {crypto::CmekKey::Parse(current->Text().Text()),
                      crypto::CmekKey::Parse(next->Text().Text()), next->Fingerprint()},
                     draft);
  }
  CmekRotation Now(const CmekRotation& rotation) {
    auto draft = Draft();
    return testing::Must(cmek.GetRotation(alice, vault, rotation.id, draft));
  }
  CmekRotation End(const CmekRotation& rotation) {
    while (Now(rotation).status == CmekRotationStatus::kRunning) std::this_thread::yield();
    return Now(rotation);
  }
  CmekRotation Rotate() { return End(testing::Must(Begin(cmek))); }
  // Until the runner has nothing to do.
  void AwaitIdle() {
    for (;;) {
      const auto one = runner.Reserve();
      const auto other = runner.Reserve();
      if (one && other) return;
      std::this_thread::yield();
    }
  }
  int64_t Under(const crypto::CmekKey& key) {
    return Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND cmek_fingerprint = $2",
                 {vault, ByteView(key.Fingerprint())});
  }

  CmekRunner runner{{.rotations = 2, .interval = std::chrono::milliseconds(10)},
                    {pool, keyring, audit, interruption, random, testing::QuietLog()}};
  Cmek cmek{pool, runner, audit, clock, random};
  // Of the vault, and what it is to be exchanged for.
  std::optional<crypto::CmekKey> current = crypto::CmekKey::Generate(random);
  std::optional<crypto::CmekKey> next = crypto::CmekKey::Generate(random);
};

// The vault has a key.
struct Sealed : CmekFixture {
  Sealed() { Enable(*current); }
};

}  // namespace claviger::api
