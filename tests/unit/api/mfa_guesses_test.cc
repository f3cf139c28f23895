#include <algorithm>
#include <thread>

#include "tests/unit/api/mfa_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using std::chrono::seconds;

TEST_CASE_FIXTURE(MfaFixture,
                  "many challenges give no more tries: ten codes an hour, and a right one costs none") {
  Enable();
  for (int i = 0; i < 10; ++i) CHECK(KindOf(Verify(Challenge(), Wrong())) == ErrorKind::kUnauthenticated);
  const auto refused = Verify(Challenge(), Code());
  CHECK(KindOf(refused) == ErrorKind::kTooMany);
  CHECK(refused.error().retry_after > 350);
  CHECK(refused.error().retry_after <= 360);
  CHECK(KindOf(Disable(Code(), {})) == ErrorKind::kTooMany);

  PassHour();
  for (int i = 0; i < 20; ++i) {
    Must(Verify(Challenge(), Code()));
    clock.Advance(seconds(30));
  }
}

TEST_CASE_FIXTURE(MfaFixture, "disabling is no way to try more passwords than a change of it allows") {
  Enable();
  for (int i = 0; i < 10; ++i) CHECK(KindOf(Disable({}, kNewPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable({}, kPassword)) == ErrorKind::kTooMany);
  auto draft = Draft();
  CHECK(KindOf(auth->AdmitPasswordChange(ann, {SecretBytes(kPassword), SecretBytes(kNewPassword)}, kHome,
                                         draft)) == ErrorKind::kTooMany);
  PassHour();
  Must(Disable({}, kPassword));
}

TEST_CASE_FIXTURE(MfaFixture, "while the hour's tries are used up, a recovery code still lets the owner in") {
  Enable();
  for (int i = 0; i < 10; ++i) CHECK(KindOf(Disable(Wrong(), {})) == ErrorKind::kInvalid);
  CHECK(KindOf(Verify(Challenge(), Code())) == ErrorKind::kTooMany);
  Must(Verify(Challenge(), recovery[0]));
}

TEST_CASE_FIXTURE(MfaFixture,
                  "a right password alone costs no guess and makes no address familiar; its code does") {
  Enable();
  auto draft = Draft();
  const LoginRequest request{"ann@example.org", SecretBytes(kPassword)};
  const auto permit = Must(auth->AdmitLogin(request, kHome, draft));
  const auto answer = Must(auth->Login(request, permit, draft));
  CHECK(Count("SELECT count(*) FROM guess_budgets WHERE full_at > now()") == 0);
  CHECK(Count("SELECT count(*) FROM familiar_addresses") == 0);
  Must(Verify(std::get<MfaChallenge>(answer).token, Code()));
  CHECK(Count("SELECT count(*) FROM familiar_addresses") == 1);
}

TEST_CASE_FIXTURE(MfaFixture, "each recovery code lets in once") {
  Enable();
  for (const auto& code : recovery) Must(Verify(Challenge(), code));
  for (const auto& code : recovery) CHECK(KindOf(Verify(Challenge(), code)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Disable(recovery[0], {})) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(MfaFixture, "of many that redeem one code at once, over as many challenges, one succeeds") {
  Enable();
  const auto race = [&](const std::string& code, bool one_challenge) {
    std::vector<SecretBytes> challenges;
    for (int i = 0; i < 4; ++i) challenges.push_back(Challenge());
    std::atomic<int> won = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        AuditDraft draft(http::Request{}, "test.action", "test");
        if (mfa.Verify({challenges[one_challenge ? 0 : i].Clone(), SecretBytes(code)}, kHome, draft)) ++won;
      });
    }
    for (auto& thread : threads) thread.join();
    return won.load();
  };
  CHECK(race(Code(), false) == 1);
  clock.Advance(seconds(30));
  CHECK(race(Code(), true) == 1);
  CHECK(race(recovery[0], false) == 1);
  CHECK(race(recovery[1], true) == 1);
}

TEST_CASE_FIXTURE(MfaFixture, "a thousand guesses at one moment are no more than five") {
  Enable();
  const auto challenge = Challenge();
  std::vector<std::thread> threads;
  std::atomic<int> reached = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      AuditDraft draft(http::Request{}, "test.action", "test");
      const auto refused =
          mfa.Verify({challenge.Clone(), SecretBytes(std::string_view("wrong"))}, kHome, draft);
      if (!refused && refused.error().cause == "neither code") ++reached;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(reached == 5);
  CHECK(KindOf(Verify(challenge, Code())) == ErrorKind::kUnauthenticated);
}
