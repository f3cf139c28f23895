#pragma once
// Keeps the connection: makes it, exercises it every probe_interval, replaces it when it is lost. One thread
// decides, so there is never more than one reconnect at a time; it never enters the module itself.
//
//             probe or call says lost                 connect succeeds
//    kUp ------------------------------> kConnecting -----------------> kUp
//     |  ^                                    |  connect fails: backoff, then again
//     |  | probe comes back                   v
//     +--> kHung (a call did not return)    kDown       kPinRefused: an operator must restart
//
// Each connection takes one login. After a refused PIN there is no further connection.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "hsm/call_pool.h"
#include "hsm/connection.h"

namespace claviger::hsm {

class Supervisor {
 public:
  using ConnectionPtr = std::shared_ptr<Connection>;

  Supervisor(const HsmConfig& config, std::shared_ptr<Module> module, CallPool& pool, const Clock& clock,
             Random& random, const Log& log);
  ~Supervisor();

  // The first connection; then the thread runs.
  Outcome<void> Start();

  // The connection to use now. Waits until `deadline` while one is being made; refuses at once while the HSM
  // is down.
  Outcome<ConnectionPtr> Current(SteadyTime deadline);
  // A call on `connection` failed so that a new one, or a proof that this one is healthy, is needed. Returns
  // once that is settled or at `deadline`; Current tells the outcome.
  void Settle(const ConnectionPtr& connection, const Failure& failure, SteadyTime deadline);
  // A call did not return in time: refuse calls until a probe comes back.
  void ReportHang();

  crypto::KeyringHealth Health() const;
  // Joins the thread: not before a call it waits for has timed out.
  void Stop();

 private:
  enum class State : uint8_t { kUp, kConnecting, kDown, kHung, kPinRefused };
  static constexpr std::chrono::milliseconds kLongestBackoff{30'000};
  // While calls hang a new probe may get stuck as well, so it is not sent often.
  static constexpr std::chrono::milliseconds kHungProbeInterval{30'000};
  static Failure HangFailure();
  using ConnectCall = CallFor<Outcome<ConnectionPtr>>;

  void Run();
  void Step(std::unique_lock<std::mutex>& lock);
  SteadyTime NextWake() const;
  void Probe(std::unique_lock<std::mutex>& lock);
  void Connect(std::unique_lock<std::mutex>& lock);
  CallPool::Ending TryConnect(Outcome<ConnectionPtr>& result);
  void AdoptLateConnection();
  void ConnectEnded(Outcome<ConnectionPtr> result);
  void GoUp();
  void GoDown(State state, const Failure& failure);
  void Note(const Failure& failure);
  std::chrono::milliseconds NextBackoff();
  Failure DownFailure() const;

  const HsmConfig config_;
  const std::shared_ptr<Module> module_;
  const std::shared_ptr<Kinship> kinship_ =
      std::make_shared<Kinship>();  // of calls that connect, one at a time
  CallPool& pool_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;

  mutable std::mutex mutex_;         // guards everything below; never held while waiting for the module
  std::condition_variable wake_;     // for the thread
  std::condition_variable settled_;  // for those who wait for it
  State state_ = State::kConnecting;
  bool stopping_ = false;
  bool lost_ = false;           // the connection must be replaced
  bool doubted_ = false;        // it must be exercised now
  bool call_returned_ = false;  // a hung call came back
  uint64_t doubts_raised_ = 0;
  uint64_t doubts_settled_ = 0;
  ConnectionPtr connection_;
  std::shared_ptr<ConnectCall> late_connect_;  // hung in the module; its result is taken when it returns
  SteadyTime next_probe_{};
  SteadyTime next_connect_{};
  SteadyTime up_since_{};
  std::chrono::milliseconds backoff_{0};
  std::optional<SteadyTime> probing_since_;
  bool outage_logged_ = false;
  Failure last_failure_;
  crypto::KeyringHealth health_;  // all but the counters
  std::thread thread_;
};

}  // namespace claviger::hsm
