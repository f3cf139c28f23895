#include "crypto/id_token.h"

#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/samples.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::crypto;
using namespace claviger::test;

namespace {

const IdTokenRules kRules{"https://id.example/realm", {"claviger-web", "claviger-cli"}};

// A provider whose keys are those of a keyring of ours.
struct Provider {
  explicit Provider(SignatureAlgorithm algorithm = SignatureAlgorithm::kEdDsa) : keyring(7, algorithm) {
    auto keys = ParseProviderKeys(JwksJson(keyring.PublicKeys(SigningKey::kToken).value())).value();
    REQUIRE(keys.size() == 1);
    key = keys.front();
    header = std::string(R"({"alg":")") + (algorithm == SignatureAlgorithm::kEdDsa ? "EdDSA" : "ES256") +
             R"(","kid":")" + key.kid + R"(","typ":"JWT"})";
  }
  std::string Sign(std::string_view header_json, std::string_view claims_json) {
    const std::string text =
        Base64UrlEncode(AsBytes(header_json)) + '.' + Base64UrlEncode(AsBytes(claims_json));
    return text + '.' + Base64UrlEncode(keyring.Sign(SigningKey::kToken, AsBytes(text)).value().bytes);
  }
  std::string Sign(std::string_view claims_json) { return Sign(header, claims_json); }

  fakes::FakeKeyring keyring;
  ProviderKey key;
  std::string header;
};

// The claims below with one of them replaced; an empty text removes it.
std::string Claims(const std::string& name = "", const std::string& value = "") {
  std::vector<std::pair<std::string, std::string>> members = {{"iss", R"("https://id.example/realm")"},
                                                              {"aud", R"("claviger-web")"},
                                                              {"sub", R"("248289761001")"},
                                                              {"iat", std::to_string(kIssuedAt)},
                                                              {"exp", std::to_string(kIssuedAt + 3600)},
                                                              {"email", R"("ada@example.org")"},
                                                              {"email_verified", "true"},
                                                              {"name", R"("Ada Lovelace")"}};
  bool known = name.empty();
  for (auto& [key, text] : members) {
    if (key != name) continue;
    text = value;
    known = true;
  }
  if (!known) members.emplace_back(name, value);
  std::string json = "{";
  for (const auto& [key, text] : members) {
    if (!text.empty()) json += (json.size() > 1 ? "," : "") + ('"' + key + "\":" + text);
  }
  return json + "}";
}

// The private reason of the refusal; every refusal must show the same public face.
std::string Refusal(Provider& provider, const std::string& token, Time now = AfterIssue(10)) {
  const auto result = VerifyIdToken(token, provider.key, kRules, now);
  if (result) return "accepted";
  CHECK(result.error().kind == ErrorKind::kUnauthenticated);
  CHECK(result.error().detail == "Invalid or expired token");
  return result.error().cause;
}
std::string RefusalOf(const std::string& name, const std::string& value) {
  Provider provider;
  return Refusal(provider, provider.Sign(Claims(name, value)));
}

}  // namespace

TEST_CASE("An ID token tells who signed in at the provider") {
  for (const auto algorithm : {SignatureAlgorithm::kEdDsa, SignatureAlgorithm::kEs256}) {
    Provider provider(algorithm);
    const auto claims =
        VerifyIdToken(provider.Sign(Claims()), provider.key, kRules, AfterIssue(3599)).value();
    CHECK(claims.subject == "248289761001");
    CHECK(claims.email == "ada@example.org");
    CHECK(claims.email_verified);
    CHECK(claims.name == "Ada Lovelace");
    CHECK(KidOfIdToken(provider.Sign(Claims())) == provider.key.kid);
  }
}

TEST_CASE("Only the boolean true verifies an address") {
  for (const char* value : {"false", "\"true\"", "1", ""}) {
    Provider provider;
    const auto claims =
        VerifyIdToken(provider.Sign(Claims("email_verified", value)), provider.key, kRules, AfterIssue(0));
    CHECK_FALSE(claims.value().email_verified);
  }
}

TEST_CASE("An ID token of another issuer or for another client is refused") {
  for (const char* issuer : {R"("https://id.example")", R"("https://id.example/realm/")", R"("")", "1", ""}) {
    CHECK(RefusalOf("iss", issuer) == "the ID token is of another issuer");
  }
  for (const char* audience : {R"("claviger")", R"("claviger-web ")", R"([])", R"([1])", R"(["other"])", "{}",
                               "null", "", R"(["claviger-web","other"])"}) {
    CHECK(RefusalOf("aud", audience) == "the ID token is for another client");
  }
  CHECK(RefusalOf("azp", R"("other")") == "the ID token is for another client");
  CHECK(RefusalOf("azp", R"("claviger-cli")") == "accepted");
  CHECK(RefusalOf("aud", R"(["claviger-cli"])") == "accepted");
  Provider provider;
  const std::string several = Claims("aud", R"(["other","claviger-web"])");
  const std::string issued_to_us = several.substr(0, several.size() - 1) + R"(,"azp":"claviger-web"})";
  CHECK(Refusal(provider, provider.Sign(issued_to_us)) == "accepted");
}

TEST_CASE("An ID token is refused after its time and before it") {
  Provider provider;
  const std::string token = provider.Sign(Claims());
  CHECK(Refusal(provider, token, AfterIssue(3600)) == "the ID token has expired");
  CHECK(Refusal(provider, token, AfterIssue(-60)) == "accepted");
  CHECK(Refusal(provider, token, AfterIssue(-61)) == "the ID token is of the future");
  CHECK(RefusalOf("nbf", std::to_string(kIssuedAt + 71)) == "the ID token is not valid yet");
  CHECK(RefusalOf("nbf", R"("0")") == "the ID token is not valid yet");
  CHECK(RefusalOf("nbf", std::to_string(kIssuedAt + 70)) == "accepted");
  for (const char* time : {"", "-1", "1.5", R"("1772366400")", "1e20", "18446744073709551615"}) {
    CHECK(RefusalOf("exp", time) == "iat or exp of the ID token is malformed");
    CHECK(RefusalOf("iat", time) == "iat or exp of the ID token is malformed");
  }
}

TEST_CASE("An ID token without a usable subject is refused") {
  for (const std::string& subject :
       {std::string(), std::string(R"("")"), std::string("7"), '"' + std::string(256, 's') + '"'}) {
    CHECK(RefusalOf("sub", subject) == "the ID token's subject is missing or too long");
  }
  CHECK(RefusalOf("sub", '"' + std::string(255, 's') + '"') == "accepted");
}

TEST_CASE("The key decides the algorithm, and the header may demand nothing") {
  Provider provider;
  const std::string kid = provider.key.kid;
  for (const char* algorithm : {"none", "HS256", "RS256", "ES256", "eddsa", ""}) {
    const std::string header = R"({"alg":")" + std::string(algorithm) + R"(","kid":")" + kid + R"("})";
    CHECK(Refusal(provider, provider.Sign(header, Claims())) == "the ID token's algorithm is not its key's");
  }
  CHECK(Refusal(provider, provider.Sign(R"({"alg":"EdDSA","kid":"other"})", Claims())) ==
        "the ID token names another key");
  for (const std::string& header : {std::string("{}"), std::string("[]"), R"({"kid":")" + kid + R"("})",
                                    R"({"alg":"EdDSA","kid":")" + kid + R"(","crit":["b64"],"b64":false})",
                                    R"({"alg":"EdDSA","alg":"EdDSA","kid":")" + kid + R"("})"}) {
    CHECK(Refusal(provider, provider.Sign(header, Claims())) == "the ID token is malformed");
    CHECK_FALSE(KidOfIdToken(provider.Sign(header, Claims())));
  }
  // Known to nobody, demanded by nobody.
  const std::string extra =
      R"({"alg":"EdDSA","kid":")" + kid + R"(","jku":"https://evil.example","x5t":"AA"})";
  CHECK(Refusal(provider, provider.Sign(extra, Claims())) == "accepted");
}

TEST_CASE("Every changed bit of an ID token is noticed") {
  Provider provider;
  const std::string token = provider.Sign(Claims());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(VerifyIdToken(changed, provider.key, kRules, AfterIssue(10)));
  }
  const std::string unsigned_token = token.substr(0, token.rfind('.') + 1);
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), unsigned_token, token + ".", token + "=",
        token + " ", token.substr(0, token.size() - 1), std::string(kMaxIdTokenBytes + 1, 'A')}) {
    CHECK_FALSE(VerifyIdToken(bad, provider.key, kRules, AfterIssue(10)));
  }
}

TEST_CASE("Claims that a lenient parser could read in two ways are refused") {
  Provider provider;
  const std::string twice = Claims().substr(0, Claims().size() - 1) + R"(,"sub":"somebody else"})";
  const std::string reason = "the ID token's claims are not a strict JSON object";
  CHECK(Refusal(provider, provider.Sign(twice)) == reason);
  CHECK(Refusal(provider, provider.Sign(Claims() + " {}")) == reason);
  CHECK(Refusal(provider, provider.Sign("[]")) == reason);
}

TEST_CASE("Keys that cannot verify ID tokens are left out of a set") {
  const auto rsa = ReadCases("rs256.vec").front();
  const std::string n = Base64UrlEncode(Unhex(rsa.at(1)));
  const auto jwk = [&](const std::string& members) {
    return R"({"kty":"RSA","n":")" + n + R"(","e":"AQAB")" + members + "}";
  };
  const auto parse = [](const std::string& list) { return ParseProviderKeys(R"({"keys":[)" + list + "]}"); };
  const auto keys =
      parse(jwk(R"(,"kid":"r1","use":"sig","alg":"RS256")") + "," + jwk(R"(,"kid":"enc","use":"enc")") + "," +
            jwk(R"(,"kid":"pss","alg":"PS256")") + "," + jwk("") + "," +
            R"({"kty":"RSA","kid":"short","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-521","kid":"p"},)" +
            R"({"kty":"OKP","crv":"X25519","kid":"x","x":"AA"},{"kty":"AKP","kid":"pq"})")
          .value();
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].kid == "r1");
  CHECK(keys[0].algorithm == ProviderAlgorithm::kRs256);
  CHECK(parse("").value().empty());

  CHECK_FALSE(parse(jwk(R"(,"kid":"r1")") + "," + jwk(R"(,"kid":"r1")")));
  CHECK_FALSE(parse(jwk(R"(,"kid":"r1","d":"AQAB")")));
  CHECK_FALSE(parse(R"({"kty":"oct","kid":"k","k":"AAAA"})"));
  CHECK_FALSE(parse("1"));
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]} x)"})
    CHECK_FALSE(ParseProviderKeys(text));
  std::string many;
  for (size_t i = 0; i <= kMaxProviderKeys; ++i) many += (i ? "," : "") + std::string(R"({"kty":"AKP"})");
  CHECK_FALSE(parse(many));
}
