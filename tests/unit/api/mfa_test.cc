#include "api/mfa/mfa.h"

#include <liboath/oath.h>

#include <algorithm>
#include <thread>

#include "api/auth/auth.h"
#include "crypto/random.h"
#include "crypto/record_seal.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

constexpr std::string_view kPassword = "correct horse battery";
constexpr std::string_view kNewPassword = "another horse battery";
constexpr crypto::Argon2Cost kCost{.memory_kib = 64, .passes = 1, .lanes = 1};

ErrorKind KindOf(const auto& result) {
  REQUIRE(!result.has_value());
  return result.error().kind;
}

// Computed straight from the base32 secret, as an authenticator app does.
std::string CodeOf(std::string_view base32, Time at) {
  char* secret = nullptr;
  size_t size = 0;
  REQUIRE(oath_base32_decode(base32.data(), base32.size(), &secret, &size) == OATH_OK);
  char code[7] = {};
  REQUIRE(oath_totp_generate(secret, size, UnixSeconds(at), 30, 0, 6, code) == OATH_OK);
  std::free(secret);
  return code;
}

// A code that none of the three accepted steps has.
std::string WrongCode(std::string_view base32, Time now) {
  for (const char* code : {"000000", "000001", "000002", "000003"}) {
    if (CodeOf(base32, now) != code && CodeOf(base32, now - seconds(30)) != code &&
        CodeOf(base32, now + seconds(30)) != code) {
      return code;
    }
  }
  FAIL("unreachable");
  return {};
}

const std::string kHome = "192.0.2.1";

struct Fixture : Database {
  AuditDraft Draft() {
    clock.Advance(std::chrono::microseconds(1));  // ids of one instant have no order
    return AuditDraft(http::Request{}, "test.action", "test");
  }
  Principal SignUp(const std::string& email) {
    auto draft = Draft();
    const auto token = Must(auth->Signup({email, SecretBytes(kPassword), "Ann"}, {}, draft));
    return Must(authenticator.Authenticate(WithToken(token.token)));
  }
  LoginAnswer Login(std::string_view password = kPassword, const char* email = "ann@example.org") {
    auto draft = Draft();
    return Must(auth->Login({email, SecretBytes(password)}, {}, draft));
  }
  // The token of the challenge that a login of Ann gives.
  SecretBytes Challenge(std::string_view password = kPassword) {
    auto answer = Login(password);
    REQUIRE(std::holds_alternative<MfaChallenge>(answer));
    return std::get<MfaChallenge>(std::move(answer)).token;
  }
  Result<AccessToken> Verify(const SecretBytes& challenge, std::string_view code) {
    auto draft = Draft();
    auto token = mfa.Verify({challenge.Clone(), SecretBytes(code)}, kHome, draft);
    last_draft = draft;
    return token;
  }
  Result<std::vector<SecretBytes>> VerifySetup(std::string_view code) {
    auto draft = Draft();
    return mfa.VerifySetup(ann, SecretBytes(code), draft);
  }
  Status Disable(std::optional<std::string_view> code, std::optional<std::string_view> password) {
    MfaDisableRequest request;
    if (code) request.code = SecretBytes(*code);
    if (password) request.password = SecretBytes(*password);
    auto draft = Draft();
    return mfa.Disable(ann, request, kHome, draft);
  }
  // For the budgets of guesses, whose clock is the database's.
  void PassHour() { Sql("UPDATE guess_budgets SET full_at = full_at - interval '1 hour'"); }
  void Setup() {
    auto draft = Draft();
    secret = std::string(Must(mfa.Setup(ann, draft)).secret.Text());
  }
  // Ann's factor, enabled by the code of the step before the clock's.
  void Enable() {
    Setup();
    recovery.clear();
    for (const auto& code : Must(VerifySetup(CodeOf(secret, clock.Now() - seconds(30))))) {
      recovery.emplace_back(code.Text());
    }
  }
  std::string Code() { return CodeOf(secret, clock.Now()); }
  std::string Wrong() { return WrongCode(secret, clock.Now()); }
  Status ChangePassword() {
    auto draft = Draft();
    return auth->ChangePassword(ann, {SecretBytes(kPassword), SecretBytes(kNewPassword)}, {}, draft);
  }
  std::string LastRecord() {
    const auto rows = Sql("SELECT action, actor_type, outcome FROM audit_events ORDER BY id DESC LIMIT 1");
    return std::string(rows.Text(0, 0)) + " " + std::string(rows.Text(0, 1)) + " " +
           std::string(rows.Text(0, 2));
  }

  crypto::SystemRandom random;  // of several threads at once
  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  TokenIssuer tokens{kIssuer, keyring, clock, random};
  crypto::WrappedKek system_kek = Must(keyring.GenerateKek({}));
  RefusalDigest refusals{clock};
  GuessBudgets guesses{
      {.per_account = 10, .familiar_days = 30}, Bytes(32, 1), {pool, clock, QuietLog(), refusals}};
  Mfa mfa{{pool, keyring, system_kek, audit, tokens, guesses, clock, random}};
  Mail mail{{}, {keyring, system_kek, clock, random}};
  std::unique_ptr<Auth> auth = Must(Auth::Create(
      {kCost, false}, {pool, keyring, authenticator, tokens, mfa, mail, audit, guesses, clock, random}));
  Principal ann = SignUp("ann@example.org");
  std::string secret;  // base32
  std::vector<std::string> recovery;
  AuditDraft last_draft = Draft();
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a factor is enabled by its first right code, and only then asked for") {
  CHECK(!Must(mfa.Enabled({ann.org, UserId{ann.id}})));
  Setup();
  CHECK(std::holds_alternative<AccessToken>(Login()));
  CHECK(KindOf(VerifySetup(Wrong())) == ErrorKind::kInvalid);
  CHECK(!Must(auth->GetMe(ann)).totp_enabled);
  const auto codes = Must(VerifySetup(Code()));
  CHECK(codes.size() == 8);
  CHECK(LastRecord() == "test.action anonymous success");
  CHECK(Must(auth->GetMe(ann)).totp_enabled);
  CHECK(std::holds_alternative<MfaChallenge>(Login()));
  CHECK(LastRecord() == "auth.challenge anonymous success");
  CHECK(KindOf(VerifySetup(CodeOf(secret, clock.Now() + seconds(30)))) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Fixture,
                  "a setup shows the secret as text and as a URI that names installation and account") {
  auto draft = Draft();
  const auto setup = Must(mfa.Setup(ann, draft));
  CHECK(setup.secret.size() == 32);
  CHECK(setup.otpauth_uri.Text() == "otpauth://totp/Claviger:ann%40example.org?secret=" +
                                        std::string(setup.secret.Text()) + "&issuer=Claviger");
}

TEST_CASE_FIXTURE(Fixture, "a setup replaces one that was not completed, and none that was") {
  Setup();
  const auto first = secret;
  Setup();
  CHECK(secret != first);
  CHECK(KindOf(VerifySetup(CodeOf(first, clock.Now()))) == ErrorKind::kInvalid);
  Must(VerifySetup(Code()));
  auto draft = Draft();
  CHECK(KindOf(mfa.Setup(ann, draft)) == ErrorKind::kInvalid);
  CHECK(!draft.committed());
}

TEST_CASE_FIXTURE(Fixture, "a code redeems a challenge once, and gives a token of the one who logged in") {
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

TEST_CASE_FIXTURE(Fixture, "a code counts one step to either side, to the second") {
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

TEST_CASE_FIXTURE(Fixture, "an accepted step is never accepted again, nor an older one") {
  Enable();
  const auto older = CodeOf(secret, clock.Now());
  const auto newer = CodeOf(secret, clock.Now() + seconds(30));
  Must(Verify(Challenge(), newer));
  CHECK(KindOf(Verify(Challenge(), newer)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Verify(Challenge(), older)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Disable(newer, {})) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Fixture, "the code that enabled the factor is spent with it") {
  Setup();
  const auto code = Code();
  Must(VerifySetup(code));
  CHECK(KindOf(Verify(Challenge(), code)) == ErrorKind::kUnauthenticated);
}

TEST_CASE_FIXTURE(Fixture, "spaces and digits of other scripts make no code") {
  Enable();
  const auto code = Code();
  for (const auto& text : {" " + code, code + " ", code.substr(0, 3) + " " + code.substr(3), code + "\n"}) {
    CHECK(KindOf(Verify(Challenge(), text)) == ErrorKind::kUnauthenticated);
  }
  Must(Verify(Challenge(), code));
}

TEST_CASE_FIXTURE(Fixture, "five tries burn a challenge, and the fifth may still be right") {
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

TEST_CASE_FIXTURE(Fixture, "a challenge lives for 300 seconds") {
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

TEST_CASE_FIXTURE(Fixture,
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

TEST_CASE_FIXTURE(Fixture, "disabling is no way to try more passwords than a change of it allows") {
  Enable();
  for (int i = 0; i < 10; ++i) CHECK(KindOf(Disable({}, kNewPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable({}, kPassword)) == ErrorKind::kTooMany);
  auto draft = Draft();
  CHECK(KindOf(auth->AdmitPasswordChange(ann, {SecretBytes(kPassword), SecretBytes(kNewPassword)}, kHome,
                                         draft)) == ErrorKind::kTooMany);
  PassHour();
  Must(Disable({}, kPassword));
}

TEST_CASE_FIXTURE(Fixture, "while the hour's tries are used up, a recovery code still lets the owner in") {
  Enable();
  for (int i = 0; i < 10; ++i) CHECK(KindOf(Disable(Wrong(), {})) == ErrorKind::kInvalid);
  CHECK(KindOf(Verify(Challenge(), Code())) == ErrorKind::kTooMany);
  Must(Verify(Challenge(), recovery[0]));
}

TEST_CASE_FIXTURE(Fixture,
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

TEST_CASE_FIXTURE(Fixture, "each recovery code lets in once") {
  Enable();
  for (const auto& code : recovery) Must(Verify(Challenge(), code));
  for (const auto& code : recovery) CHECK(KindOf(Verify(Challenge(), code)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Disable(recovery[0], {})) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Fixture, "of many that redeem one code at once, over as many challenges, one succeeds") {
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

TEST_CASE_FIXTURE(Fixture, "a thousand guesses at one moment are no more than five") {
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

TEST_CASE_FIXTURE(Fixture, "a challenge dies with the password") {
  Enable();
  const auto challenge = Challenge();
  Must(ChangePassword());
  CHECK(KindOf(Verify(challenge, Code())) == ErrorKind::kUnauthenticated);
  Must(Verify(Challenge(kNewPassword), Code()));
}

TEST_CASE_FIXTURE(Fixture, "a challenge dies with the account") {
  Enable();
  const auto challenge = Challenge();
  auto draft = Draft();
  Must(auth->DeleteMe(ann, draft));
  CHECK(KindOf(Verify(challenge, Code())) == ErrorKind::kUnauthenticated);
  CHECK(Count("SELECT (SELECT count(*) FROM totp_factors) + (SELECT count(*) FROM recovery_codes)"
              "     + (SELECT count(*) FROM mfa_challenges)") == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a factor is disabled by code, recovery code or password, with all that hangs on it") {
  const auto disabled_by = [&](auto proof) {
    Enable();
    const auto challenge = Challenge();
    const auto code = Code();
    Must(proof());
    CHECK(!Must(mfa.Enabled({ann.org, UserId{ann.id}})));
    CHECK(KindOf(Verify(challenge, code)) == ErrorKind::kUnauthenticated);
    CHECK(Count("SELECT count(*) FROM recovery_codes") == 0);
    CHECK(std::holds_alternative<AccessToken>(Login()));
  };
  disabled_by([&] { return Disable(Code(), {}); });
  disabled_by([&] { return Disable(recovery[3], {}); });
  disabled_by([&] { return Disable({}, kPassword); });
  CHECK(KindOf(Disable({}, kPassword)) == ErrorKind::kInvalid);
}

TEST_CASE_FIXTURE(Fixture, "without a right proof a factor stays, and a code, if given, decides alone") {
  Enable();
  CHECK(KindOf(Disable({}, kNewPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable(Wrong(), kPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable("", kPassword)) == ErrorKind::kInvalid);
  CHECK(Must(mfa.Enabled({ann.org, UserId{ann.id}})));
}

TEST_CASE_FIXTURE(Fixture, "a wrong password gets the same answer with a factor as without") {
  Enable();
  auto draft = Draft();
  const auto refused = auth->Login({"ann@example.org", SecretBytes(kNewPassword)}, {}, draft);
  CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
  CHECK(refused.error().detail == "Invalid credentials");
  CHECK(Count("SELECT count(*) FROM mfa_challenges") == 0);
}

TEST_CASE_FIXTURE(
    Fixture, "a challenge that was made while the factor was disabled is none: the login gives a token") {
  Enable();
  const auto prepared = Must(mfa.Prepare());
  Must(Disable({}, kPassword));
  auto lease = Must(pool.Acquire());
  CHECK(!Must(mfa.Store(*lease, {ann.org, UserId{ann.id}}, prepared)));
}

TEST_CASE_FIXTURE(Fixture, "a sealed secret that was moved or edited opens for nobody") {
  Enable();
  const auto bob = SignUp("bob@example.org");
  Sql("INSERT INTO totp_factors SELECT $1, $2, sealed_secret, enabled_at, 0, created_at FROM "
      "totp_factors",
      {bob.org, bob.id});
  const auto as_bob = std::get<MfaChallenge>(Login(kPassword, "bob@example.org")).token.Clone();
  CHECK(KindOf(Verify(as_bob, Code())) == ErrorKind::kIntegrity);
  const auto record = last_draft.Finish(clock, random, "failed");
  CHECK(record.org == bob.org);
  CHECK(record.resource_id == FormatUuid(bob.id));
  Sql("UPDATE totp_factors SET sealed_secret = set_byte(sealed_secret, 107, get_byte(sealed_secret, 107) # "
      "1)");
  CHECK(KindOf(Verify(Challenge(), Code())) == ErrorKind::kIntegrity);
  CHECK(KindOf(Disable(Code(), {})) == ErrorKind::kIntegrity);
}

TEST_CASE_FIXTURE(Fixture, "a secret is sealed as docs/FORMATS.md says") {
  using namespace std::string_literals;
  const UserId user{ann.id};
  const std::string place = "\0\0\0\x0f"s + "claviger/totp/1" + "\0\0\0\x10"s +
                            std::string(AsText(ann.org.Bytes())) + "\0\0\0\x10"s +
                            std::string(AsText(user.Bytes()));
  const auto sealed =
      Must(crypto::SealRecord(keyring, random, system_kek, AsBytes(place), AsBytes("12345678901234567890")));
  CHECK(sealed.size() == 108);
  Sql("INSERT INTO totp_factors (org_id, user_id, sealed_secret, enabled_at, created_at)"
      " VALUES ($1, $2, $3, now(), now())",
      {ann.org, user, sealed});
  Must(Verify(Challenge(), CodeOf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", clock.Now())));
}

TEST_CASE_FIXTURE(Fixture, "without an HSM nobody gets in, and no try is used up") {
  Enable();
  const auto challenge = Challenge();
  const auto code = Code();
  keyring.SetUnavailable(true);
  for (int i = 0; i < 20; ++i) CHECK(KindOf(Verify(challenge, code)) == ErrorKind::kUnavailable);
  keyring.SetUnavailable(false);
  Must(Verify(challenge, code));
}

TEST_CASE_FIXTURE(Fixture, "what was never a challenge is refused as a token is") {
  Enable();
  for (const std::string& text : {std::string("x"), "mfa_" + std::string(43, 'A'), std::string(200, 'A')}) {
    const auto refused = Verify(SecretBytes(std::string_view(text)), Code());
    CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
    CHECK(refused.error().detail == "Invalid or expired token");
  }
}
