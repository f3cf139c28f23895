#include "hsm/pkcs11_customer_tokens.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace claviger::hsm {

namespace {

using crypto::CustomerKey;

// Of hsm.max_sessions, so that customers' tokens leave most threads to others even when they hang.
constexpr uint32_t kShare = 4;

Error Unreachable(std::string cause) {
  return MakeError(ErrorKind::kUnavailable, "The customer's token cannot be reached now; try again later",
                   std::move(cause));
}

Error ToCustomerError(const Failure& failure) {
  if (failure.kind == ErrorKind::kForbidden && failure.sentence.empty()) {
    return crypto::CustomerRefusal(failure.call);
  }
  if (failure.kind == ErrorKind::kInvalid || failure.remedy == Remedy::kIntegrity) return ToError(failure);
  Error error = Unreachable("customer's token: " + Describe(failure));
  error.ck_rv = failure.rv;
  return error;
}

// What is wrong with the whole token; nullptr: nothing.
const char* TokenTrouble(const Error& error) {
  if (error.kind == ErrorKind::kUnavailable) return crypto::kCustomerTokenUnreachable;
  for (const char* reason : {crypto::kCustomerTokenAbsent, crypto::kCustomerTokenRefuses}) {
    if (error.kind == ErrorKind::kForbidden && error.cause == reason) return reason;
  }
  return nullptr;
}

}  // namespace

// Counts who is inside a token.
class Pkcs11CustomerTokens::Door {
 public:
  Door(CustomerTokenConfig token, std::shared_ptr<Module> module, const HsmConfig& config, uint32_t width)
      : token_(std::move(token), std::move(module), config.gcm_iv, config.login_guard), width_(width) {}

  CustomerToken& token() { return token_; }

  // False if it hangs, or too many were inside until then.
  bool Enter(SteadyTime until) {
    std::unique_lock lock(mutex_);
    left_.wait_until(lock, until, [this] { return hangs_ || inside_ < width_; });
    if (hangs_ || inside_ >= width_) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    {
      const std::lock_guard lock(mutex_);
      --inside_;
      hangs_ = false;
    }
    left_.notify_all();
  }
  void ReportHang() {
    {
      const std::lock_guard lock(mutex_);
      hangs_ = inside_ > 0;  // it may have come back just now
    }
    left_.notify_all();
  }
  // True if that is news.
  bool Note(const char* trouble) {
    const std::lock_guard lock(mutex_);
    const bool had = std::exchange(troubled_, trouble != nullptr);
    return had != troubled_;
  }

 private:
  CustomerToken token_;
  const uint32_t width_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable left_;
  uint32_t inside_ = 0;
  bool hangs_ = false;
  bool troubled_ = false;
};

Pkcs11CustomerTokens::Pkcs11CustomerTokens(const HsmConfig& config, const std::shared_ptr<Module>& module,
                                           CallPool& pool, Random& random, const Log& log)
    : operation_timeout_(config.operation_timeout),
      acquire_timeout_(config.acquire_timeout),
      pool_(pool),
      random_(random),
      log_(log) {
  const uint32_t width = std::max(config.max_sessions / kShare, 1U);
  for (const auto& token : config.customer_tokens) {
    doors_.push_back(std::make_shared<Door>(token, module, config, width));
  }
}

Pkcs11CustomerTokens::~Pkcs11CustomerTokens() = default;

Pkcs11CustomerTokens::DoorPtr Pkcs11CustomerTokens::DoorOf(const OrgId& org, const std::string& token) const {
  for (const auto& door : doors_) {
    const auto& config = door->token().config();
    if (config.org == org && config.label == token) return door;
  }
  return nullptr;
}

CustomerToken::Ivs Pkcs11CustomerTokens::NewIvs() {
  CustomerToken::Ivs ivs{};
  random_.Fill(ivs.seal);
  random_.Fill(ivs.trial);
  return ivs;
}

template <class T>
Result<T> Pkcs11CustomerTokens::AskInside(const DoorPtr& door,
                                          std::function<Outcome<T>(CustomerToken&)> ask) {
  const auto now = std::chrono::steady_clock::now();
  const SteadyTime deadline = now + operation_timeout_;
  const SteadyTime start_by = std::min(deadline, now + acquire_timeout_);
  if (!door->Enter(start_by)) return Unreachable("the customer's token hangs, or is busy");
  auto call = std::make_shared<CallFor<Outcome<T>>>([door, ask = std::move(ask)] {
    auto outcome = ask(door->token());
    door->Leave();
    return outcome;
  });
  const auto ending = pool_.Run(call, start_by, deadline);
  if (ending == CallPool::Ending::kBusy) {
    door->Leave();
    return Unreachable("no HSM thread became free in time");
  }
  if (ending == CallPool::Ending::kHung) {
    door->ReportHang();
    return Unreachable("a call into the customer's token does not return");
  }
  auto outcome = call->Take();
  if (!outcome) return ToCustomerError(outcome.error());
  return std::move(outcome).value();
}

template <class T>
Result<T> Pkcs11CustomerTokens::Ask(const DoorPtr& door, std::function<Outcome<T>(CustomerToken&)> ask) {
  if (!door) return Unreachable("this node is not configured for the customer's token");
  auto answer = AskInside<T>(door, std::move(ask));
  const char* trouble = answer ? nullptr : TokenTrouble(answer.error());
  if (!door->Note(trouble)) return answer;
  const std::string& label = door->token().config().label;
  if (trouble != nullptr) {
    log_.Failure("customer_token_fails", answer.error(), {{"token", label}});
  } else {
    log_.Info("customer_token_serves_again", {{"token", label}});
  }
  return answer;
}

Result<CustomerKey> Pkcs11CustomerTokens::Find(const KeyName& name) {
  const auto door = DoorOf(name.org, name.token);
  if (!door) return Invalid("This organisation has no token of that label here");
  return Ask<CustomerKey>(door,
                          [name, ivs = NewIvs()](CustomerToken& token) { return token.Find(name, ivs); });
}

Status Pkcs11CustomerTokens::Check(const OrgId& org, const CustomerKey& key) {
  TRYV(Ask<bool>(DoorOf(org, key.token), [key, ivs = NewIvs()](CustomerToken& token) -> Outcome<bool> {
    TRYV(token.Check(key, ivs));
    return true;
  }));
  return Ok();
}

Result<Bytes> Pkcs11CustomerTokens::Seal(const OrgId& org, const CustomerKey& key, ByteView aad,
                                         ByteView text) {
  return Ask<Bytes>(DoorOf(org, key.token), [key, ivs = NewIvs(), aad = Bytes(aad.begin(), aad.end()),
                                             text = Bytes(text.begin(), text.end())](CustomerToken& token) {
    return token.Seal(key, ivs, aad, text);
  });
}

Result<Bytes> Pkcs11CustomerTokens::Open(const OrgId& org, const CustomerKey& key, ByteView aad,
                                         ByteView sealed) {
  return Ask<Bytes>(DoorOf(org, key.token),
                    [key, ivs = NewIvs(), aad = Bytes(aad.begin(), aad.end()),
                     sealed = Bytes(sealed.begin(), sealed.end())](CustomerToken& token) {
                      return token.Open(key, ivs, aad, sealed);
                    });
}

}  // namespace claviger::hsm
