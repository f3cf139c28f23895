#pragma once
// A new signing key, step by step. All state lies in the token and in the audit log, so whoever begins anew
// after a kill, on any machine, goes on where it stood. Of the token key:
//
//   v1 signs                    -> make v2
//   v1 and v2 can sign          -> until every node signs with v2: then destroy the private half of v1
//   v1 is published, v2 signs   -> until the last token of v1 has expired: then destroy its public half
//   v2 signs                    done
//
// Of the audit key, whose public halves stay for ever:
//
//   v1 signs                    -> make v2
//   v1 and v2 can sign          -> until every node knows v2, a checkpoint of v1 has named it and one of v2
//                                  follows: then destroy the private half of v1
//   v2 signs                    done
//
// How long a wait has lasted before a kill nobody knows, so it begins anew. Two at once do no harm: each
// change is made by one at a time and only where it is still to be made.

#include <chrono>
#include <functional>
#include <string>

#include "base/error.h"
#include "crypto/keyring.h"
#include "daemon/exit_code.h"
#include "hsm/config.h"

namespace claviger::daemon {

// What the rotation needs besides the HSM. A twin in tests stops it anywhere.
class RotationDesk {
 public:
  virtual ~RotationDesk() = default;
  // Records the act, does it while nobody else acts, and tells all nodes.
  virtual Outcome<void> Act(const std::string& action, const std::string& key,
                            const std::function<Status()>& act) = 0;
  virtual void Wait(std::chrono::seconds time, const std::string& until) = 0;
  virtual void Tell(const std::string& line) = 0;
  // Gives the linker something to seal, waits a little, and tells whether the newest checkpoint is that
  // key's.
  virtual Outcome<bool> Seals(const crypto::PublicKey& key) = 0;
};

// The longest that a token can outlive the key that signed it: its 900 s, clocks that disagree by a minute,
// and a signature that was under way.
inline constexpr std::chrono::seconds kTokenOverlap{990};

Outcome<void> RotateTokenKey(const hsm::HsmConfig& config, RotationDesk& desk);

// Refuses if the new key does not come to seal anything: no node is at work, or none finds the key.
Outcome<void> RotateAuditKey(const hsm::HsmConfig& config, RotationDesk& desk);

}  // namespace claviger::daemon
