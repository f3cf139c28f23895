#pragma once
// What outlives a key process: a page of memory that the starter makes and all key processes share, one after
// another and side by side. The API process has no part in it. Every change is one atomic step, so that a
// process may die at any.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "daemon/key_process/checkpoint_order.h"
#include "hsm/login_guard.h"

namespace claviger::daemon {

class Ledger final : public hsm::LoginGuard, public CheckpointOrder {
 public:
  // A new one; the descriptor is the caller's.
  static Result<int> Make();
  // Of that descriptor, which it leaves open. `key_processes` log in to a token side by side.
  static Result<std::unique_ptr<Ledger>> Open(int fd, uint32_t key_processes);
  ~Ledger() override;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  bool Advance(uint64_t checkpoint) override;

  // Whether the token is the one that the first key process found. `mac`: an answer that only the holder of
  // its keys can give.
  bool Recognises(const Bytes& mac);

  Status Begin(std::string_view token_label) override;
  void End(std::string_view token_label, Ending ending) override;

 private:
  static constexpr size_t kMaxTokens = 128;
  struct Token {
    std::atomic<uint64_t> name;  // beginning of a hash of its label; 0: free
    std::atomic<uint32_t> unended;
    std::atomic<uint32_t> refused;
  };
  struct Page {
    std::atomic<uint64_t> checkpoint;
    std::array<Token, kMaxTokens> tokens;
    std::atomic<uint64_t> kin;  // beginning of the token's answer; 0: none yet
  };
  static_assert(std::atomic<uint64_t>::is_always_lock_free && sizeof(Page) <= 4096);

  Ledger(Page* page, uint32_t unended) : page_(page), max_unended_(unended) {}
  Token* Find(std::string_view label);

  Page* const page_;
  const uint32_t max_unended_;
};

}  // namespace claviger::daemon
