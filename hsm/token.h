#pragma once
// Which token, and logging in to it.

#include <memory>
#include <optional>
#include <string>

#include "hsm/config.h"
#include "hsm/module.h"
#include "hsm/session.h"

namespace claviger::hsm {

struct Token {
  CK_SLOT_ID slot = 0;  // for this epoch only: slot numbers change
  std::string label;
  std::string serial;
  CK_FLAGS flags = 0;
};

// The token of that label; nullopt if no slot shows it. A slot that does not tell may be the one: then its
// failure. kConflict if there are two.
Outcome<std::optional<Token>> FindTokenByLabel(const Module& module, const std::string& label);

enum class Want : uint8_t {
  kOurKeys,  // run: the token that shows our public keys
  kAny,      // init: the same if there is one, else the first configured token that is present
};

// Finds the token by serial or by the labels in their order, never by slot number. No PIN is spent on a token
// that does not show our keys, because tries on a wrong token can lock it. Two tokens that fit equally are
// refused.
Outcome<Token> FindToken(const std::shared_ptr<Module>& module, const HsmConfig& config, Want want);

// Starts the module and finds the token, for a program that makes one visit. A module that keeps its tokens
// in files (SoftHSM) shows none while another process logs in to it: looks again for a second.
Outcome<Token> StartAndFindToken(const std::shared_ptr<Module>& module, const HsmConfig& config, Want want);

// One C_Login with the PIN of config.pin_file. Makes no try at all if the token says that the next wrong one
// locks it. A refusal has Remedy::kOperator: the caller must not try again.
Outcome<void> Login(Session& session, const Token& token, const HsmConfig& config);

}  // namespace claviger::hsm
