#pragma once
// What operators do to the keys of a running installation. Daemons hold read-only sessions and only
// look. Each call starts the module, logs in, does one thing and leaves, within two minutes. Whoever makes
// keys sees to it that nobody else does at the same time.

#include <functional>
#include <string>
#include <vector>

#include "crypto/keyring.h"
#include "crypto/provider/key_source.h"
#include "hsm/config.h"

namespace claviger::hsm {

struct HeldKey {
  uint32_t version = 0;
  bool can_sign = false;  // else its public half alone is there
  crypto::PublicKey published{};
};
// Newest first; of tokens and checkpoints at least one can sign.
Result<std::vector<HeldKey>> ListSigningKeys(const HsmConfig& config, crypto::SigningKey which);

// "claviger-token-v2": also the key's kid.
std::string SigningKeyName(crypto::SigningKey which, uint32_t version);

// kConflict if that version or a newer one is there.
Status MakeSigningKey(const HsmConfig& config, crypto::SigningKey which, uint32_t version);

// From then on the key signs nothing, and what it signed can still be verified. kConflict if no newer one can
// sign.
Status WithdrawSigningKey(const HsmConfig& config, crypto::SigningKey which, uint32_t version);
// Nothing it signed can be verified any more. kConflict if it was not withdrawn.
Status RemoveSigningKey(const HsmConfig& config, crypto::SigningKey which, uint32_t version);
// Both succeed where it was done before.

// Has `work` done with a key source that names this one key, whatever the URI, and lets it sign anything.
// kNotFound if it cannot sign.
Result<std::string> WithSigningKey(
    const HsmConfig& config, crypto::SigningKey which, uint32_t version,
    const std::function<Result<std::string>(crypto::provider::KeySource& source)>& work);

// "claviger-root-v2".
std::string RootKeyName(uint32_t version);
// Versions, newest first; at least one.
Result<std::vector<uint32_t>> ListRootKeys(const HsmConfig& config);
// kConflict if that version or a newer one is there.
Status MakeRootKey(const HsmConfig& config, uint32_t version);
// Nothing that lies under it can ever be opened again. kConflict if it is the newest. Succeeds where it was
// done before.
Status DestroyRootKey(const HsmConfig& config, uint32_t version);

// All keys of ours on a token that may have none: versions, newest first.
struct TokenKeys {
  std::vector<uint32_t> roots;
  std::vector<uint32_t> lookups;
  std::vector<HeldKey> token;
  std::vector<HeldKey> audit;
  std::vector<HeldKey> tls;

  const std::vector<HeldKey>& Of(crypto::SigningKey which) const;
  bool None() const {
    return roots.empty() && lookups.empty() && token.empty() && audit.empty() && tls.empty();
  }
};
Result<TokenKeys> ListKeys(const HsmConfig& config);

// The keys that an installation goes on with on another token, and the public halves of its keys so far.
struct Successors {
  uint32_t root = 0;
  uint32_t lookup = 0;
  uint32_t token = 0;
  uint32_t audit = 0;
  uint32_t tls = 0;
  std::vector<crypto::PublicKey> published{};
};
// Makes those that are missing on a token that holds no other keys of ours; kConflict if it does. Succeeds
// where it was done before.
Status MakeSuccessors(const HsmConfig& config, const Successors& successors);

// Has the token show public halves of keys that another one signs with. kConflict if it holds another key of
// such a name. Succeeds where it was done before.
Status HoldPublicKeys(const HsmConfig& config, const std::vector<crypto::PublicKey>& keys);

}  // namespace claviger::hsm
