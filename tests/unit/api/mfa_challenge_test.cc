#include "tests/unit/api/mfa_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using std::chrono::hours;
using std::chrono::seconds;

TEST_CASE_FIXTURE(MfaFixture, "a code redeems a challenge once, and gives a token of the one who logged in") {
  Enable();
  const auto challenge = Challenge();
  const auto token = Must(Verify(challenge, Code()));
  CHECK(token.expires_in == 900);
  CHECK(Must(authenticator.Authenticate(WithToken(token.token))).id == ann.id);
  CHECK(LastRecord() == "auth.success user success");
  const auto again = Verify(challenge, CodeOf(secret, clock.Now() + seconds(30)));
  CHECK(KindOf(again) == ErrorKind::kUnauthenticated);
  CHECK(again.error().detail == "Invalid or expired token");
}

TEST_CASE_FIXTURE(MfaFixture, "a code counts one step to either side, to the second") {
  Enable();
  clock.Advance(hours(1));
  const Time step{seconds(UnixSeconds(clock.Now()) / 30 * 30)};
  clock.Advance(step + seconds(30) - clock.Now());  // the begin of a step
  const auto begin = clock.Now();
  CHECK(KindOf(Verify(Challenge(), CodeOf(secret, begin - seconds(60)))) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Verify(Challenge(), CodeOf(secret, begin + seconds(60)))) == ErrorKind::kUnauthenticated);
  Must(Verify(Challenge(), CodeOf(secret, begin - seconds(30))));
  Must(Verify(Challenge(), CodeOf(secret, begin)));
  Must(Verify(Challenge(), CodeOf(secret, begin + seconds(30))));
}

TEST_CASE_FIXTURE(MfaFixture, "an accepted step is never accepted again, nor an older one") {
  Enable();
  const auto older = CodeOf(secret, clock.Now());
  const auto newer = CodeOf(secret, clock.Now() + seconds(30));
  Must(Verify(Challenge(), newer));
  CHECK(KindOf(Verify(Challenge(), newer)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Verify(Challenge(), older)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Disable(newer, {})) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(MfaFixture, "spaces and digits of other scripts make no code") {
  Enable();
  const auto code = Code();
  for (const auto& text : {" " + code, code + " ", code.substr(0, 3) + " " + code.substr(3), code + "\n"}) {
    CHECK(KindOf(Verify(Challenge(), text)) == ErrorKind::kUnauthenticated);
  }
  Must(Verify(Challenge(), code));
}

TEST_CASE_FIXTURE(MfaFixture, "five tries burn a challenge, and the fifth may still be right") {
  Enable();
  const auto burnt = Challenge();
  for (int i = 0; i < 5; ++i) CHECK(KindOf(Verify(burnt, "wrong")) == ErrorKind::kUnauthenticated);
  const auto refused = Verify(burnt, Code());
  CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
  CHECK(refused.error().cause == "burnt challenge");
  const auto lucky = Challenge();
  for (int i = 0; i < 4; ++i) CHECK(KindOf(Verify(lucky, "wrong")) == ErrorKind::kUnauthenticated);
  Must(Verify(lucky, Code()));
}

TEST_CASE_FIXTURE(MfaFixture, "a challenge lives for 300 seconds") {
  Enable();
  const auto challenge = Challenge();
  clock.Advance(seconds(300));
  const auto refused = Verify(challenge, Code());
  CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
  CHECK(refused.error().cause == "expired challenge");
  const auto next = Challenge();  // removes it
  CHECK(Count("SELECT count(*) FROM mfa_challenges") == 1);
  clock.Advance(seconds(299));
  Must(Verify(next, Code()));
}

TEST_CASE_FIXTURE(MfaFixture, "a challenge dies with the password") {
  Enable();
  const auto challenge = Challenge();
  Must(ChangePassword());
  CHECK(KindOf(Verify(challenge, Code())) == ErrorKind::kUnauthenticated);
  Must(Verify(Challenge(kNewPassword), Code()));
}

TEST_CASE_FIXTURE(MfaFixture, "a challenge dies with the account") {
  Enable();
  const auto challenge = Challenge();
  auto draft = Draft();
  Must(auth->DeleteMe(ann, draft));
  CHECK(KindOf(Verify(challenge, Code())) == ErrorKind::kUnauthenticated);
  CHECK(Count("SELECT (SELECT count(*) FROM totp_factors) + (SELECT count(*) FROM recovery_codes)"
              "     + (SELECT count(*) FROM mfa_challenges)") == 0);
}

TEST_CASE_FIXTURE(MfaFixture, "a wrong password gets the same answer with a factor as without") {
  Enable();
  auto draft = Draft();
  const auto refused = auth->Login({"ann@example.org", SecretBytes(kNewPassword)}, {}, draft);
  CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
  CHECK(refused.error().detail == "Invalid credentials");
  CHECK(Count("SELECT count(*) FROM mfa_challenges") == 0);
}

TEST_CASE_FIXTURE(
    MfaFixture, "a challenge that was made while the factor was disabled is none: the login gives a token") {
  Enable();
  const auto prepared = Must(mfa.Prepare());
  Must(Disable({}, kPassword));
  auto lease = Must(pool.Acquire());
  CHECK(!Must(mfa.Store(*lease, {ann.org, UserId{ann.id}}, prepared)));
}

TEST_CASE_FIXTURE(MfaFixture, "what was never a challenge is refused as a token is") {
  Enable();
  for (const std::string& text : {std::string("x"), "mfa_" + std::string(43, 'A'), std::string(200, 'A')}) {
    const auto refused = Verify(SecretBytes(std::string_view(text)), Code());
    CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
    CHECK(refused.error().detail == "Invalid or expired token");
  }
}
