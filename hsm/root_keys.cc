#include "hsm/root_keys.h"

#include "hsm/key_set.h"

namespace claviger::hsm {

RootKey RootKeys::Newest() const {
  const std::lock_guard lock(mutex_);
  const auto& [version, handle] = *versions_.rbegin();
  return {version, handle};
}

CK_OBJECT_HANDLE RootKeys::Find(uint32_t version) const {
  const std::lock_guard lock(mutex_);
  const auto found = versions_.find(version);
  return found == versions_.end() ? CK_INVALID_HANDLE : found->second;
}

Outcome<CK_OBJECT_HANDLE> RootKeys::Get(Session& session, uint32_t version) {
  if (const auto known = Find(version); known != CK_INVALID_HANDLE) return known;
  TRYV(Look(session));
  if (const auto found = Find(version); found != CK_INVALID_HANDLE) return found;
  return NotAuthentic("KEK under a root key that the token does not hold");
}

Outcome<void> RootKeys::Look(Session& session) {
  TRY(auto versions, FindRootKeys(session));
  const std::lock_guard lock(mutex_);
  versions_ = std::move(versions);
  return Ok();
}

}  // namespace claviger::hsm
