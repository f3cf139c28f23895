#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "api/oidc/provider_keys.h"
#include "crypto/jws.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_keyring.h"

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr const char* kIssuer = "https://id.example/realm/";
const std::string kDiscovery = "https://id.example/realm/.well-known/openid-configuration";
const std::string kKeySet = "https://keys.example/set";

// What stands behind the provider's addresses. May be changed while nobody looks.
struct Web {
  std::string discovery = R"({"issuer":"https://id.example/realm/","jwks_uri":"https://keys.example/set"})";
  std::string key_set = KeySetOf(1);
  std::atomic<bool> down{false};
  std::atomic<int> looks{0};
  std::atomic<bool> hangs{false};

  // The fake keyring's key of one seed, by its own name.
  static std::string KeySetOf(uint64_t seed) {
    fakes::FakeKeyring keyring(seed);
    auto keys = keyring.PublicKeys(crypto::SigningKey::kToken).value();
    keys.front().kid = "key-" + std::to_string(seed);
    return crypto::JwksJson(keys);
  }
  Result<std::string> Get(const std::string& url) {
    if (url == kDiscovery) ++looks;
    while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (down) return Unavailable("down");
    if (url == kDiscovery) return discovery;
    if (url == kKeySet) return key_set;
    return Unavailable("asked for " + url);
  }
};

struct Fixture {
  Log log{LogLevel::kError};
  fakes::FakeClock clock;
  Web web;
  ProviderKeys keys{kIssuer, [this](const std::string& url) { return web.Get(url); }, clock, log};

  // Without the thread nobody looks: moved on by less than the shortest interval, Find does not wait for it.
  bool Has(const std::string& kid) { return keys.Find(kid).value().has_value(); }
  bool Unknown() {
    const auto found = keys.Find("key-1");
    return !found.has_value() && found.error().kind == ErrorKind::kUnavailable;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "keys are those that the provider's discovery document leads to") {
  keys.LookOnce();
  CHECK(Has("key-1"));
  CHECK_FALSE(Has("key-2"));
  CHECK_FALSE(Has(""));
}

TEST_CASE_FIXTURE(Fixture, "nothing is known after a look that failed") {
  SUBCASE("the provider is away") { web.down = true; }
  SUBCASE("the document is of another issuer") {
    web.discovery = R"({"issuer":"https://id.example/realm","jwks_uri":"https://keys.example/set"})";
  }
  SUBCASE("the document names no keys") { web.discovery = R"({"issuer":"https://id.example/realm/"})"; }
  SUBCASE("the document is none") { web.discovery = "<html>"; }
  SUBCASE("the key set is none") { web.key_set = "[]"; }
  keys.LookOnce();
  CHECK(Unknown());
}

TEST_CASE_FIXTURE(Fixture, "a key that the provider withdrew is refused after the next look") {
  keys.LookOnce();
  web.key_set = Web::KeySetOf(2);
  CHECK(Has("key-1"));
  keys.LookOnce();
  CHECK_FALSE(Has("key-1"));
  CHECK(Has("key-2"));
}

TEST_CASE_FIXTURE(Fixture, "the last keys are trusted for a day while the provider is away, and no longer") {
  keys.LookOnce();
  web.down = true;
  clock.Advance(std::chrono::hours(24) - std::chrono::seconds(1));
  keys.LookOnce();
  CHECK(Has("key-1"));
  clock.Advance(std::chrono::seconds(1));
  CHECK(Unknown());
  web.down = false;
  keys.LookOnce();
  CHECK(Has("key-1"));
}

TEST_CASE_FIXTURE(Fixture, "names that nobody knows make the provider be asked once in ten seconds") {
  keys.Start();
  while (!keys.Find("key-1").has_value()) std::this_thread::yield();
  REQUIRE(web.looks == 1);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(Has("unknown-" + std::to_string(i)));
  CHECK(web.looks == 1);
  web.key_set = Web::KeySetOf(2);
  clock.Advance(std::chrono::seconds(10));
  CHECK(Has("key-2"));
  CHECK(web.looks == 2);
  CHECK_FALSE(Has("key-1"));
  CHECK(web.looks == 2);
}

TEST_CASE_FIXTURE(Fixture, "few wait for a provider that hangs, the others are refused at once") {
  web.hangs = true;
  keys.Start();
  while (web.looks == 0) std::this_thread::yield();
  std::vector<std::future<bool>> nine;
  for (int i = 0; i < 9; ++i) {
    nine.push_back(std::async(std::launch::async, [this] { return keys.Find("key-1").has_value(); }));
  }
  const auto is_over = [](const auto& each) {
    return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  while (std::none_of(nine.begin(), nine.end(), is_over)) std::this_thread::yield();
  CHECK(std::count_if(nine.begin(), nine.end(), is_over) == 1);
  web.hangs = false;
  CHECK(std::count_if(nine.begin(), nine.end(), [](auto& each) { return each.get(); }) == 8);
}
