#include "hsm/pkcs11_keyring.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <numeric>
#include <utility>

#include "crypto/handshake_rules.h"
#include "crypto/random.h"
#include "hsm/pkcs11_customer_tokens.h"
#include "hsm/settling.h"
#include "hsm/supervisor.h"

namespace claviger::hsm {

namespace {

constexpr size_t kMaxMessageBytes = 64 * 1024;
constexpr size_t kSealedDekBytes = 60;
constexpr size_t kDekBytes = 32;
constexpr std::chrono::seconds kFinalizeTimeout{5};

template <class T>
using Operation = std::function<Outcome<T>(Connection&)>;

// Operations that one HSM thread does one after the other.
template <class T>
class Series final : public Call {
 public:
  Series(Supervisor::ConnectionPtr connection, std::vector<Operation<T>> operations)
      : connection_(std::move(connection)), operations_(std::move(operations)) {}

  // Once it is done: one each, empty where the operation failed or was not tried.
  std::vector<std::optional<T>> results;
  // So many take as long as a visit should: one, if the HSM is slow, so that its sessions work side by side.
  size_t BestLength() const {
    const auto took = std::max(took_, std::chrono::nanoseconds(1));
    return std::clamp<size_t>(tried_ * kVisit.count() / took.count(), 1, kMaxLength);
  }

 private:
  static constexpr std::chrono::nanoseconds kVisit = std::chrono::microseconds(400);
  // After that no further operation begins: an HSM that has become slow must not pass for one that hangs.
  static constexpr std::chrono::nanoseconds kLongVisit = std::chrono::milliseconds(50);
  static constexpr size_t kMaxLength = 32;
  void Execute() override {
    const auto begun = std::chrono::steady_clock::now();
    results.resize(operations_.size());
    bool worth_trying = true;
    while (worth_trying && tried_ < operations_.size() && took_ < kLongVisit) {
      auto outcome = operations_[tried_](*connection_);
      if (outcome) {
        results[tried_] = std::move(outcome).value();
      } else {
        worth_trying = outcome.error().remedy == Remedy::kIntegrity;  // else not the fault of this one alone
      }
      ++tried_;
      took_ = std::chrono::steady_clock::now() - begun;
    }
    operations_.clear();
    connection_.reset();
  }

  Supervisor::ConnectionPtr connection_;
  std::vector<Operation<T>> operations_;
  size_t tried_ = 0;
  std::chrono::nanoseconds took_{};
};

class Pkcs11Keyring final : public crypto::Keyring {
 public:
  Pkcs11Keyring(const HsmConfig& config, std::shared_ptr<Module> module, const Clock& clock, Random& random,
                const Log& log)
      : config_(config),
        module_(std::move(module)),
        random_(random),
        log_(log),
        settling_(std::make_shared<Settling>(config.key_settling)),
        pool_({std::max(config.max_sessions, 2U), kMaxQueuedCalls}),
        customers_(config, module_, pool_, random, log),
        supervisor_(config, module_, pool_, clock, random, log) {}
  ~Pkcs11Keyring() override;

  Outcome<void> Start() { return supervisor_.Start(); }
  crypto::CustomerTokens& customers() { return customers_; }

  Result<crypto::WrappedKek> GenerateKek(const crypto::KekIdentity& identity) override;
  Result<NewDek> GenerateDek(const crypto::WrappedKek& kek, ByteView aad) override;
  Result<crypto::Dek> OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                              ByteView aad) override;
  Result<crypto::SealedDek> SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                    ByteView aad) override;
  std::vector<std::optional<NewDek>> GenerateDeks(const std::vector<DekToMake>& deks) override;
  std::vector<std::optional<crypto::Dek>> OpenDeks(const std::vector<DekToOpen>& deks) override;
  Result<crypto::SealedDek> ResealDek(const DekToReseal& dek) override;
  std::vector<std::optional<crypto::SealedDek>> ResealDeks(const std::vector<DekToReseal>& deks) override;
  void ForgetKeks(const VaultId& vault) override;
  Result<crypto::Signature> Sign(crypto::SigningKey which, ByteView message) override;
  Result<crypto::Signature> SignAs(crypto::SigningKey which, std::string_view kid, ByteView message) override;
  Result<std::vector<crypto::PublicKey>> PublicKeys(crypto::SigningKey which) override;
  Status RefreshSigningKeys() override;
  Result<crypto::LookupMac> Mac(ByteView message) override;
  crypto::KeyringHealth Health() const override { return supervisor_.Health(); }

 private:
  static constexpr uint32_t kMaxQueuedCalls = 1024;

  // Makes the operation of one attempt. An attempt that failed may have sealed all the same, so the next one
  // needs random input of its own.
  template <class T>
  using Preparation = std::function<Operation<T>()>;
  template <class T>
  Result<T> PerformPrepared(const Preparation<T>& prepare);
  template <class T>
  Result<T> Perform(const Operation<T>& operation) {
    return PerformPrepared<T>([&operation] { return operation; });
  }
  template <class T>
  Outcome<T> RunOnce(const Supervisor::ConnectionPtr& connection, const Operation<T>& operation,
                     SteadyTime deadline);
  // Each is tried once, in the order given; several threads share them if the HSM is slow.
  template <class T>
  std::vector<std::optional<T>> TryAll(std::vector<Operation<T>> operations);
  Operation<NewDek> Generation(const crypto::WrappedKek& kek, ByteView aad);
  static Operation<crypto::Dek> Opening(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                        ByteView aad);
  Operation<crypto::SealedDek> Resealing(const DekToReseal& dek);
  SteadyTime Deadline() const { return std::chrono::steady_clock::now() + config_.operation_timeout; }
  Iv NewIv();

  const HsmConfig config_;
  const std::shared_ptr<Module> module_;
  Random& random_;
  const Log& log_;
  const std::shared_ptr<Settling> settling_;  // also of calls that are left behind
  CallPool pool_;
  Pkcs11CustomerTokens customers_;
  Supervisor supervisor_;  // before the pool it uses goes
  std::atomic<size_t> series_length_{1};
};

// Runs in main(), after all users were joined. If a call still hangs inside, C_Finalize would crash: the
// module is left as it is, for the end of the process.
Pkcs11Keyring::~Pkcs11Keyring() {
  supervisor_.Stop();
  auto finalize = std::make_shared<CallFor<bool>>([module = module_] {
    module->Finalize();
    return true;
  });
  const auto now = std::chrono::steady_clock::now();
  const auto ending = pool_.RunAlone(finalize, now + config_.operation_timeout,
                                     now + config_.operation_timeout + kFinalizeTimeout);
  if (ending != CallPool::Ending::kDone) log_.Warn("hsm_module_hangs_at_shutdown");
}

Iv Pkcs11Keyring::NewIv() {
  Iv iv;
  random_.Fill(iv);
  return iv;
}

template <class T>
Outcome<T> Pkcs11Keyring::RunOnce(const Supervisor::ConnectionPtr& connection, const Operation<T>& operation,
                                  SteadyTime deadline) {
  auto call =
      std::make_shared<CallFor<Outcome<T>>>([connection, operation] { return operation(*connection); });
  const auto start_by = std::min(deadline, std::chrono::steady_clock::now() + config_.acquire_timeout);
  switch (pool_.Run(call, start_by, deadline)) {
    case CallPool::Ending::kDone:
      return call->Take();
    case CallPool::Ending::kBusy:
      return Failure{Remedy::kBusy, CKR_OK, "no HSM session became free in time"};
    case CallPool::Ending::kHung:
      break;
  }
  supervisor_.ReportHang();
  return Failure{Remedy::kBusy, CKR_OK, "a call into the module does not return"};
}

// Every verb is idempotent, so each remedy is tried once: another session or a fresh handle, and a new (or
// proven) connection. A second dead handle in a row means that the login went with them.
template <class T>
Result<T> Pkcs11Keyring::PerformPrepared(const Preparation<T>& prepare) {
  const SteadyTime deadline = Deadline();
  bool retried = false;
  bool settled = false;
  while (true) {
    auto connection = supervisor_.Current(deadline);
    if (!connection) return ToError(connection.error());
    auto outcome = RunOnce(connection.value(), prepare(), deadline);
    if (outcome) return std::move(outcome).value();
    Failure failure = std::move(outcome).error();
    if (failure.remedy == Remedy::kRetry && std::exchange(retried, true)) failure.remedy = Remedy::kReconnect;
    if (failure.remedy == Remedy::kRetry) continue;
    if (failure.remedy != Remedy::kReconnect && failure.remedy != Remedy::kDoubt) return ToError(failure);
    supervisor_.Settle(connection.value(), failure, deadline);
    if (std::exchange(settled, true)) return ToError(failure);
  }
}

Result<crypto::WrappedKek> Pkcs11Keyring::GenerateKek(const crypto::KekIdentity& identity) {
  return PerformPrepared<crypto::WrappedKek>([&] {
    return [identity, iv = NewIv()](Connection& connection) { return connection.GenerateKek(identity, iv); };
  });
}

Operation<crypto::Keyring::NewDek> Pkcs11Keyring::Generation(const crypto::WrappedKek& kek, ByteView aad) {
  struct Input {
    crypto::WrappedKek kek;
    Bytes aad;
    Iv iv;
    SecretBytes mask;
  };
  auto input =
      std::make_shared<Input>(Input{kek, Bytes(aad.begin(), aad.end()), NewIv(), SecretBytes(kDekBytes)});
  random_.Fill({input->mask.data(), input->mask.size()});
  return [input = std::shared_ptr<const Input>(std::move(input))](Connection& connection) {
    return connection.GenerateDek(input->kek, input->aad, input->iv, input->mask.View());
  };
}

Operation<crypto::Dek> Pkcs11Keyring::Opening(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                              ByteView aad) {
  struct Input {
    crypto::WrappedKek kek;
    crypto::SealedDek sealed;
    Bytes aad;
  };
  auto input = std::make_shared<const Input>(Input{kek, sealed, Bytes(aad.begin(), aad.end())});
  return
      [input](Connection& connection) { return connection.OpenDek(input->kek, input->sealed, input->aad); };
}

Operation<crypto::SealedDek> Pkcs11Keyring::Resealing(const DekToReseal& dek) {
  struct Input {
    crypto::WrappedKek from;
    crypto::SealedDek sealed;
    crypto::WrappedKek to;
    DekToReseal dek;
    Iv iv;
    explicit Input(const DekToReseal& of, const Iv& with)
        : from(of.from),
          sealed(of.sealed),
          to(of.to),
          dek{from, sealed, of.from_aad, to, of.to_aad},
          iv(with) {}
  };
  auto input = std::make_shared<const Input>(dek, NewIv());
  return [input](Connection& connection) { return connection.ResealDek(input->dek, input->iv); };
}

// The data key of each attempt is another one, under the same KEK: with the IV of the attempt before, two
// plaintexts would share a key stream.
Result<crypto::Keyring::NewDek> Pkcs11Keyring::GenerateDek(const crypto::WrappedKek& kek, ByteView aad) {
  return PerformPrepared<NewDek>([&] { return Generation(kek, aad); });
}

Result<crypto::Dek> Pkcs11Keyring::OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                           ByteView aad) {
  if (sealed.bytes.size() != kSealedDekBytes) return IntegrityFailure("sealed data key of wrong length");
  return Perform<crypto::Dek>(Opening(kek, sealed, aad));
}

// The same data key at each attempt, so the same plaintext: yet each has an IV of its own.
Result<crypto::SealedDek> Pkcs11Keyring::SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                                 ByteView aad) {
  if (dek.key.size() != kDekBytes) return Internal("data key of wrong length");
  struct Input {
    crypto::WrappedKek kek;
    SecretBytes dek;
    Bytes aad;
  };
  auto input =
      std::make_shared<const Input>(Input{kek, SecretBytes(dek.key.View()), Bytes(aad.begin(), aad.end())});
  return PerformPrepared<crypto::SealedDek>([&] {
    return [input, iv = NewIv()](Connection& connection) {
      return connection.SealDek(input->kek, input->dek.View(), input->aad, iv);
    };
  });
}

Result<crypto::SealedDek> Pkcs11Keyring::ResealDek(const DekToReseal& dek) {
  if (dek.sealed.bytes.size() != kSealedDekBytes) return IntegrityFailure("sealed data key of wrong length");
  return PerformPrepared<crypto::SealedDek>([&] { return Resealing(dek); });
}

template <class T>
std::vector<std::optional<T>> Pkcs11Keyring::TryAll(std::vector<Operation<T>> operations) {
  std::vector<std::optional<T>> results(operations.size());
  if (operations.empty()) return results;
  const SteadyTime deadline = Deadline();
  const auto connection = supervisor_.Current(deadline);
  if (!connection) return results;

  std::vector<std::shared_ptr<Series<T>>> calls;
  const size_t length = series_length_;
  for (auto first = operations.begin(); first != operations.end();) {
    const auto end = first + std::min<ptrdiff_t>(static_cast<ptrdiff_t>(length), operations.end() - first);
    std::vector<Operation<T>> part(std::make_move_iterator(first), std::make_move_iterator(end));
    auto call = std::make_shared<Series<T>>(connection.value(), std::move(part));
    if (!pool_.Start(call)) break;
    calls.push_back(std::move(call));
    first = end;
  }
  const auto start_by = std::min(deadline, std::chrono::steady_clock::now() + config_.acquire_timeout);
  for (size_t n = 0; n < calls.size(); ++n) {
    const auto ending = pool_.Await(calls[n], start_by, deadline);
    if (ending == CallPool::Ending::kHung) supervisor_.ReportHang();
    if (ending != CallPool::Ending::kDone) continue;
    std::move(calls[n]->results.begin(), calls[n]->results.end(),
              results.begin() + static_cast<ptrdiff_t>(n * length));
    series_length_ = std::midpoint(calls[n]->BestLength(), length);  // rounds to the first, so it gets there
  }
  return results;
}

std::vector<std::optional<crypto::Keyring::NewDek>> Pkcs11Keyring::GenerateDeks(
    const std::vector<DekToMake>& deks) {
  std::vector<Operation<NewDek>> operations;
  operations.reserve(deks.size());
  for (const auto& [kek, aad] : deks) operations.push_back(Generation(kek, aad));
  return TryAll(std::move(operations));
}

std::vector<std::optional<crypto::Dek>> Pkcs11Keyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  std::vector<Operation<crypto::Dek>> operations;
  operations.reserve(deks.size());
  for (const auto& [kek, sealed, aad] : deks) {
    if (sealed.bytes.size() != kSealedDekBytes) {
      operations.push_back([](Connection&) { return NotAuthentic("sealed data key of wrong length"); });
    } else {
      operations.push_back(Opening(kek, sealed, aad));
    }
  }
  return TryAll(std::move(operations));
}

std::vector<std::optional<crypto::SealedDek>> Pkcs11Keyring::ResealDeks(
    const std::vector<DekToReseal>& deks) {
  std::vector<Operation<crypto::SealedDek>> operations;
  operations.reserve(deks.size());
  for (const auto& dek : deks) {
    if (dek.sealed.bytes.size() != kSealedDekBytes) {
      operations.push_back([](Connection&) { return NotAuthentic("sealed data key of wrong length"); });
    } else {
      operations.push_back(Resealing(dek));
    }
  }
  return TryAll(std::move(operations));
}

void Pkcs11Keyring::ForgetKeks(const VaultId& vault) {
  // A connection that is being replaced loses all its keys anyhow.
  const auto connection = supervisor_.Current(std::chrono::steady_clock::now());
  if (connection) connection.value()->Forget(vault);
}

Result<crypto::Signature> Pkcs11Keyring::Sign(crypto::SigningKey which, ByteView message) {
  if (which == crypto::SigningKey::kTls) return Internal("handshakes are signed by a named key");
  if (message.size() > kMaxMessageBytes) return Internal("message too long to sign");
  auto input = std::make_shared<const Bytes>(message.begin(), message.end());
  return Perform<crypto::Signature>([which, input, settling = settling_](Connection& connection) {
    const auto keys = settling->Arrange(which, *connection.signing_keys(), std::chrono::steady_clock::now());
    return connection.Sign(keys.front(), *input);
  });
}

Result<crypto::Signature> Pkcs11Keyring::SignAs(crypto::SigningKey which, std::string_view kid,
                                                ByteView message) {
  if (which == crypto::SigningKey::kTls) {
    TRYV(crypto::CheckHandshakeToSign(message));
  }
  if (message.size() > kMaxMessageBytes) return Internal("message too long to sign");
  auto input = std::make_shared<const Bytes>(message.begin(), message.end());
  return Perform<crypto::Signature>(
      [which, kid = std::string(kid), input](Connection& connection) -> Outcome<crypto::Signature> {
        const auto keys = connection.signing_keys();
        for (const SigningKeyPair& key : keys->Of(which)) {
          if (key.published.kid == kid && key.CanSign()) return connection.Sign(key, *input);
        }
        return Refused(ErrorKind::kNotFound, "The token holds no private key named " + kid);
      });
}

Result<std::vector<crypto::PublicKey>> Pkcs11Keyring::PublicKeys(crypto::SigningKey which) {
  const auto connection = supervisor_.Current(Deadline());
  if (!connection) return ToError(connection.error());
  std::vector<crypto::PublicKey> published;
  const auto keys = connection.value()->signing_keys();
  for (SigningKeyPair& pair : settling_->Arrange(which, *keys, std::chrono::steady_clock::now())) {
    published.push_back(std::move(pair.published));
  }
  return published;
}

Status Pkcs11Keyring::RefreshSigningKeys() {
  const auto refreshed = Perform<bool>([](Connection& connection) -> Outcome<bool> {
    TRYV(connection.RefreshSigningKeys());
    return true;
  });
  if (!refreshed) return refreshed.error();
  return Ok();
}

Result<crypto::LookupMac> Pkcs11Keyring::Mac(ByteView message) {
  auto input = std::make_shared<const SecretBytes>(message);
  return Perform<crypto::LookupMac>(
      [input](Connection& connection) { return connection.Mac(input->View()); });
}

}  // namespace

Result<std::unique_ptr<crypto::CustomerKeyring>> OpenKeyring(const HsmConfig& config, const Clock& clock,
                                                             Random& random, const Log& log) {
  auto module = Module::Load(config);
  if (!module) return ToError(module.error());
  auto keyring = std::make_unique<Pkcs11Keyring>(config, std::move(module).value(), clock, random, log);
  if (auto started = keyring->Start(); !started) return ToError(started.error());
  if (!crypto::SystemRandom::IsPinned()) {
    return Internal("the PKCS#11 module replaced OpenSSL's random number generator");
  }
  crypto::CustomerTokens& customers = keyring->customers();
  return std::make_unique<crypto::CustomerKeyring>(std::move(keyring), customers);
}

}  // namespace claviger::hsm
