#include "hsm/settling.h"

#include <algorithm>

namespace claviger::hsm {

std::vector<SigningKeyPair> Settling::Arrange(crypto::SigningKey which, const SigningKeys& keys,
                                              SteadyTime now) {
  std::vector<SigningKeyPair> arranged = keys.Of(which);
  const std::lock_guard lock(mutex_);
  FirstSeen& before = first_seen_.at(static_cast<size_t>(which));
  FirstSeen seen;
  auto signer = arranged.end();
  for (auto key = arranged.begin(); key != arranged.end(); ++key) {
    if (!key->CanSign()) continue;
    const auto known = before.find(key->published.raw);
    const SteadyTime since = known == before.end() ? now : known->second;
    seen.emplace(key->published.raw, since);
    const bool found = signer != arranged.end() && now - seen.at(signer->published.raw) >= settling_;
    if (!found) signer = key;
  }
  before = std::move(seen);
  if (signer != arranged.end()) std::rotate(arranged.begin(), signer, signer + 1);
  return arranged;
}

}  // namespace claviger::hsm
