#include "hsm/kinship.h"

#include "hsm/signing.h"

namespace claviger::hsm {
namespace {

const ByteView kMessage = AsBytes("claviger/kinship/1");

// Told of and tried again, like a token that is away.
Failure AnotherToken() {
  return Failure{Remedy::kReconnect, CKR_OK, "the token holds other keys than before"};
}

}  // namespace

Outcome<void> Kinship::Prove(Session& session, OwnerSession& owner, RootKeys& roots, CK_OBJECT_HANDLE lookup,
                             const SelfTest& newest) {
  TRY(auto mac, HmacSha256(session, lookup, kMessage));
  if (!mac_.empty()) {
    if (!EqualConstantTime(mac, mac_)) return AnotherToken();
    TRYV(ProveRoot(session, owner, roots));
  }
  mac_ = std::move(mac);
  root_version_ = roots.Newest().version;
  witness_ = newest.witness();
  return Ok();
}

Outcome<void> Kinship::ProveRoot(Session& session, OwnerSession& owner, RootKeys& roots) const {
  const auto root = roots.Get(session, root_version_);
  if (!root) {
    if (root.error().remedy != Remedy::kIntegrity) return root.error();
    if (roots.Newest().version < root_version_) return AnotherToken();
    return Ok();
  }
  if (!SelfTest::Opens(session, owner, root.value(), witness_)) return AnotherToken();
  return Ok();
}

}  // namespace claviger::hsm
