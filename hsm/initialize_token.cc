// `clavigerd init`: makes the token keys that are missing.

#include <utility>

#include "hsm/key_set.h"
#include "hsm/on_token.h"
#include "hsm/pkcs11_keyring.h"

namespace claviger::hsm {

Result<InitReport> InitializeToken(const HsmConfig& config, const Clock&, Random&, const Log&) {
  return OnToken<InitReport>(config, Want::kAny, [config](Session& session) -> Outcome<InitReport> {
    TRY(auto made, MakeMissingKeys(session, config));
    // A set that the daemon would refuse must be known now.
    TRYV(FindKeys(session));
    return InitReport{std::move(made.created), std::move(made.existing)};
  });
}

}  // namespace claviger::hsm
