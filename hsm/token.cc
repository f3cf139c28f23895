#include "hsm/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "hsm/key_set.h"
#include "hsm/login_guard.h"
#include "hsm/pin_file.h"

namespace claviger::hsm {

namespace {

constexpr int kLooks = 11;
constexpr std::chrono::milliseconds kBetweenLooks{100};

Outcome<std::vector<CK_SLOT_ID>> SlotsWithToken(const Module& module) {
  const CK_FUNCTION_LIST& ck = module.functions();
  CK_ULONG count = 0;
  TRYV(Check(ck.C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList"));
  std::vector<CK_SLOT_ID> slots(count);
  TRYV(Check(ck.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList"));
  slots.resize(std::min<size_t>(count, slots.size()));
  return slots;
}

Outcome<std::vector<Token>> PresentTokens(const Module& module) {
  TRY(auto slots, SlotsWithToken(module));
  std::vector<Token> tokens;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    // One sick slot must not hide the others.
    if (module.functions().C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    tokens.push_back({slot, TrimPadding(info.label, sizeof info.label),
                      TrimPadding(info.serialNumber, sizeof info.serialNumber), info.flags});
  }
  return tokens;
}

Outcome<bool> ShowsOurKeys(const std::shared_ptr<Module>& module, const Token& token) {
  TRY(auto session, Session::Open(module, token.slot, Access::kReadOnly));
  return HoldsOurKeys(session);
}

Failure Ambiguous(const Token& token) {
  return Refused(ErrorKind::kConflict,
                 fmt::format("Two tokens are labelled {}; configure the token's serial number", token.label));
}

std::string Wanted(const HsmConfig& config) {
  if (!config.token_serial.empty()) return "with serial number " + config.token_serial;
  return fmt::format("labelled {}", fmt::join(config.token_labels, " or "));
}

// In the order of preference; equal labels stay side by side.
std::vector<Token> Candidates(const std::vector<Token>& present, const HsmConfig& config) {
  std::vector<Token> candidates;
  const auto take = [&](auto&& fits) {
    std::copy_if(present.begin(), present.end(), std::back_inserter(candidates), fits);
  };
  if (!config.token_serial.empty()) {
    take([&](const Token& token) { return token.serial == config.token_serial; });
    return candidates;
  }
  for (const std::string& label : config.token_labels) {
    take([&](const Token& token) { return token.label == label; });
  }
  return candidates;
}

LoginGuard::Ending EndingOf(const Outcome<void>& login) {
  if (login || login.error().rv == CKR_USER_ALREADY_LOGGED_IN) return LoginGuard::Ending::kAccepted;
  const bool refused = login.error().remedy == Remedy::kOperator;
  return refused ? LoginGuard::Ending::kRefused : LoginGuard::Ending::kFailed;
}

}  // namespace

Outcome<std::optional<Token>> FindTokenByLabel(const Module& module, const std::string& label) {
  TRY(const auto slots, SlotsWithToken(module));
  std::optional<Token> found;
  std::optional<Failure> silent;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    const CK_RV rv = module.functions().C_GetTokenInfo(slot, &info);
    if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED) continue;
    if (rv != CKR_OK) {
      silent = Check(rv, "C_GetTokenInfo").error();
      continue;
    }
    Token token{slot, TrimPadding(info.label, sizeof info.label),
                TrimPadding(info.serialNumber, sizeof info.serialNumber), info.flags};
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0 || token.label != label) continue;
    if (found) return Ambiguous(token);
    found = std::move(token);
  }
  if (!found && silent) return *silent;
  return found;
}

Outcome<Token> FindToken(const std::shared_ptr<Module>& module, const HsmConfig& config, Want want) {
  TRY(auto present, PresentTokens(*module));
  const std::vector<Token> candidates = Candidates(present, config);
  const Token* chosen = nullptr;
  for (const Token& token : candidates) {
    TRY(auto ours, ShowsOurKeys(module, token));
    if (!ours) continue;
    if (chosen != nullptr && chosen->label == token.label) return Ambiguous(token);
    if (chosen == nullptr) chosen = &token;
  }
  if (chosen != nullptr) return *chosen;
  if (candidates.empty()) {
    return Refused(ErrorKind::kNotFound, fmt::format("No token {} is present", Wanted(config)));
  }
  if (want == Want::kOurKeys) {
    return Refused(ErrorKind::kNotFound,
                   fmt::format("The token {} holds no keys of Claviger; run clavigerd init", Wanted(config)));
  }
  if (candidates.size() > 1 && candidates[0].label == candidates[1].label) return Ambiguous(candidates[0]);
  return candidates.front();
}

Outcome<Token> StartAndFindToken(const std::shared_ptr<Module>& module, const HsmConfig& config, Want want) {
  for (int look = 1;; ++look) {
    TRYV(module->Initialize());
    auto token = FindToken(module, config, want);
    if (token || token.error().kind != ErrorKind::kNotFound || look == kLooks) return token;
    module->Finalize();
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

Outcome<void> Login(Session& session, const Token& token, const HsmConfig& config) {
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) {
    return Failure{Remedy::kOperator, CKR_PIN_LOCKED, "C_GetTokenInfo", ErrorKind::kForbidden,
                   "The token's user PIN is locked"};
  }
  if ((token.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return Failure{Remedy::kOperator, CKR_OK, "", ErrorKind::kForbidden,
                   "One more wrong PIN would lock the token; log in once by hand before starting again"};
  }
  TRY(auto pin, ReadPinFile(config.pin_file));
  if (config.login_guard != nullptr) {
    const Status begun = config.login_guard->Begin(token.label);
    if (!begun) return Failure{Remedy::kOperator, CKR_OK, "", begun.error().kind, begun.error().detail};
  }
  auto login = session.Call(&CK_FUNCTION_LIST::C_Login, "C_Login", CK_USER_TYPE{CKU_USER}, pin.data(),
                            CK_ULONG{pin.size()});
  if (config.login_guard != nullptr) config.login_guard->End(token.label, EndingOf(login));
  if (login) return login;
  Failure failure = login.error();
  if (failure.rv == CKR_USER_ALREADY_LOGGED_IN) {
    session.Forgive();
    return Ok();
  }
  if (failure.remedy == Remedy::kOperator) {
    failure.kind = ErrorKind::kForbidden;
    failure.sentence =
        "The token refuses the PIN; it is not tried again until an operator restarts the daemon";
  }
  return failure;
}

}  // namespace claviger::hsm
