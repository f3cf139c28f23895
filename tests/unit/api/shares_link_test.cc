#include <functional>

#include "api/shares/share_link.h"
#include "tests/fakes/fake_keyring.h"
#include "tests/unit/crypto/vectors.h"

using namespace claviger;
using namespace claviger::api;

namespace {

const Time kCreated{std::chrono::seconds{1'772'366'400}};

// That of tests/data/known_answers.py.
ShareTerms KnownTerms() {
  ShareTerms terms;
  terms.org = *OrgId::Parse("0190aaaa-0001-7000-8000-000000000001");
  terms.id = *ShareId::Parse("0190aaaa-0008-7000-8000-000000000001");
  terms.secret = *SecretId::Parse("0190aaaa-0003-7000-8000-000000000001");
  terms.by = *ParseUuid("0190aaaa-0004-7000-8000-000000000001");
  terms.recipient = RecipientType::kEmail;
  terms.email = "someone@example.org";
  terms.ip_allowlist = "[\"192.0.2.0/24\"]";
  terms.max_access_count = 5;
  terms.created_at = kCreated;
  terms.expires_at = kCreated + std::chrono::hours(1);
  return terms;
}

LinkId Link(crypto::Keyring& keyring, const ShareTerms& terms) {
  const auto link = MakeLink(keyring, terms);
  REQUIRE(link);
  return link.value().id;
}

}  // namespace

TEST_CASE("the link of a share is the known one") {
  fakes::FakeKeyring keyring;
  const LinkId link = Link(keyring, KnownTerms());
  CHECK(link.ToString() == AsText(test::KnownAnswer("share_link")));
  CHECK(LookupOf(link) == test::KnownAnswer("share_lookup"));
}

TEST_CASE("a link vouches for everything that never changes, and needs the HSM") {
  const std::function<void(ShareTerms&)> changes[] = {
      [](auto& terms) { terms.org.uuid.data[15] ^= 1; },
      [](auto& terms) { terms.id.uuid.data[15] ^= 1; },
      [](auto& terms) { terms.secret.uuid.data[15] ^= 1; },
      [](auto& terms) { terms.by_type = crypto::PrincipalType::kAgent; },
      [](auto& terms) { terms.by.data[15] ^= 1; },
      [](auto& terms) { terms.recipient = RecipientType::kAnyone; },
      [](auto& terms) { terms.to.data[15] ^= 1; },
      [](auto& terms) { terms.email = "someone.else@example.org"; },
      [](auto& terms) { terms.passphrase_hash = "x"; },
      [](auto& terms) { terms.ip_allowlist = "[]"; },
      [](auto& terms) { terms.max_access_count = 0; },
      [](auto& terms) { terms.created_at += std::chrono::microseconds(1); },
      [](auto& terms) { terms.expires_at += std::chrono::microseconds(1); }};
  fakes::FakeKeyring keyring;
  const LinkId known = Link(keyring, KnownTerms());
  for (const auto& change : changes) {
    ShareTerms terms = KnownTerms();
    change(terms);
    CHECK_FALSE(Link(keyring, terms) == known);
  }
  fakes::FakeKeyring other(2);
  CHECK_FALSE(Link(other, KnownTerms()) == known);
  keyring.SetUnavailable(true);
  CHECK(MakeLink(keyring, KnownTerms()).error().kind == ErrorKind::kUnavailable);
}

TEST_CASE("a link is a UUID of version 4") {
  fakes::FakeKeyring keyring;
  ShareTerms terms = KnownTerms();
  for (uint32_t i = 0; i < 200; ++i) {
    terms.max_access_count = i;
    const Uuid uuid = Link(keyring, terms).uuid;
    CHECK(uuid.version() == Uuid::version_random_number_based);
    CHECK(uuid.variant() == Uuid::variant_rfc_4122);
  }
}

TEST_CASE("a link comes from the lookup key of its row, as long as that is there") {
  fakes::FakeKeyring keyring;
  const auto before = MakeLink(keyring, KnownTerms()).value();
  CHECK(before.lookup_version == 1);
  keyring.RotateLookupKey();
  const auto after = MakeLink(keyring, KnownTerms()).value();
  CHECK(after.lookup_version == 2);
  CHECK_FALSE(after.id == before.id);
  CHECK(LinkOf(keyring, KnownTerms(), 1).value() == before.id);
  CHECK(LinkOf(keyring, KnownTerms(), 2).value() == after.id);
  keyring.DropOlderLookupKey();
  CHECK_FALSE(LinkOf(keyring, KnownTerms(), 1).value());
  CHECK(LinkOf(keyring, KnownTerms(), 2).value() == after.id);
}
