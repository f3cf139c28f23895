#pragma once
// The long-lived session that owns every loaded KEK: a session object dies with the session that made it, so
// KEKs are never made in the sessions that come and go with operations.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "base/bytes.h"
#include "hsm/session.h"

namespace claviger::hsm {

class OwnerSession;

// A key in the HSM by handle, usable in every session of the process. Destroyed in the HSM when its last user
// lets go, which must happen on an HSM thread.
class LoadedKey {
 public:
  LoadedKey(std::shared_ptr<OwnerSession> owner, CK_OBJECT_HANDLE handle)
      : owner_(std::move(owner)), handle_(handle) {}
  ~LoadedKey();
  LoadedKey(const LoadedKey&) = delete;
  LoadedKey& operator=(const LoadedKey&) = delete;
  CK_OBJECT_HANDLE handle() const { return handle_; }

 private:
  std::shared_ptr<OwnerSession> owner_;
  CK_OBJECT_HANDLE handle_;
};

class OwnerSession : public std::enable_shared_from_this<OwnerSession> {
 public:
  // `patience` bounds the wait for another thread's call in this session.
  OwnerSession(Session session, std::chrono::milliseconds patience)
      : session_(std::move(session)), patience_(patience) {}

  // RFC 3394 unwrap as a non-extractable session key. A refused blob is Remedy::kUnproven.
  Outcome<std::shared_ptr<const LoadedKey>> Unwrap(CK_OBJECT_HANDLE root, ByteView blob);
  // Makes an AES key that can only be wrapped, as session object of this session.
  Outcome<std::shared_ptr<const LoadedKey>> Generate();

 private:
  friend class LoadedKey;
  void Destroy(CK_OBJECT_HANDLE handle);

  // The right to use session_, for one thread at a time. Not a timed mutex: ThreadSanitizer does not know
  // pthread_mutex_clocklock.
  class Turn {
   public:
    explicit Turn(OwnerSession& owner);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    explicit operator bool() const { return mine_; }

   private:
    OwnerSession& owner_;
    bool mine_;
  };

  std::mutex mutex_;
  std::condition_variable freed_;
  bool occupied_ = false;  // guarded by mutex_
  Session session_;        // used by who has the Turn
  const std::chrono::milliseconds patience_;
};

}  // namespace claviger::hsm
