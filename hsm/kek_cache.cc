#include "hsm/kek_cache.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/envelope.h"
#include "hsm/gcm.h"
#include "hsm/wrap.h"

namespace claviger::hsm {

// The blob of an honest row is as good as random.
size_t KekCache::Hash::operator()(const crypto::WrappedKek& kek) const noexcept {
  return std::hash<std::string_view>{}(AsText(kek.blob));
}

KekCache::KekCache(std::shared_ptr<OwnerSession> owner, RootKeys& roots, uint32_t capacity,
                   std::chrono::milliseconds patience)
    : owner_(std::move(owner)), roots_(roots), capacity_(std::max(capacity, 1U)), patience_(patience) {}

Outcome<KekCache::Key> KekCache::Get(Session& session, const crypto::WrappedKek& kek) {
  {
    std::unique_lock lock(mutex_);
    const auto nobody_loads = [&] {
      return std::find(loading_.begin(), loading_.end(), kek) == loading_.end();
    };
    if (!load_ended_.wait_for(lock, patience_, nobody_loads)) {
      return Failure{Remedy::kBusy, CKR_OK, "another thread is loading the key"};
    }
    if (auto key = FindLocked(kek)) return key;
    loading_.push_back(kek);
  }
  auto loaded = LoadAndProve(session, kek);
  if (loaded) Add(kek, loaded.value());
  {
    const std::lock_guard lock(mutex_);
    std::erase(loading_, kek);
  }
  load_ended_.notify_all();
  return loaded;
}

KekCache::Key KekCache::FindLocked(const crypto::WrappedKek& kek) {
  const auto found = entries_.find(kek);
  if (found == entries_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second.position);
  return found->second.key;
}

Outcome<KekCache::Key> KekCache::LoadAndProve(Session& session, const crypto::WrappedKek& kek) {
  if (kek.check.size() != kCheckBytes) return NotAuthentic("KEK check record of wrong length");
  TRY(auto key, Load(session, kek));
  TRY(auto zeros, GcmOpen(session, key->handle(), kek.check, crypto::KekAad(kek.identity)));
  constexpr std::array<uint8_t, 16> kZeros{};
  if (!EqualConstantTime(zeros.View(), kZeros)) return NotAuthentic("KEK check record of another kind");
  return key;
}

Outcome<KekCache::Key> KekCache::Load(Session& session, const crypto::WrappedKek& kek) {
  if (kek.blob.size() != kWrappedKekBytes) return NotAuthentic("KEK blob of wrong length");
  TRY(const auto root, roots_.Get(session, kek.root_version));
  auto loaded = owner_->Unwrap(root, kek.blob);
  if (loaded || loaded.error().remedy != Remedy::kBusy || loaded.error().rv == CKR_OK) return loaded;
  // The device is out of memory: make room and try once more.
  {
    const std::lock_guard lock(mutex_);
    ShrinkLocked(entries_.size() / 2);
  }
  DestroyForgotten();
  return owner_->Unwrap(root, kek.blob);
}

void KekCache::Add(const crypto::WrappedKek& kek, Key key) {
  {
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = entries_.try_emplace(kek);
    if (!added) return;
    recent_.push_front(&entry->first);
    entry->second = {std::move(key), recent_.begin()};
    ShrinkLocked(capacity_);
  }
  DestroyForgotten();
}

void KekCache::RemoveLocked(Entries::iterator entry) {
  forgotten_.push_back(std::move(entry->second.key));
  recent_.erase(entry->second.position);
  entries_.erase(entry);
}

void KekCache::ShrinkLocked(size_t size) {
  while (entries_.size() > size) RemoveLocked(entries_.find(*recent_.back()));
}

void KekCache::Drop(const crypto::WrappedKek& kek) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(kek);
  if (found != entries_.end()) RemoveLocked(found);
}

void KekCache::Forget(const VaultId& vault) {
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    if (current->first.identity.vault == vault) RemoveLocked(current);
  }
}

void KekCache::DestroyForgotten() {
  std::vector<Key> doomed;
  {
    const std::lock_guard lock(mutex_);
    doomed.swap(forgotten_);
  }
  // A key still in use goes with its last user.
}

uint32_t KekCache::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(entries_.size());
}

}  // namespace claviger::hsm
