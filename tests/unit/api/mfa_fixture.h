#pragma once
// Ann, who has an account and may have a second factor.

#include <liboath/oath.h>

#include <memory>

#include "api/auth/auth.h"
#include "api/mfa/mfa.h"
#include "crypto/random.h"
#include "tests/unit/api/access_database.h"

namespace claviger::api {

inline constexpr std::string_view kPassword = "correct horse battery";
inline constexpr std::string_view kNewPassword = "another horse battery";
inline constexpr crypto::Argon2Cost kCost{.memory_kib = 64, .passes = 1, .lanes = 1};

inline ErrorKind KindOf(const auto& result) {
  REQUIRE(!result.has_value());
  return result.error().kind;
}

// Computed straight from the base32 secret, as an authenticator app does.
inline std::string CodeOf(std::string_view base32, Time at) {
  char* secret = nullptr;
  size_t size = 0;
  REQUIRE(oath_base32_decode(base32.data(), base32.size(), &secret, &size) == OATH_OK);
  char code[7] = {};
  REQUIRE(oath_totp_generate(secret, size, UnixSeconds(at), 30, 0, 6, code) == OATH_OK);
  std::free(secret);
  return code;
}

// A code that none of the three accepted steps has.
inline std::string WrongCode(std::string_view base32, Time now) {
  for (const char* code : {"000000", "000001", "000002", "000003"}) {
    if (CodeOf(base32, now) != code && CodeOf(base32, now - std::chrono::seconds(30)) != code &&
        CodeOf(base32, now + std::chrono::seconds(30)) != code) {
      return code;
    }
  }
  FAIL("unreachable");
  return {};
}

inline const std::string kHome = "192.0.2.1";

struct MfaFixture : testing::Database {
  AuditDraft Draft() {
    clock.Advance(std::chrono::microseconds(1));  // ids of one instant have no order
    return AuditDraft(http::Request{}, "test.action", "test");
  }
  Principal SignUp(const std::string& email) {
    auto draft = Draft();
    const auto token = testing::Must(auth->Signup({email, SecretBytes(kPassword), "Ann"}, {}, draft));
    return testing::Must(authenticator.Authenticate(testing::WithToken(token.token)));
  }
  LoginAnswer Login(std::string_view password = kPassword, const char* email = "ann@example.org") {
    auto draft = Draft();
    return testing::Must(auth->Login({email, SecretBytes(password)}, {}, draft));
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
    secret = std::string(testing::Must(mfa.Setup(ann, draft)).secret.Text());
  }
  // Ann's factor, enabled by the code of the step before the clock's.
  void Enable() {
    Setup();
    recovery.clear();
    for (const auto& code :
         testing::Must(VerifySetup(CodeOf(secret, clock.Now() - std::chrono::seconds(30))))) {
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
  KeyUses uses{pool, clock, testing::QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, testing::QuietLog(), 10};
  TokenIssuer tokens{testing::kIssuer, keyring, clock, random};
  RefusalDigest refusals{clock};
  GuessBudgets guesses{
      {.per_account = 10, .familiar_days = 30}, Bytes(32, 1), {pool, clock, testing::QuietLog(), refusals}};
  Mfa mfa{{pool, keyring, audit, tokens, guesses, clock, random}};
  Mail mail{{}, {keyring, pool, clock, random}};
  std::unique_ptr<Auth> auth = testing::Must(Auth::Create(
      {kCost, {}}, {pool, keyring, authenticator, tokens, mfa, mail, audit, guesses, clock, random}));
  Principal ann = SignUp("ann@example.org");
  std::string secret;  // base32
  std::vector<std::string> recovery;
  AuditDraft last_draft = Draft();
};

}  // namespace claviger::api
