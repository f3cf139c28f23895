#pragma once
// Which version of a signing key signs. A token is made by one node and shown to another, and a node finds a
// new key some time after another one has. So nobody signs with a key as soon as they see it: a node does
// when it has known it for `settling`, several times as long as any node takes to look again. Until then the
// key before signs, which everybody knows.

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "hsm/key_set.h"

namespace claviger::hsm {

class Settling {
 public:
  explicit Settling(std::chrono::milliseconds settling) : settling_(settling) {}

  // The keys of that role: first the newest one that has settled, or the oldest that can sign if none has;
  // then the others, newest first. Of the TLS keys none may be able to. A key that was not among `keys` when
  // asked last is as new as one never seen.
  std::vector<SigningKeyPair> Arrange(crypto::SigningKey which, const SigningKeys& keys, SteadyTime now);

 private:
  using FirstSeen = std::map<Bytes, SteadyTime>;  // by public key, since a name may be given twice

  const std::chrono::milliseconds settling_;
  std::mutex mutex_;                     // guards everything below
  std::array<FirstSeen, 3> first_seen_;  // by role
};

}  // namespace claviger::hsm
