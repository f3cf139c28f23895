#pragma once
// Arguments of the verbs, and a key process in a thread of the test.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "daemon/key_process/build_id.h"
#include "daemon/key_process/key_server.h"
#include "daemon/key_process/starter.h"
#include "tests/fakes/fake_customer_tokens.h"
#include "tests/fakes/fake_keyring.h"

namespace claviger::test {

template <class IdType>
IdType NumberedId(uint8_t number) {
  IdType id;
  id.uuid.data[0] = 1;
  id.uuid.data[15] = number;
  return id;
}
inline crypto::KekIdentity SampleKek(uint8_t vault) {
  return {NumberedId<OrgId>(1), NumberedId<VaultId>(vault), 3};
}

class MemoryOrder final : public daemon::CheckpointOrder {
 public:
  bool Advance(uint64_t checkpoint) override {
    if (checkpoint < highest_) return false;
    highest_ = checkpoint;
    return true;
  }

 private:
  uint64_t highest_ = 0;
};

// Key processes of one token: each a thread with a keyring of the same seed.
class ThreadStarter final : public daemon::Starter {
 public:
  ~ThreadStarter() override {
    for (const auto& [seat, process] : processes_) End(*process);
  }

  Result<Started> Start(uint32_t seat) override {
    const std::lock_guard lock(mutex_);
    ++starts_;
    if (refusal_) {
      auto pair = daemon::Channel::MakePair().value();
      (void)pair.first.Send(daemon::MakeHello(build_id_).View());
      (void)pair.first.Send(daemon::MakeRefused(*refusal_).View());
      return Started{std::move(pair.second), 1, ""};
    }
    auto& process = processes_[seat];
    if (process) End(*process);
    auto pair = daemon::Channel::MakePair().value();
    process = std::make_unique<Process>();
    process->channel = std::move(pair.first);
    process->thread = std::thread([this, &process = *process] { Serve(process); });
    return Started{std::move(pair.second), 1, ""};
  }

  // It ends, with what it has not answered.
  void Kill(uint32_t seat) {
    const std::lock_guard lock(mutex_);
    processes_.at(seat)->channel.Shut();
  }
  // Its pulse stops; what it is asked it still answers.
  void Silence(uint32_t seat) {
    const std::lock_guard lock(mutex_);
    processes_.at(seat)->silent = true;
  }
  void Refuse(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(error);
  }
  // From now on processes tell how they are, and take no message.
  void Deafen(bool deaf) { deaf_ = deaf; }
  void SayBuild(std::string build_id) { build_id_ = std::move(build_id); }
  int starts() const { return starts_; }
  fakes::FakeKeyring& keyring(uint32_t seat) {
    const std::lock_guard lock(mutex_);
    return processes_.at(seat)->keyring;
  }
  fakes::FakeCustomerTokens& tokens() { return tokens_; }

 private:
  struct Process {
    daemon::Channel channel;
    fakes::FakeKeyring keyring;
    std::atomic<bool> silent = false;
    std::atomic<bool> ended = false;
    std::thread thread;
  };

  static void End(Process& process) {
    process.ended = true;
    process.channel.Shut();
    process.thread.join();
  }

  void Serve(Process& process) {
    daemon::KeyService service("https://vault.example", {process.keyring, tokens_, order_, clock_, log_});
    (void)process.channel.Send(daemon::MakeHello(build_id_).View());
    (void)process.channel.Send(daemon::MakeHealth(process.keyring.Health()).View());
    (void)process.channel.Send(daemon::MakeReady().View());
    std::thread pulse([&process] {
      while (!process.silent && process.channel.Send(daemon::MakeHealth(process.keyring.Health()).View())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
    while (deaf_ && !process.ended) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    daemon::KeyServer(process.channel, service, 8, log_).Serve();
    pulse.join();
  }

  const SystemClock clock_;
  const Log log_{LogLevel::kError};
  fakes::FakeCustomerTokens tokens_;
  MemoryOrder order_;
  std::string build_id_ = daemon::BuildId();
  std::atomic<bool> deaf_ = false;
  std::mutex mutex_;  // guards what follows
  std::optional<Error> refusal_;
  std::map<uint32_t, std::unique_ptr<Process>> processes_;
  std::atomic<int> starts_ = 0;
};

}  // namespace claviger::test
