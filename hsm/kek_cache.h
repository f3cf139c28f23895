#pragma once
// Vault keys in the HSM, by handle. The cache is keyed by everything PostgreSQL keeps of a KEK, blob and
// check record included: a row that was edited or moved never meets the handle of the honest one, but is
// loaded, and fails.

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "crypto/keyring.h"
#include "hsm/owner_session.h"
#include "hsm/root_keys.h"
#include "hsm/session.h"

namespace claviger::hsm {

class KekCache {
 public:
  using Key = std::shared_ptr<const LoadedKey>;

  // At most `capacity` keys stay loaded, besides those in use. `patience` bounds the wait for another
  // thread's load. `roots` must outlive the cache.
  KekCache(std::shared_ptr<OwnerSession> owner, RootKeys& roots, uint32_t capacity,
           std::chrono::milliseconds patience);

  // The loaded key, unwrapped and proved by its check record at first use. Threads that want the same key
  // wait for one load. The key stays in the HSM as long as the returned pointer. HSM threads only.
  Outcome<Key> Get(Session& session, const crypto::WrappedKek& kek);
  // Unwraps without a check record, to make one.
  Outcome<Key> Load(Session& session, const crypto::WrappedKek& kek);
  void Add(const crypto::WrappedKek& kek, Key key);

  // The handle turned out dead: the next Get loads again.
  void Drop(const crypto::WrappedKek& kek);
  // Any thread; destruction in the HSM follows with the next DestroyForgotten.
  void Forget(const VaultId& vault);
  // HSM threads only.
  void DestroyForgotten();
  uint32_t size() const;

 private:
  struct Hash {
    size_t operator()(const crypto::WrappedKek& kek) const noexcept;
  };
  using Recency = std::list<const crypto::WrappedKek*>;
  struct Entry {
    Key key;
    Recency::iterator position;
  };
  using Entries = std::unordered_map<crypto::WrappedKek, Entry, Hash>;

  Outcome<Key> LoadAndProve(Session& session, const crypto::WrappedKek& kek);
  Key FindLocked(const crypto::WrappedKek& kek);
  void RemoveLocked(Entries::iterator entry);
  void ShrinkLocked(size_t size);

  const std::shared_ptr<OwnerSession> owner_;
  RootKeys& roots_;
  const uint32_t capacity_;
  const std::chrono::milliseconds patience_;

  mutable std::mutex mutex_;  // guards everything below; never held during a PKCS#11 call
  std::condition_variable load_ended_;
  Entries entries_;
  Recency recent_;  // most recently used first
  std::vector<crypto::WrappedKek> loading_;
  std::vector<Key> forgotten_;  // removed, to be destroyed on an HSM thread
};

inline constexpr size_t kCheckBytes = 44;  // of WrappedKek::check

}  // namespace claviger::hsm
