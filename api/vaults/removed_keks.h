#pragma once
// KEKs that some node has removed from the database: this node's HSM session forgets them within a second.
// One that a node hears of too late, since it heard of no changes for an hour, stays a handle there until
// others displace it; it answers only to who shows the wrapped KEK, which is gone.

#include "api/access/change_feed.h"
#include "crypto/keyring.h"

namespace claviger::api {

class RemovedKeks final : public ChangeListener {
 public:
  explicit RemovedKeks(crypto::Keyring& keyring) : keyring_(keyring) {}

  void Forget(std::string_view kind, const Uuid& id) override {
    if (kind == "kek") keyring_.ForgetKeks(VaultId{id});
  }
  void ForgetAll() override {}
  void TrustUntil(SteadyTime) override {}

 private:
  crypto::Keyring& keyring_;
};

}  // namespace claviger::api
