#include "api/metrics/metered_keyring.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace claviger::api {
namespace {

// Of one thing that was asked for. kUntried: of many at once, left to the verb for one, which counts again.
enum class Outcome : uint8_t { kOk, kUnavailable, kIntegrity, kRefused, kUntried };
constexpr std::array<const char*, 5> kOutcomes{"ok", "unavailable", "integrity", "refused", "untried"};

// From a keyed module in memory to one that is about to be given up.
const std::vector<double> kSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                   0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

Outcome OutcomeOf(const Error& error) {
  if (error.kind == ErrorKind::kUnavailable) return Outcome::kUnavailable;
  if (error.kind == ErrorKind::kIntegrity) return Outcome::kIntegrity;
  return Outcome::kRefused;
}

// One verb's counters and clock.
class Meter {
 public:
  Meter(prometheus::Family<prometheus::Counter>& operations,
        prometheus::Family<prometheus::Histogram>& seconds, const std::string& verb)
      : seconds_(seconds.Add({{"verb", verb}}, kSeconds)) {
    for (size_t n = 0; n < kOutcomes.size(); ++n) {
      operations_.at(n) = &operations.Add({{"verb", verb}, {"outcome", kOutcomes.at(n)}});
    }
  }

  template <class Ask>
  auto Run(const Ask& ask) {
    const auto begin = std::chrono::steady_clock::now();
    auto answer = ask();
    seconds_.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    Count(answer);
    return answer;
  }

 private:
  template <class T>
  void Count(const Result<T>& answer) {
    Add(answer ? Outcome::kOk : OutcomeOf(answer.error()), 1);
  }
  template <class T>
  void Count(const std::vector<std::optional<T>>& answers) {
    const auto untried = std::count(answers.begin(), answers.end(), std::nullopt);
    Add(Outcome::kOk, static_cast<double>(answers.size()) - static_cast<double>(untried));
    Add(Outcome::kUntried, static_cast<double>(untried));
  }
  void Add(Outcome outcome, double number) {
    operations_.at(static_cast<size_t>(outcome))->Increment(number);
  }

  prometheus::Histogram& seconds_;
  std::array<prometheus::Counter*, kOutcomes.size()> operations_{};
};

}  // namespace

struct MeteredKeyring::Meters {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& operations =
      prometheus::BuildCounter()
          .Name("hsm_operations_total")
          .Help("What was asked of the HSM, by verb and outcome.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("hsm_operation_seconds")
          .Help("Time from asking the HSM to its answer, many at once counted once.")
          .Register(registry);
  Meter generate_kek{operations, seconds, "generate_kek"};
  Meter generate_dek{operations, seconds, "generate_dek"};
  Meter open_dek{operations, seconds, "open_dek"};
  Meter seal_dek{operations, seconds, "seal_dek"};
  Meter reseal_dek{operations, seconds, "reseal_dek"};
  Meter generate_deks{operations, seconds, "generate_deks"};
  Meter open_deks{operations, seconds, "open_deks"};
  Meter reseal_deks{operations, seconds, "reseal_deks"};
  Meter sign_token{operations, seconds, "sign_token"};
  Meter sign_checkpoint{operations, seconds, "sign_checkpoint"};
  Meter sign_handshake{operations, seconds, "sign_handshake"};
  Meter public_keys{operations, seconds, "public_keys"};
  Meter refresh{operations, seconds, "refresh_signing_keys"};
  Meter mac{operations, seconds, "mac"};

  Meter& Sign(crypto::SigningKey which) {
    switch (which) {
      case crypto::SigningKey::kToken:
        return sign_token;
      case crypto::SigningKey::kAudit:
        return sign_checkpoint;
      case crypto::SigningKey::kTls:
        break;
    }
    return sign_handshake;
  }
};

MeteredKeyring::MeteredKeyring(crypto::Keyring& keyring)
    : keyring_(keyring), meters_(std::make_unique<Meters>()) {}

MeteredKeyring::~MeteredKeyring() = default;

const prometheus::Collectable& MeteredKeyring::meters() const { return meters_->registry; }

Result<crypto::WrappedKek> MeteredKeyring::GenerateKek(const crypto::KekIdentity& identity) {
  return meters_->generate_kek.Run([&] { return keyring_.GenerateKek(identity); });
}

Result<crypto::Keyring::NewDek> MeteredKeyring::GenerateDek(const crypto::WrappedKek& kek, ByteView aad) {
  return meters_->generate_dek.Run([&] { return keyring_.GenerateDek(kek, aad); });
}

Result<crypto::Dek> MeteredKeyring::OpenDek(const crypto::WrappedKek& kek, const crypto::SealedDek& sealed,
                                            ByteView aad) {
  return meters_->open_dek.Run([&] { return keyring_.OpenDek(kek, sealed, aad); });
}

Result<crypto::SealedDek> MeteredKeyring::SealDek(const crypto::WrappedKek& kek, const crypto::Dek& dek,
                                                  ByteView aad) {
  return meters_->seal_dek.Run([&] { return keyring_.SealDek(kek, dek, aad); });
}

std::vector<std::optional<crypto::Keyring::NewDek>> MeteredKeyring::GenerateDeks(
    const std::vector<DekToMake>& deks) {
  return meters_->generate_deks.Run([&] { return keyring_.GenerateDeks(deks); });
}

std::vector<std::optional<crypto::Dek>> MeteredKeyring::OpenDeks(const std::vector<DekToOpen>& deks) {
  return meters_->open_deks.Run([&] { return keyring_.OpenDeks(deks); });
}

Result<crypto::SealedDek> MeteredKeyring::ResealDek(const DekToReseal& dek) {
  return meters_->reseal_dek.Run([&] { return keyring_.ResealDek(dek); });
}

std::vector<std::optional<crypto::SealedDek>> MeteredKeyring::ResealDeks(
    const std::vector<DekToReseal>& deks) {
  return meters_->reseal_deks.Run([&] { return keyring_.ResealDeks(deks); });
}

Result<crypto::Signature> MeteredKeyring::Sign(crypto::SigningKey which, ByteView message) {
  return meters_->Sign(which).Run([&] { return keyring_.Sign(which, message); });
}

Result<crypto::Signature> MeteredKeyring::SignAs(crypto::SigningKey which, std::string_view kid,
                                                 ByteView message) {
  return meters_->Sign(which).Run([&] { return keyring_.SignAs(which, kid, message); });
}

Result<std::vector<crypto::PublicKey>> MeteredKeyring::PublicKeys(crypto::SigningKey which) {
  return meters_->public_keys.Run([&] { return keyring_.PublicKeys(which); });
}

Status MeteredKeyring::RefreshSigningKeys() {
  return meters_->refresh.Run([&] { return keyring_.RefreshSigningKeys(); });
}

Result<crypto::LookupMac> MeteredKeyring::Mac(ByteView message) {
  return meters_->mac.Run([&] { return keyring_.Mac(message); });
}

}  // namespace claviger::api
