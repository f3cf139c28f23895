#include "api/auth/auth.h"

#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

constexpr const char* kPassword = "correct horse battery";
constexpr const char* kNewPassword = "another horse battery";
constexpr crypto::Argon2Cost kCost{.memory_kib = 64, .passes = 1, .lanes = 1};
constexpr crypto::Argon2Cost kNewCost{.memory_kib = 128, .passes = 2, .lanes = 1};

struct Fixture : Database {
  AuditDraft Draft() {
    clock.Advance(std::chrono::microseconds(1));  // ids of one instant have no order
    return AuditDraft(http::Request{}, "test.action", "test");
  }
  Result<AccessToken> Signup(std::string email) {
    auto draft = Draft();
    return auth->Signup({std::move(email), SecretBytes(std::string_view(kPassword)), "Ann"}, {}, draft);
  }
  Result<AccessToken> Login(std::optional<std::string> email, std::string_view password = kPassword) {
    auto draft = Draft();
    TRY(auto answer, auth->Login({std::move(email), SecretBytes(password)}, {}, draft));
    REQUIRE(std::holds_alternative<AccessToken>(answer));
    return std::get<AccessToken>(std::move(answer));
  }
  Result<Principal> Who(const AccessToken& token) {
    return authenticator.Authenticate(WithToken(token.token));
  }
  Status ChangePassword(const Principal& who, std::string_view current, std::string_view next) {
    auto draft = Draft();
    return auth->ChangePassword(who, {SecretBytes(current), SecretBytes(next)}, {}, draft);
  }
  // The newest record's action, actor and outcome.
  std::string LastRecord() {
    const auto rows = Sql("SELECT action, actor_type, outcome FROM audit_events ORDER BY id DESC LIMIT 1");
    return std::string(rows.Text(0, 0)) + " " + std::string(rows.Text(0, 1)) + " " +
           std::string(rows.Text(0, 2));
  }

  Auth::Parts Parts() {
    return {pool,
            keyring,
            authenticator,
            tokens,
            mfa,
            mail,
            audit,
            guesses,
            clock,
            random,
            [this](std::string_view phc, const SecretBytes& password) {
              verified.emplace_back(phc);
              return crypto::VerifyPassword(phc, password);
            }};
  }
  std::string StoredHash() { return std::string(Sql("SELECT password_hash FROM users").Text(0, 0)); }

  std::vector<std::string> verified;  // the hashes, one for each run of Argon2 over a given password
  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  AuditLog audit{pool, clock, random, QuietLog(), 10};
  RefusalDigest refusals{clock};
  GuessBudgets guesses{{}, Bytes(32, 1), {pool, clock, QuietLog(), refusals}};
  TokenIssuer tokens{kIssuer, keyring, clock, random};
  Mfa mfa{{pool, keyring, audit, tokens, guesses, clock, random}};
  Mail mail{{}, {keyring, pool, clock, random}};
  std::unique_ptr<Auth> auth = Must(Auth::Create({kCost, {}}, Parts()));
};

ErrorKind KindOf(const auto& result) {
  REQUIRE(!result.has_value());
  return result.error().kind;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a signup makes an organisation with its owner, a record and a working token") {
  const auto token = Must(Signup("ann@example.org"));
  CHECK(token.expires_in == 900);
  const auto who = Must(Who(token));
  CHECK(who.role == Role::kOwner);
  const auto profile = Must(auth->GetMe(who));
  CHECK(profile.email == "ann@example.org");
  CHECK(profile.display_name == "Ann");
  CHECK(profile.org == who.org);
  CHECK(Count("SELECT count(*) FROM orgs WHERE id = $1", {who.org}) == 1);
  CHECK(LastRecord() == "test.action user success");
  CHECK(Count("SELECT count(*) FROM users WHERE password_hash LIKE '$argon2id$%'") == 1);
}

TEST_CASE_FIXTURE(Fixture, "an address has one account, and a refused signup leaves nothing") {
  Must(Signup("ann@example.org"));
  auto draft = Draft();
  CHECK(KindOf(auth->Signup({"ann@example.org", SecretBytes(std::string_view(kPassword)), "Eve"}, {},
                            draft)) == ErrorKind::kConflict);
  CHECK(!draft.committed());
  CHECK(draft.Finish(clock, random, "failed").org.IsNil());
  CHECK(Count("SELECT count(*) FROM orgs") == 1);
  CHECK(Count("SELECT count(*) FROM audit_events") == 1);
}

TEST_CASE_FIXTURE(Fixture, "a weak password makes no account") {
  auto draft = Draft();
  CHECK(KindOf(auth->Signup({"ann@example.org", SecretBytes(std::string_view("short")), "Ann"}, {}, draft)) ==
        ErrorKind::kInvalid);
  CHECK(Count("SELECT count(*) FROM orgs") == 0);
}

TEST_CASE_FIXTURE(Fixture, "without an HSM no account is made and no token given") {
  Must(Signup("bob@example.org"));
  keyring.SetUnavailable(true);
  CHECK(KindOf(Signup("ann@example.org")) == ErrorKind::kUnavailable);
  CHECK(KindOf(Login("bob@example.org")) == ErrorKind::kUnavailable);
  CHECK(Count("SELECT count(*) FROM users") == 1);
}

TEST_CASE_FIXTURE(Fixture, "wrong password, unknown user and impossible address get one answer") {
  Must(Signup("ann@example.org"));
  for (const auto& refused :
       {Login("ann@example.org", "wrong password!"), Login("eve@example.org"), Login(std::nullopt)}) {
    CHECK(KindOf(refused) == ErrorKind::kUnauthenticated);
    CHECK(refused.error().detail == "Invalid credentials");
  }
  CHECK(Must(Who(Must(Login("ann@example.org")))).role == Role::kOwner);
  CHECK(LastRecord() == "auth.success user success");
}

TEST_CASE_FIXTURE(Fixture, "a login verifies exactly one hash of the configured cost, whoever asks") {
  Must(Signup("ann@example.org"));
  const auto verifies_once = [&](const Result<AccessToken>&) {
    const bool once = verified.size() == 1 && crypto::HasCost(verified[0], kCost);
    verified.clear();
    return once;
  };
  CHECK(verifies_once(Login("ann@example.org")));
  CHECK(verifies_once(Login("ann@example.org", "wrong password!")));
  CHECK(verifies_once(Login("eve@example.org")));
  CHECK(verifies_once(Login(std::nullopt)));
}

TEST_CASE_FIXTURE(Fixture, "after a change of the cost the first login stores the password anew") {
  const auto token = Must(Signup("ann@example.org"));
  const auto old_hash = StoredHash();
  auth = Must(Auth::Create({kNewCost, {}}, Parts()));
  CHECK(!Login("ann@example.org", "wrong password!").has_value());
  CHECK(StoredHash() == old_hash);
  CHECK(Login("ann@example.org").has_value());
  const auto new_hash = StoredHash();
  CHECK(crypto::HasCost(new_hash, kNewCost));
  CHECK(Who(token).has_value());
  verified.clear();
  CHECK(Login("ann@example.org").has_value());
  CHECK(verified == std::vector{new_hash});
  CHECK(StoredHash() == new_hash);
}

TEST_CASE_FIXTURE(Fixture, "a login succeeds while another stores the same password anew") {
  const auto who = Must(Who(Must(Signup("ann@example.org"))));
  const auto anew = Must(crypto::HashPassword(kNewCost, random, SecretBytes(std::string_view(kPassword))));
  auto parts = Parts();
  parts.verify = [&](std::string_view phc, const SecretBytes& password) {
    Sql("UPDATE users SET password_hash = $2 WHERE id = $1", {who.id, anew});
    return crypto::VerifyPassword(phc, password);
  };
  auth = Must(Auth::Create({kNewCost, {}}, parts));
  CHECK(Login("ann@example.org").has_value());
  CHECK(StoredHash() == anew);
}

TEST_CASE_FIXTURE(
    Fixture, "a failed login is for the log of the account's organisation, and names nobody as the actor") {
  const auto who = Must(Who(Must(Signup("ann@example.org"))));
  auto draft = Draft();
  REQUIRE(!auth->Login({"ann@example.org", SecretBytes(std::string_view("wrong password!"))}, {}, draft)
               .has_value());
  const auto record = draft.Finish(clock, random, "denied");
  CHECK(record.org == who.org);
  CHECK(record.actor_type == "anonymous");
  CHECK(record.actor_id.empty());
  CHECK(record.resource_id == FormatUuid(who.id));
}

TEST_CASE_FIXTURE(Fixture, "a revoked token is dead at once, a second one lives on") {
  const auto first = Must(Signup("ann@example.org"));
  const auto second = Must(Login("ann@example.org"));
  authenticator.TrustUntil(clock.Steady() + std::chrono::hours(1));
  const auto who = Must(Who(first));
  REQUIRE(Who(second).has_value());
  auto draft = Draft();
  Must(auth->Revoke(who, draft));
  CHECK(draft.committed());
  CHECK(KindOf(Who(first)) == ErrorKind::kUnauthenticated);
  CHECK(Who(second).has_value());
  Must(auth->Revoke(who, draft));  // repeated by a client that lost the answer
  CHECK(Count("SELECT count(*) FROM change_log WHERE kind = 'token'") == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "a change of password kills every earlier token, and a login of the same second lives") {
  const auto first = Must(Signup("ann@example.org"));
  const auto second = Must(Login("ann@example.org"));
  authenticator.TrustUntil(clock.Steady() + std::chrono::hours(1));
  const auto who = Must(Who(first));
  REQUIRE(Who(second).has_value());
  Must(ChangePassword(who, kPassword, kNewPassword));
  CHECK(KindOf(Who(first)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Who(second)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Login("ann@example.org")) == ErrorKind::kUnauthenticated);
  const auto third = Must(Login("ann@example.org", kNewPassword));
  CHECK(third.expires_in == 900);
  CHECK(Who(third).has_value());
  CHECK(Count("SELECT count(*) FROM change_log WHERE kind = 'user'") == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "of several changes of password in one second each kills the tokens since the one before") {
  const auto first = Must(Signup("ann@example.org"));
  authenticator.TrustUntil(clock.Steady() + std::chrono::hours(1));
  const auto who = Must(Who(first));
  Must(ChangePassword(who, kPassword, kNewPassword));
  const auto between = Must(Login("ann@example.org", kNewPassword));
  REQUIRE(Who(between).has_value());
  Must(ChangePassword(who, kNewPassword, kPassword));
  CHECK(KindOf(Who(between)) == ErrorKind::kUnauthenticated);
  const auto last = Must(Login("ann@example.org"));
  CHECK(Who(last).has_value());
}

TEST_CASE_FIXTURE(Fixture, "a password changes only for who knows it, and to a good one") {
  const auto token = Must(Signup("ann@example.org"));
  const auto who = Must(Who(token));
  const auto wrong = ChangePassword(who, "wrong password!", kNewPassword);
  CHECK(KindOf(wrong) == ErrorKind::kUnauthenticated);
  CHECK(wrong.error().detail == "Invalid credentials");
  CHECK(KindOf(ChangePassword(who, kPassword, "short")) == ErrorKind::kInvalid);
  CHECK(Who(token).has_value());
  CHECK(Login("ann@example.org").has_value());
}

TEST_CASE_FIXTURE(Fixture, "a login that verified the old password before the change commits gets nothing") {
  const auto who = Must(Who(Must(Signup("ann@example.org"))));
  auto changing = Connect("claviger_app", name);
  auto transaction = Must(changing->Begin());
  const auto another = Must(crypto::HashPassword(kCost, random, SecretBytes(std::string_view(kNewPassword))));
  Must(changing->Run(testing::Sql("UPDATE users SET password_hash = $2 WHERE id = $1"), {who.id, another}));
  std::optional<Result<AccessToken>> late;
  std::thread login([&] { late = Login("ann@example.org"); });
  AwaitBlocked();
  Must(transaction.Commit());
  login.join();
  CHECK(KindOf(*late) == ErrorKind::kUnauthenticated);
}

TEST_CASE_FIXTURE(Fixture, "a profile changes where asked and stays elsewhere") {
  const auto who = Must(Who(Must(Signup("ann@example.org"))));
  auto draft = Draft();
  CHECK(Must(auth->UpdateMe(who, {.display_name = "Zoe", .marketing_emails = {}}, draft)).display_name ==
        "Zoe");
  const auto profile = Must(auth->UpdateMe(who, {.display_name = {}, .marketing_emails = true}, draft));
  CHECK(profile.display_name == "Zoe");
  CHECK(profile.marketing_emails);
  CHECK(Must(auth->UpdateMe(who, {}, draft)).marketing_emails);
  CHECK(LastRecord() == "test.action anonymous success");
}

TEST_CASE_FIXTURE(
    Fixture,
    "deleting the only member's account removes the organisation and all it holds, but not its log") {
  const auto token = Must(Signup("ann@example.org"));
  const auto other = Must(Who(Must(Signup("bob@example.org"))));
  authenticator.TrustUntil(clock.Steady() + std::chrono::hours(1));
  const auto who = Must(Who(token));
  const VaultId vault{NewUuidV7(clock, random)};
  const SecretId secret{NewUuidV7(clock, random)};
  Sql("INSERT INTO vaults VALUES ($1, $2, 'v', '', 'user', $3, 1, now())", {who.org, vault, who.id});
  Sql("INSERT INTO vault_keks VALUES ($1, $2, 1, 1, decode(repeat('00', 40), 'hex'), decode(repeat('00', "
      "44), 'hex'), now())",
      {who.org, vault});
  Sql("INSERT INTO secrets (org_id, vault_id, id, path, version, created_at) VALUES ($1, $2, $3, 'p', 1, "
      "now())",
      {who.org, vault, secret});
  Sql("INSERT INTO secret_versions (org_id, vault_id, secret_id, version, type, metadata, created_by_type, "
      "created_by, "
      "created_at, kek_version, sealed_dek, ciphertext) VALUES ($1, $2, $3, 1, 'generic', '{}', 'user', $4, "
      "now(), 1, "
      "decode(repeat('00', 60), 'hex'), decode(repeat('00', 28), 'hex'))",
      {who.org, vault, secret, who.id});

  auto draft = Draft();
  Must(auth->DeleteMe(who, draft));
  CHECK(draft.committed());
  CHECK(KindOf(Who(token)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(Login("ann@example.org")) == ErrorKind::kUnauthenticated);
  for (const char* count :
       {"SELECT count(*) FROM orgs WHERE id = $1", "SELECT count(*) FROM users WHERE org_id = $1",
        "SELECT count(*) FROM vaults WHERE org_id = $1", "SELECT count(*) FROM secrets WHERE org_id = $1",
        "SELECT count(*) FROM secret_versions WHERE org_id = $1"}) {
    CHECK(Count(count, {who.org}) == 0);
  }
  CHECK(Count("SELECT count(*) FROM audit_events WHERE org_id = $1", {who.org}) >= 1);
  CHECK(keyring.Forgotten(vault) == 1);
  CHECK(auth->GetMe(other).has_value());
  CHECK(Signup("ann@example.org").has_value());
}

TEST_CASE_FIXTURE(Fixture, "a last owner cannot leave others behind, a member and one of two owners can go") {
  const auto owner = Must(Who(Must(Signup("ann@example.org"))));
  Sql("INSERT INTO users (org_id, id, email, display_name, role, auth_method, password_hash, "
      "tokens_valid_from, created_at) "
      "VALUES ($1, gen_random_uuid(), 'm@example.org', 'M', 'member', 'email', 'x', now(), now())",
      {owner.org});
  auto draft = Draft();
  CHECK(KindOf(auth->DeleteMe(owner, draft)) == ErrorKind::kInvalid);
  CHECK(!draft.committed());
  Sql("UPDATE users SET role = 'owner' WHERE email = 'm@example.org'");
  Must(auth->DeleteMe(owner, draft));
  CHECK(Count("SELECT count(*) FROM users WHERE org_id = $1", {owner.org}) == 1);
  CHECK(Count("SELECT count(*) FROM orgs WHERE id = $1", {owner.org}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "who is gone gets 401, not a profile") {
  const auto who = Must(Who(Must(Signup("ann@example.org"))));
  auto draft = Draft();
  Must(auth->DeleteMe(who, draft));
  CHECK(KindOf(auth->GetMe(who)) == ErrorKind::kUnauthenticated);
  const auto records = Count("SELECT count(*) FROM audit_events");
  draft = Draft();
  CHECK(KindOf(auth->UpdateMe(who, {}, draft)) == ErrorKind::kUnauthenticated);
  CHECK(!draft.committed());
  CHECK(Count("SELECT count(*) FROM audit_events") == records);
  CHECK(KindOf(auth->DeleteMe(who, draft)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(auth->Revoke(who, draft)) == ErrorKind::kUnauthenticated);
  CHECK(KindOf(ChangePassword(who, kPassword, kNewPassword)) == ErrorKind::kUnauthenticated);
}
