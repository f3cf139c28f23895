#pragma once
// Rotations of a vault's key, one step after the other.

#include "api/rotations/rotation_runner.h"
#include "api/rotations/rotations.h"
#include "tests/unit/api/rotating_fixture.h"

namespace claviger::api {

struct RotationsFixture : RotatingFixture {
  using RotatingFixture::Put;
  void Put(const std::string& path, std::string_view value) { testing::Must(Put(path, value, secrets)); }
  std::string Get(const std::string& path) {
    auto draft = Draft();
    return std::string(testing::Must(secrets.Get({{alice, client}, vault, path, draft})).value.Text());
  }
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Put("s/" + std::to_string(i), "value " + std::to_string(i));
    filled = count;
  }
  bool AllOpen() {
    for (int i = 0; i < filled; ++i) {
      if (Get("s/" + std::to_string(i)) != "value " + std::to_string(i)) return false;
    }
    return true;
  }

  Rotation Begin() {
    auto draft = Draft();
    return testing::Must(rotations.Start(alice, vault, draft));
  }
  Rotation Now(const Rotation& rotation) { return testing::Must(rotations.Get(alice, rotation.id)); }
  Rotation Resume(const Rotation& rotation) {
    auto draft = Draft();
    return testing::Must(rotations.Resume(alice, rotation.id, draft));
  }
  // Another node, or the same one after its process died.
  Result<bool> OtherNodeRuns() {
    RotationRunner other({}, {pool, keyring, audit, clock, random, testing::QuietLog()});
    return other.RunOne();
  }
  // Everything lies under the vault's one key, the `version`th.
  bool Complete(int64_t version = 2) {
    return Count("SELECT count(*) FROM vault_keks WHERE vault_id = $1", {vault}) == 1 &&
           Count(
               "SELECT count(*) FROM vaults v JOIN vault_keks k ON k.vault_id = v.id "
               "AND k.version = v.kek_version WHERE v.id = $1 AND k.version = $2",
               {vault, version}) == 1 &&
           Count("SELECT count(*) FROM secret_versions WHERE vault_id = $1 AND kek_version <> $2",
                 {vault, version}) == 0 &&
           AllOpen();
  }

  Rotations rotations{pool, audit, clock, random};
  RotationRunner runner{{}, {pool, keyring, audit, interruption, random, testing::QuietLog()}};
};

}  // namespace claviger::api
