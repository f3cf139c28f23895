#pragma once
// A person with a token, and who checks it.

#include "api/access/authenticator.h"
#include "tests/unit/api/access_database.h"

namespace claviger::api {

struct AuthenticatorFixture : testing::Database {
  AuthenticatorFixture() : user(AddUser()), claims(ClaimsOf(user)), token(Sign(claims)) {}

  Result<Principal> Ask(std::string_view text) {
    return authenticator.Authenticate(testing::WithToken(text));
  }
  Result<Principal> Ask() { return Ask(token); }
  std::optional<Principal> Recall(std::string_view text) {
    return authenticator.Recall(testing::WithToken(text));
  }
  bool Recalls() { return Recall(token).has_value(); }
  void Trust() { authenticator.TrustUntil(clock.Steady() + std::chrono::seconds(1)); }
  void Refused(const Result<Principal>& answer) {
    REQUIRE(!answer.has_value());
    CHECK(answer.error().kind == ErrorKind::kUnauthenticated);
    CHECK(answer.error().detail == "Invalid or expired token");
  }
  void Revoke(const TokenId& id) {
    Sql("INSERT INTO revoked_tokens VALUES ($1, $2, $3)",
        {user.org, id, clock.Now() + std::chrono::minutes(15)});
  }

  crypto::TokenVerifier verifier = Verifier();
  KeyUses uses{pool, clock, testing::QuietLog()};
  Authenticator authenticator{pool, clock, verifier, keyring, uses};
  Principal user;
  crypto::TokenClaims claims;
  std::string token;
};

}  // namespace claviger::api
