#include "daemon/rekey.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace claviger::daemon {
namespace {

using api::RotationState;
using crypto::PublicKey;
using crypto::SigningKey;
using hsm::HeldKey;
using hsm::TokenKeys;

constexpr SigningKey kPublished[] = {SigningKey::kToken, SigningKey::kAudit};
constexpr int kSealPatience = 60;  // each of some two seconds

bool CanSign(const HeldKey& key) { return key.can_sign; }

// Newest first, so the newest; null if none can sign.
const HeldKey* Signer(const TokenKeys& keys, SigningKey which) {
  const auto& held = keys.Of(which);
  const auto signer = std::find_if(held.begin(), held.end(), CanSign);
  return signer == held.end() ? nullptr : &*signer;
}

bool Shows(const TokenKeys& keys, SigningKey which, const PublicKey& key) {
  const auto& held = keys.Of(which);
  return std::any_of(held.begin(), held.end(), [&](const HeldKey& each) { return each.published == key; });
}

bool Signs(const TokenKeys& keys, const PublicKey& key) {
  for (const auto which : {SigningKey::kToken, SigningKey::kAudit, SigningKey::kTls}) {
    for (const HeldKey& each : keys.Of(which)) {
      if (each.can_sign && each.published.raw == key.raw) return true;
    }
  }
  return false;
}

Refusal Refuse(ExitCode code, const std::string& sentence) { return Refusal{code, Conflict(sentence)}; }

class Move {
 public:
  Move(const RekeyOrder& order, RootDesk& roots, RekeyDesk& desk)
      : order_(order), roots_(roots), desk_(desk) {}

  Outcome<void> Look() {
    TRY(old_, Stage(ExitCode::kHsm, hsm::ListKeys(order_.old)));
    TRY(next_, Stage(ExitCode::kHsm, hsm::ListKeys(order_.next)));
    TRY(in_use_, roots_.InUse());
    TRY(last_, roots_.Last());
    for (const auto which : {SigningKey::kToken, SigningKey::kAudit, SigningKey::kTls}) {
      const HeldKey* const signer = Signer(old_, which);
      if (signer == nullptr)
        return Refuse(ExitCode::kHsm, "the token in use lacks keys; run `clavigerd init`");
      if (Signs(next_, signer->published)) {
        return Refuse(ExitCode::kConfig, "--to names the token that is in use (hsm.token_label)");
      }
    }
    if (Made()) {
      TRYV(RefuseStranger());
    }
    if (last_ && last_->state != RotationState::kDone && !(Made() && last_->version == next_.roots.front())) {
      return Refuse(ExitCode::kIncomplete, "a rotation of the root key is under way: let it end first");
    }
    const uint32_t newest = std::max(old_.roots.front(), Made() ? next_.roots.front() : 0);
    if (in_use_.newest > newest) {
      return Refuse(ExitCode::kHsm,
                    fmt::format("keys of the database lie under {}, which neither token holds",
                                hsm::RootKeyName(in_use_.newest)));
    }
    return boost::outcome_v2::success();
  }

  // Whether each key has its successor.
  bool Made() const {
    return !next_.roots.empty() && !next_.lookups.empty() && Signer(next_, SigningKey::kToken) != nullptr &&
           Signer(next_, SigningKey::kAudit) != nullptr && Signer(next_, SigningKey::kTls) != nullptr;
  }

  Outcome<void> Make() {
    if (Made()) return boost::outcome_v2::success();
    const auto successors = SuccessorsOfOld();
    const std::string name = hsm::RootKeyName(successors.root);
    TRYV(roots_.Act("rekey.make", name, [&] { return hsm::MakeSuccessors(order_.next, successors); }));
    TRYV(Look());
    roots_.Tell(fmt::format("{} and its other keys are made on the token '{}'", name, NextLabel()));
    return boost::outcome_v2::success();
  }

  // The mark of crypto/moving_keyring.h.
  bool Marked() const {
    return Made() && Shows(old_, SigningKey::kAudit, Signer(next_, SigningKey::kAudit)->published);
  }

  Outcome<void> Mark() {
    if (Marked()) return boost::outcome_v2::success();
    if (!order_.nodes_ready) {
      roots_.Tell(WhatNodesNeed());
      return Refuse(ExitCode::kIncomplete, "the nodes do not have both tokens yet, or nobody has said so");
    }
    const PublicKey mark = Signer(next_, SigningKey::kAudit)->published;
    const std::vector<PublicKey> halves{Signer(next_, SigningKey::kToken)->published, mark};
    TRYV(roots_.Act("rekey.begin", mark.kid, [&] { return hsm::HoldPublicKeys(order_.old, halves); }));
    TRYV(Look());
    roots_.Tell("the nodes begin to use both tokens");
    return boost::outcome_v2::success();
  }

  Outcome<void> MoveAll() {
    const uint32_t root = next_.roots.front();
    if (last_ && last_->version == root) {
      TRYV(roots_.Resume());
    } else {
      roots_.Wait(std::chrono::ceil<std::chrono::seconds>(2 * order_.old.key_settling),
                  fmt::format("every node knows the keys of the token '{}'", NextLabel()));
      TRYV(roots_.Begin(root));
    }
    return roots_.Watch(root);
  }

  Outcome<void> AwaitSeal() {
    const HeldKey& key = *Signer(next_, SigningKey::kAudit);
    roots_.Tell(fmt::format("waiting until {} has sealed the log; may be interrupted and begun again",
                            key.published.kid));
    for (int attempt = 0; attempt < kSealPatience; ++attempt) {
      TRY(const bool seals, desk_.Seals(key.published));
      if (seals) return boost::outcome_v2::success();
    }
    return Refuse(ExitCode::kIncomplete,
                  key.published.kid + " has sealed nothing yet: no node is at work that has both tokens");
  }

  Outcome<void> Prove() {
    TRYV(Look());
    if (in_use_.oldest < next_.roots.front()) {
      return Refuse(ExitCode::kIncomplete, "something lies under the old root key again: restored rows?");
    }
    TRYV(desk_.Prove());
    TRYV(CheckCertificate());
    TRYV(CheckCredentials());
    const std::string name = hsm::RootKeyName(next_.roots.front());
    return roots_.Act("rekey.complete", name, [] { return Status(Ok()); });
  }

  std::string NextLabel() const { return order_.next.token_labels.front(); }
  std::string WhatNodesNeed() const {
    return fmt::format(
        "On every node set hsm.next_token_label = {} with hsm.next_pin_file (and hsm.next_module if it is "
        "another one), and restart one after another. When all are ready again, run this again with "
        "--nodes-ready",
        NextLabel());
  }

  Outcome<void> TellStanding() {
    if (!Made()) {
      roots_.Tell(fmt::format("the token '{}' lacks keys: run `clavigerd rekey`", NextLabel()));
    } else if (!Marked()) {
      roots_.Tell(fmt::format("the keys on the token '{}' are made", NextLabel()));
      roots_.Tell(WhatNodesNeed());
    } else if (!last_ || last_->version != next_.roots.front()) {
      roots_.Tell(
          "the nodes use both tokens; the rotation to the next one has not begun: run `clavigerd rekey`");
    } else if (last_->state != RotationState::kDone) {
      roots_.Tell("everything comes to lie on the next token: see `clavigerd rotate root-key status`");
    } else {
      roots_.Tell("everything lies on the next token: `clavigerd rekey` proves it");
    }
    return boost::outcome_v2::success();
  }

 private:
  hsm::Successors SuccessorsOfOld() const {
    hsm::Successors next{old_.roots.front() + 1, old_.lookups.front() + 1, old_.token.front().version + 1,
                         old_.audit.front().version + 1, old_.tls.front().version + 1};
    for (const auto which : kPublished) {
      for (const HeldKey& key : old_.Of(which)) next.published.push_back(key.published);
    }
    return next;
  }

  // A whole set of keys that are no successors of ours.
  Outcome<void> RefuseStranger() const {
    bool ours = next_.roots.back() > old_.roots.front() && next_.lookups.back() > old_.lookups.front();
    for (const auto which : kPublished) {
      ours = ours && Shows(next_, which, Signer(old_, which)->published);
    }
    if (ours) return boost::outcome_v2::success();
    return Refuse(
        ExitCode::kHsm,
        fmt::format("the token '{}' holds keys of another installation, or older ones of this", NextLabel()));
  }

  Outcome<void> CheckCertificate() {
    TRY(const auto certified, desk_.CertifiedKey());
    if (!certified || Signs(next_, *certified)) return boost::outcome_v2::success();
    return Refuse(
        ExitCode::kIncomplete,
        fmt::format("http.certificate is for a key that the token '{}' does not hold: request one for {} "
                    "(`clavigerd tls request --of-next-token`), install it on every node, and run this again",
                    NextLabel(), Signer(next_, SigningKey::kTls)->published.kid));
  }

  Outcome<void> CheckCredentials() {
    TRY(const auto left, desk_.UnderOlderLookup(next_.lookups.front()));
    if (left.empty()) return boost::outcome_v2::success();
    roots_.Tell(fmt::format("known by the old token's lookup key alone: {}", fmt::join(left, ", ")));
    if (order_.drop_unused) {
      roots_.Tell("they die with the old token");
      return boost::outcome_v2::success();
    }
    return Refuse(
        ExitCode::kIncomplete,
        "credentials that nobody has used since would die with the old token: wait until they are used or "
        "expire, or give --drop-unused");
  }

  const RekeyOrder order_;
  RootDesk& roots_;
  RekeyDesk& desk_;
  TokenKeys old_;
  TokenKeys next_;
  RootDesk::RootsInUse in_use_;
  std::optional<RootDesk::RootRotation> last_;
};

}  // namespace

Outcome<void> Rekey(const RekeyOrder& order, RootDesk& roots, RekeyDesk& desk) {
  Move move(order, roots, desk);
  TRYV(move.Look());
  TRYV(move.Make());
  TRYV(move.Mark());
  TRYV(move.MoveAll());
  TRYV(move.AwaitSeal());
  TRYV(move.Prove());
  roots.Tell(fmt::format(
      "complete: the token '{}' alone opens everything. On every node put hsm.next_ keys in place of hsm. "
      "ones, and restart one after another; then the old token is not needed any more, but for backups from "
      "before",
      move.NextLabel()));
  return boost::outcome_v2::success();
}

Outcome<void> TellRekey(const RekeyOrder& order, RootDesk& roots, RekeyDesk& desk) {
  Move move(order, roots, desk);
  TRYV(move.Look());
  return move.TellStanding();
}

}  // namespace claviger::daemon
