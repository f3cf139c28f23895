// What the verbs of the keyring cost through a key process, beside the same verbs with the module in the
// process that asks. Prints a line for each: "<in-process>/s <through>/s <threads> <what>".
//
// usage: keyring_verbs --config FILE [--KEY=VALUE ...], of an installation with its keys. It is its own key
// process.
#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "crypto/jws.h"
#include "crypto/provider/keyring_keys.h"
#include "crypto/provider/signing_keyring.h"
#include "crypto/random.h"
#include "daemon/commands.h"
#include "daemon/hsm_access.h"
#include "hsm/key_uri.h"
#include "hsm/pkcs11_keyring.h"

using namespace claviger;
using namespace claviger::daemon;

namespace {

constexpr auto kTime = std::chrono::milliseconds(700);
constexpr size_t kBatch = 32;

using Operation = std::function<bool(crypto::Keyring&)>;

// Per second, on so many threads.
double Rate(crypto::Keyring& keyring, int threads, const Operation& operation) {
  std::atomic<uint64_t> done = 0;
  const auto end = std::chrono::steady_clock::now() + kTime;
  std::vector<std::thread> running;
  for (int n = 0; n < threads; ++n) {
    running.emplace_back([&] {
      while (std::chrono::steady_clock::now() < end) {
        if (operation(keyring)) ++done;
      }
    });
  }
  for (auto& thread : running) thread.join();
  return static_cast<double>(done) / std::chrono::duration<double>(kTime).count();
}

template <class T>
T Must(Result<T> result) {
  if (result) return std::move(result).value();
  fmt::print(stderr, "{} ({})\n", result.error().detail, result.error().cause);
  std::exit(1);
}

// As the daemon signs tokens.
struct ThroughOpenSsl {
  explicit ThroughOpenSsl(crypto::Keyring& of) : keys(of, hsm::ParseKeyUri), keyring(of, *library) {}
  crypto::provider::KeyringKeys keys;
  const std::unique_ptr<crypto::provider::Library> library = Must(crypto::provider::Library::Create(keys));
  crypto::provider::SigningKeyring keyring;
};

void Compare(crypto::Keyring& own, crypto::Keyring& through, const Config& config) {
  const SystemClock clock;
  const Bytes aad(64, 1);
  const auto kek = Must(own.GenerateKek({}));
  const auto sealed = Must(own.GenerateDek(kek, aad)).sealed;
  const std::vector<crypto::Keyring::DekToOpen> batch(kBatch, {kek, sealed, aad});
  const auto open = [&](crypto::Keyring& keyring) { return keyring.OpenDek(kek, sealed, aad).has_value(); };
  const auto open_many = [&](crypto::Keyring& keyring) { return keyring.OpenDeks(batch).back().has_value(); };
  const auto make = [&](crypto::Keyring& keyring) { return keyring.GenerateDek(kek, aad).has_value(); };
  const auto mac = [&](crypto::Keyring& keyring) { return keyring.Mac(aad).has_value(); };
  const auto sign = [&](crypto::Keyring& keyring) {
    crypto::TokenClaims claims;
    claims.issued_at = UnixSeconds(clock.Now());
    claims.expires_at = claims.issued_at + crypto::kMaxTokenLifetimeSeconds;
    return crypto::SignToken(keyring, config.issuer, claims).has_value();
  };
  const std::vector<std::pair<const char*, Operation>> operations{{"open a data key", open},
                                                                  {"open 32 data keys at once", open_many},
                                                                  {"make a data key", make},
                                                                  {"MAC of 64 bytes", mac},
                                                                  {"sign an access token", sign}};
  ThroughOpenSsl own_openssl(own);
  ThroughOpenSsl through_openssl(through);
  for (const int threads : {1, 8}) {
    for (const auto& [what, operation] : operations) {
      const double alone = Rate(own, threads, operation);
      fmt::print("{:.0f} {:.0f} {} {}\n", alone, Rate(through, threads, operation), threads, what);
    }
    const double alone = Rate(own_openssl.keyring, threads, sign);
    fmt::print("{:.0f} {:.0f} {} sign an access token by OpenSSL\n", alone,
               Rate(through_openssl.keyring, threads, sign), threads);
  }
}

void Measure(const CommandLine& line, const Config& config) {
  const auto starters = Must(MakeStarters(line, config));
  const Log log(LogLevel::kError);
  const SystemClock clock;
  crypto::SystemRandom random;
  HsmAccess hsm(config, starters, {clock, random, log});
  if (const auto opened = hsm.Open(); !opened) Must(Result<int>(opened.error()));
  const auto own = Must(hsm::OpenKeyring(config.hsm, clock, random, log));
  Compare(*own, hsm.keyring(), config);
}

}  // namespace

int main(int argc, char** argv) {
  const auto line = ParseCommandLine(argc, argv);
  if (!line) return static_cast<int>(line.error().code);
  const Config config = Must(LoadConfig({line.value().config_flags, line.value().config_file, environ}));
  if (line.value().command == "key-process") return KeepKeys(line.value(), config) ? 0 : 1;
  Measure(line.value(), config);
  return 0;
}
