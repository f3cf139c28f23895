#include "api/mfa/mfa.h"

#include "crypto/record_seal.h"
#include "tests/unit/api/mfa_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;
using std::chrono::seconds;

TEST_CASE_FIXTURE(MfaFixture, "a factor is enabled by its first right code, and only then asked for") {
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

TEST_CASE_FIXTURE(MfaFixture,
                  "a setup shows the secret as text and as a URI that names installation and account") {
  auto draft = Draft();
  const auto setup = Must(mfa.Setup(ann, draft));
  CHECK(setup.secret.size() == 32);
  CHECK(setup.otpauth_uri.Text() == "otpauth://totp/Claviger:ann%40example.org?secret=" +
                                        std::string(setup.secret.Text()) + "&issuer=Claviger");
}

TEST_CASE_FIXTURE(MfaFixture, "a setup replaces one that was not completed, and none that was") {
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

TEST_CASE_FIXTURE(MfaFixture, "the code that enabled the factor is spent with it") {
  Setup();
  const auto code = Code();
  Must(VerifySetup(code));
  CHECK(KindOf(Verify(Challenge(), code)) == ErrorKind::kUnauthenticated);
}

TEST_CASE_FIXTURE(MfaFixture,
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

TEST_CASE_FIXTURE(MfaFixture, "without a right proof a factor stays, and a code, if given, decides alone") {
  Enable();
  CHECK(KindOf(Disable({}, kNewPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable(Wrong(), kPassword)) == ErrorKind::kInvalid);
  CHECK(KindOf(Disable("", kPassword)) == ErrorKind::kInvalid);
  CHECK(Must(mfa.Enabled({ann.org, UserId{ann.id}})));
}

TEST_CASE_FIXTURE(MfaFixture, "a sealed secret that was moved or edited opens for nobody") {
  Enable();
  const auto bob = SignUp("bob@example.org");
  Sql("INSERT INTO totp_factors SELECT $1, $2, sealed_secret, enabled_at, 0, created_at, id, kek_version "
      "FROM "
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

TEST_CASE_FIXTURE(MfaFixture, "a secret is sealed as docs/FORMATS.md says") {
  using namespace std::string_literals;
  const UserId user{ann.id};
  const std::string place = "\0\0\0\x0f"s + "claviger/totp/1" + "\0\0\0\x10"s +
                            std::string(AsText(ann.org.Bytes())) + "\0\0\0\x10"s +
                            std::string(AsText(user.Bytes()));
  const auto sealed =
      Must(crypto::SealRecord(keyring, random, system_kek, AsBytes(place), AsBytes("12345678901234567890")));
  CHECK(sealed.size() == 108);
  Sql("INSERT INTO totp_factors (org_id, user_id, id, sealed_secret, kek_version, enabled_at, created_at)"
      " VALUES ($1, $2, gen_random_uuid(), $3, 1, now(), now())",
      {ann.org, user, sealed});
  Must(Verify(Challenge(), CodeOf("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", clock.Now())));
}

TEST_CASE_FIXTURE(MfaFixture, "without an HSM nobody gets in, and no try is used up") {
  Enable();
  const auto challenge = Challenge();
  const auto code = Code();
  keyring.SetUnavailable(true);
  for (int i = 0; i < 20; ++i) CHECK(KindOf(Verify(challenge, code)) == ErrorKind::kUnavailable);
  keyring.SetUnavailable(false);
  Must(Verify(challenge, code));
}
