// `clavigerd init`: makes the token keys that are missing.

#include <utility>

#include "hsm/call_pool.h"
#include "hsm/key_set.h"
#include "hsm/module.h"
#include "hsm/pkcs11_keyring.h"
#include "hsm/token.h"

namespace claviger::hsm {

namespace {

// Key generation on a real HSM takes seconds, not minutes.
constexpr std::chrono::seconds kInitTimeout{120};

Outcome<MadeKeys> MakeKeysOnToken(const std::shared_ptr<Module>& module, const HsmConfig& config) {
  TRYV(module->Initialize());
  TRY(auto token, FindToken(module, config, Want::kAny));
  TRY(auto session, Session::Open(module, token.slot, Access::kReadWrite));
  TRYV(Login(session, token, config));
  TRY(auto made, MakeMissingKeys(session, config));
  // A set that the daemon would refuse must be known now.
  TRYV(FindKeys(session));
  return made;
}

}  // namespace

Result<InitReport> InitializeToken(const HsmConfig& config, const Clock&, Random&, const Log&) {
  auto module = Module::Load(config);
  if (!module) return ToError(module.error());
  CallPool pool({1, 1});
  auto call = std::make_shared<CallFor<Outcome<MadeKeys>>>([module = module.value(), config] {
    auto made = MakeKeysOnToken(module, config);
    module->Finalize();
    return made;
  });
  const auto deadline = std::chrono::steady_clock::now() + kInitTimeout;
  if (pool.RunAlone(call, deadline, deadline) != CallPool::Ending::kDone) {
    return Unavailable("the PKCS#11 module does not answer");
  }
  auto made = call->Take();
  if (!made) return ToError(made.error());
  return InitReport{std::move(made.value().created), std::move(made.value().existing)};
}

}  // namespace claviger::hsm
