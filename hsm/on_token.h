#pragma once
// One visit to the token by an operator's program, with the right to make and destroy keys.

#include <functional>
#include <memory>
#include <utility>

#include "hsm/call_pool.h"
#include "hsm/config.h"
#include "hsm/module.h"
#include "hsm/session.h"
#include "hsm/token.h"

namespace claviger::hsm {

// Key generation on a real HSM takes seconds, not minutes.
inline constexpr std::chrono::seconds kVisitTimeout{120};

template <class T>
Result<T> OnToken(const HsmConfig& config, Want want, std::function<Outcome<T>(Session&)> work) {
  auto module = Module::Load(config);
  if (!module) return ToError(module.error());
  const auto visit = [module = module.value(), config, want, work = std::move(work)]() -> Outcome<T> {
    TRY(auto token, StartAndFindToken(module, config, want));
    TRY(auto session, Session::Open(module, token.slot, Access::kReadWrite));
    TRYV(Login(session, token, config));
    return work(session);
  };
  CallPool pool({1, 1});
  auto call = std::make_shared<CallFor<Outcome<T>>>([module = module.value(), visit] {
    auto result = visit();
    module->Finalize();
    return result;
  });
  const auto deadline = std::chrono::steady_clock::now() + kVisitTimeout;
  if (pool.RunAlone(call, deadline, deadline) != CallPool::Ending::kDone) {
    return Unavailable("the PKCS#11 module does not answer");
  }
  auto result = call->Take();
  if (!result) return ToError(result.error());
  return std::move(result).value();
}

}  // namespace claviger::hsm
