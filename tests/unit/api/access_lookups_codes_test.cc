// Codes, tokens and links of all other kinds while the installation moves to another lookup key: they are
// found under either, and what is good once is good once.

#include <atomic>
#include <thread>

#include "api/access/lookups_store.h"
#include "api/device/device.h"
#include "api/pages/sessions.h"
#include "api/shares/shares.h"
#include "tests/unit/api/mfa_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

struct Fixture : MfaFixture {
  // How many live ones of that kind, or of all kinds, are under the older lookup key.
  int64_t UnderOlder(std::string_view kind = {}) {
    auto lease = Must(pool.Acquire());
    int64_t count = 0;
    for (const auto& counted : Must(lookups_store::CountUnderOlder(*lease, 2, clock.Now()))) {
      if (kind.empty() || counted.kind == kind) count += counted.count;
    }
    return count;
  }
  // How many of eight threads that call it at once are told yes.
  int OfEight(const std::function<bool(int)>& call) {
    std::atomic<int> told{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&, i] { told += call(i) ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    return told;
  }

  DeviceCode Start() {
    auto draft = Draft();
    return Must(
        device.Start({"cli", "", true}, {"192.0.2.1", "", "https://vault.example.org/device"}, draft));
  }
  Result<DeviceState> Approve(const std::string& code, const pages::Session* session = nullptr) {
    auto draft = Draft();
    return device.Decide(ann, {code, kHome}, {DeviceState::kApproved, session}, clock.Now(), draft);
  }
  std::optional<DeviceGrant> GrantIn(Result<DeviceTokenAnswer> answer) {
    auto got = Must(std::move(answer));
    if (!std::holds_alternative<DeviceGrant>(got)) return std::nullopt;
    return std::get<DeviceGrant>(std::move(got));
  }
  std::optional<DeviceGrant> Poll(const SecretBytes& code) {
    AuditDraft draft(http::Request{}, "test.action", "test");
    return GrantIn(device.Poll(code, draft));
  }
  std::optional<DeviceGrant> Exchange(const SecretBytes& token) {
    AuditDraft draft(http::Request{}, "test.action", "test");
    return GrantIn(refresh.Exchange(token, draft));
  }
  DeviceGrant LogIn() {
    const auto code = Start();
    Must(Approve(code.user_code));
    auto grant = Poll(code.device_code);
    REQUIRE(grant);
    return *std::move(grant);
  }
  SecretBytes SignInAtPage() {
    auto answer = Login();
    REQUIRE(std::holds_alternative<AccessToken>(answer));
    return Must(sessions.Open(std::get<AccessToken>(answer)));
  }

  Refresh refresh{{pool, keyring, authenticator, tokens, audit, clock, random}};
  Device device{{pool, keyring, tokens, refresh, audit, guesses, clock, random}};
  pages::Sessions sessions{pool, keyring, clock, random};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a login that waited for its code when the move began is redeemed, once") {
  Enable();
  const auto challenge = Challenge();
  const auto second = Challenge();
  CHECK(UnderOlder("logins that wait for a second factor") == 2);
  keyring.RotateLookupKey();
  REQUIRE(Verify(challenge, recovery[0]));
  CHECK(UnderOlder("logins that wait for a second factor") == 1);
  CHECK(Verify(challenge, recovery[1]).error().detail != Mfa::kInvalidCode);
  const auto later = Challenge();
  CHECK(UnderOlder("logins that wait for a second factor") == 1);
  CHECK(Verify(later, recovery[1]));
  CHECK(Verify(crypto::NewCredential("mfa_", random), recovery[2]).error().cause == "unknown challenge");
  keyring.DropOlderLookupKey();
  CHECK(Verify(second, recovery[2]).error().cause == "unknown challenge");
}

TEST_CASE_FIXTURE(Fixture, "a recovery code from before the move is good once, however many bring it") {
  Enable();
  std::vector<SecretBytes> challenges;
  for (int i = 0; i < 8; ++i) challenges.push_back(Challenge());
  CHECK(UnderOlder("recovery codes") == 8);
  keyring.RotateLookupKey();
  CHECK(OfEight([&](int i) {
          AuditDraft draft(http::Request{}, "test.action", "test");
          return mfa
              .Verify({challenges[static_cast<size_t>(i)].Clone(), SecretBytes(recovery[0])}, kHome, draft)
              .has_value();
        }) == 1);
  CHECK(UnderOlder("recovery codes") == 7);
  CHECK(KindOf(Disable("aaaaa-bbbbb", std::nullopt)) == ErrorKind::kInvalid);
  CHECK(Disable(recovery[1], std::nullopt));
  CHECK(UnderOlder() == 0);
  Enable();
  CHECK(UnderOlder() == 0);
  keyring.DropOlderLookupKey();
  CHECK(Disable(recovery[0], std::nullopt));
}

TEST_CASE_FIXTURE(Fixture, "a recovery code that nobody used dies with the older lookup key") {
  Enable();
  keyring.RotateLookupKey();
  keyring.DropOlderLookupKey();
  CHECK(KindOf(Disable(recovery[0], std::nullopt)) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Fixture, "a device login that waited when the move began is approved and fetched, once") {
  const auto code = Start();
  const auto unfetched = Start();
  CHECK(UnderOlder("device logins that wait") == 2);
  keyring.RotateLookupKey();
  CHECK_FALSE(Poll(code.device_code));
  auto draft = Draft();
  CHECK(Must(device.StatusOf({code.user_code, kHome}, draft)).state == DeviceState::kPending);
  CHECK(OfEight([&](int) {
          AuditDraft own(http::Request{}, "test.action", "test");
          return device
              .Decide(ann, {code.user_code, kHome}, {DeviceState::kApproved, nullptr}, clock.Now(), own)
              .has_value();
        }) == 1);
  clock.Advance(std::chrono::seconds(10));
  CHECK(OfEight([&](int) { return Poll(code.device_code).has_value(); }) == 1);
  CHECK(UnderOlder("device logins that wait") == 1);
  CHECK_FALSE(Poll(code.device_code));
  CHECK(KindOf(Approve("BBBB-BBBB")) == ErrorKind::kNotFound);
  const auto later = Start();
  CHECK(UnderOlder("device logins that wait") == 1);
  keyring.DropOlderLookupKey();
  CHECK(KindOf(Approve(unfetched.user_code)) == ErrorKind::kNotFound);
  CHECK(Approve(later.user_code));
  CHECK(Poll(later.device_code));
}

TEST_CASE_FIXTURE(Fixture,
                  "a refresh token from before the move is exchanged for one under the newest lookup key") {
  const auto first = LogIn();
  const auto unused = LogIn();
  CHECK(UnderOlder("device logins") == 2);
  keyring.RotateLookupKey();
  const auto second = Exchange(*first.refresh_token);
  REQUIRE(second);
  CHECK(UnderOlder("device logins") == 1);
  // Shown once more within a minute, its successor unused.
  const auto repeated = Exchange(*first.refresh_token);
  REQUIRE(repeated);
  keyring.DropOlderLookupKey();
  CHECK(Exchange(*repeated->refresh_token));
  CHECK_FALSE(Exchange(*unused.refresh_token));
}

TEST_CASE_FIXTURE(Fixture, "a spent refresh token from before the move still ends its family") {
  const auto first = LogIn();
  keyring.RotateLookupKey();
  const auto second = Exchange(*first.refresh_token);
  REQUIRE(second);
  const auto third = Exchange(*second->refresh_token);
  REQUIRE(third);
  CHECK_FALSE(Exchange(*first.refresh_token));
  CHECK(Count("SELECT count(*) FROM refresh_families") == 0);
  CHECK_FALSE(Exchange(*third->refresh_token));
  CHECK_FALSE(Exchange(crypto::NewCredential("crt_", random)));
}

TEST_CASE_FIXTURE(Fixture, "what has expired is not counted") {
  SignInAtPage();
  Start();
  Enable();
  Challenge();
  const char* kinds[] = {"sessions at pages", "device logins that wait",
                         "logins that wait for a second factor"};
  for (const char* kind : kinds) CHECK(UnderOlder(kind) == 1);
  clock.Advance(std::chrono::minutes(10));
  for (const char* kind : kinds) CHECK(UnderOlder(kind) == 0);
  CHECK(UnderOlder() == 8);  // recovery codes
}

TEST_CASE_FIXTURE(Fixture, "dead device logins are not counted") {
  LogIn();
  CHECK(UnderOlder("device logins") == 1);
  clock.Advance(Refresh::kIdleLife);
  CHECK(UnderOlder() == 0);
  LogIn();
  CHECK(UnderOlder("device logins") == 1);
  clock.Advance(std::chrono::seconds(2));
  REQUIRE(ChangePassword());
  CHECK(UnderOlder() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a session at a page from before the move is good for one decision") {
  const auto cookie = std::optional(SignInAtPage());
  const auto other = std::optional(SignInAtPage());
  CHECK(UnderOlder("sessions at pages") == 2);
  const auto first = Start(), second = Start();
  keyring.RotateLookupKey();
  const auto session = Must(sessions.Find(cookie));
  REQUIRE(session);
  CHECK(session->principal.id == ann.id);
  const std::string codes[] = {first.user_code, second.user_code};
  CHECK(OfEight([&](int i) {
          AuditDraft own(http::Request{}, "test.action", "test");
          return device
              .Decide(ann, {codes[i % 2], kHome}, {DeviceState::kApproved, &*session}, clock.Now(), own)
              .has_value();
        }) == 1);
  CHECK_FALSE(Must(sessions.Find(cookie)));
  CHECK(UnderOlder("sessions at pages") == 1);
  CHECK(Must(sessions.Find(other)));
  const auto later = std::optional(SignInAtPage());
  CHECK(UnderOlder("sessions at pages") == 1);
  CHECK_FALSE(Must(sessions.Find(pages::NewCookie(random))));
  keyring.DropOlderLookupKey();
  CHECK_FALSE(Must(sessions.Find(other)));
  CHECK(Must(sessions.Find(later)));
}

TEST_CASE_FIXTURE(Fixture,
                  "what nodes count guesses under is the older lookup key's as long as it is there") {
  const Bytes before = Must(GuessKey(keyring));
  keyring.RotateLookupKey();
  CHECK(Must(GuessKey(keyring)) == before);
  keyring.DropOlderLookupKey();
  CHECK(Must(GuessKey(keyring)) != before);
}
