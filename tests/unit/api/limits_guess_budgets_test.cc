#include <future>

#include "api/limits/guess_budgets.h"
#include "tests/unit/api/access_database.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

namespace {

constexpr GuessLimits kLimits{.per_address = 6,
                              .per_account = 3,
                              .per_familiar = 2,
                              .in_all = 12,
                              .invitations = 5,
                              .window = std::chrono::hours{1},
                              .familiar_days = 30};
const Guesser kAttacker{"192.0.2.66", "ann@example.org"};
const Guesser kOwner{"192.0.2.1", "ann@example.org"};

struct Fixture : Database {
  Result<Permit> Take(const Guesser& guesser, Guess kind = Guess::kLogin) {
    draft.emplace(http::Request{}, "auth.failure", "login");
    return guesses.Take(kind, guesser, *draft);
  }
  void Right(const Guesser& guesser) { guesses.Settle(Must(Take(guesser)), Result<int>(1)); }
  // Wrong guesses until the budgets refuse.
  int Exhaust(const Guesser& guesser, Guess kind = Guess::kLogin) {
    int passed = 0;
    while (Take(guesser, kind)) ++passed;
    return passed;
  }
  uint32_t RetryAfter(const Guesser& guesser) {
    const auto refused = Take(guesser);
    REQUIRE(!refused);
    CHECK(refused.error().kind == ErrorKind::kTooMany);
    return refused.error().retry_after;
  }
  // As if the database's clock had gone on by so many seconds.
  void Pass(int64_t seconds) {
    Sql("UPDATE guess_budgets SET full_at = full_at - $1 * interval '1 second'", {seconds});
    Sql("UPDATE familiar_addresses SET seen_at = seen_at - $1 * interval '1 second'", {seconds});
  }
  static Guesser At(const Guesser& guesser, int n) {
    return {"198.51.100." + std::to_string(n), guesser.account};
  }

  RefusalDigest refusals{clock};
  GuessBudgets guesses{kLimits, Bytes(32, 7), {pool, clock, QuietLog(), refusals}};
  std::optional<AuditDraft> draft;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "an account's guesses are used up from wherever they come, and come back in time") {
  for (int n = 0; n < 3; ++n) CHECK(Take(At(kAttacker, n)));
  const auto wait = RetryAfter(At(kAttacker, 3));
  CHECK(wait > 1195);
  CHECK(wait <= 1200);
  Pass(wait - 10);
  CHECK(!Take(At(kAttacker, 3)));
  Pass(10);
  CHECK(Exhaust(At(kAttacker, 3)) == 1);
  Pass(3600 * 24);
  CHECK(Exhaust(At(kAttacker, 4)) == 3);
}

TEST_CASE_FIXTURE(Fixture, "an address's guesses are used up whatever it tries") {
  for (int n = 0; n < 6; ++n) CHECK(Take({"192.0.2.66", std::to_string(n) + "@example.org"}));
  CHECK(!Take({"192.0.2.66", "another@example.org"}));
  CHECK(!Take({"192.0.2.66", ""}));
  CHECK(Take({"192.0.2.67", "another@example.org"}));
}

TEST_CASE_FIXTURE(Fixture, "there is a total, for those without address or account too") {
  CHECK(Exhaust({"", ""}) == 12);
  CHECK(!Take(kAttacker));
}

TEST_CASE_FIXTURE(Fixture, "agents are enrolled for an address once in their window, familiar or not") {
  Right(kOwner);
  CHECK(Exhaust(kOwner, Guess::kEnroll) == 1);
  CHECK(!Take(At(kAttacker, 1), Guess::kEnroll));
  Pass(10 * 60 - 10);
  CHECK(!Take(kOwner, Guess::kEnroll));
  Pass(10);
  CHECK(Exhaust(At(kAttacker, 1), Guess::kEnroll) == 1);
  GuessBudgets unlimited({}, Bytes(32, 8), {pool, clock, QuietLog(), refusals});
  CHECK(unlimited.Take(Guess::kEnroll, kOwner, *draft));
  CHECK(!unlimited.Take(Guess::kEnroll, kOwner, *draft));
}

TEST_CASE_FIXTURE(Fixture, "enrollments are counted by who asks, and in all, too") {
  for (int n = 0; n < 6; ++n) {
    CHECK(Take({kAttacker.address, std::to_string(n) + "@example.org"}, Guess::kEnroll));
  }
  CHECK(!Take({kAttacker.address, "bob@example.org"}, Guess::kEnroll));
  CHECK(Exhaust({"", ""}, Guess::kEnroll) == 6);
}

TEST_CASE_FIXTURE(Fixture, "each kind of guess has budgets of its own") {
  CHECK(Exhaust(kAttacker, Guess::kLogin) == 3);
  CHECK(Exhaust(kAttacker, Guess::kTotp) == 3);
}

TEST_CASE_FIXTURE(Fixture, "an organisation's invitations have a number of their own, and the total") {
  const Guesser org{"", "0190b3a0-0000-7000-8000-000000000001"};
  CHECK(Exhaust(org, Guess::kInvite) == 5);
  CHECK(Exhaust(org) == 3);
  CHECK(Exhaust({"", "0190b3a0-0000-7000-8000-000000000002"}, Guess::kInvite) == 5);
  CHECK(Exhaust({"", "0190b3a0-0000-7000-8000-000000000003"}, Guess::kInvite) == 2);
}

TEST_CASE_FIXTURE(Fixture, "what turned out right, or was not looked at, is given back, and nothing else") {
  for (int i = 0; i < 20; ++i) {
    guesses.Settle(Must(Take(kAttacker, Guess::kSignup)), Result<int>(Unavailable("the HSM is gone")));
    guesses.GiveBack(Must(Take(kAttacker, Guess::kSignup)));
  }
  guesses.Settle(Must(Take(kAttacker, Guess::kSignup)), Result<int>(Conflict("taken")));
  guesses.Settle(Must(Take(kAttacker, Guess::kSignup)), Result<int>(Invalid("wrong")));
  CHECK(Exhaust(kAttacker, Guess::kSignup) == 1);
  for (int i = 0; i < 20; ++i) Right(kOwner);
  CHECK(Exhaust(At(kOwner, 1)) == 3);
}

TEST_CASE_FIXTURE(Fixture, "logging in to an account of one's own resets nothing") {
  const Guesser own{kAttacker.address, "eve@example.org"};
  CHECK(Exhaust(kAttacker) == 3);
  Right(own);
  CHECK(!Take(kAttacker));
  CHECK(Exhaust({kAttacker.address, "bob@example.org"}) == 3);
  CHECK(!Take({kAttacker.address, "carl@example.org"}));
}

TEST_CASE_FIXTURE(Fixture, "a refusal charges nothing") {
  CHECK(Exhaust(kAttacker) == 3);
  for (int i = 0; i < 10; ++i) CHECK(!Take(kAttacker));
  CHECK(Exhaust({kAttacker.address, "bob@example.org"}) == 3);
}

TEST_CASE_FIXTURE(Fixture, "the owner gets in from a familiar address while all other budgets are used up") {
  Right(kOwner);
  CHECK(Exhaust({kOwner.address, ""}) == 6);
  CHECK(Exhaust(kAttacker) == 3);
  CHECK(Exhaust({"", ""}) == 3);
  for (int i = 0; i < 20; ++i) Right(kOwner);
  CHECK(Exhaust(kOwner) == 2);
  CHECK(RetryAfter(kOwner) <= 1800);
  CHECK(!Take(At(kOwner, 1)));
}

TEST_CASE_FIXTURE(Fixture, "an address is familiar to one account, for a time, and not beyond the ten last") {
  Right(kOwner);
  CHECK(Exhaust({kOwner.address, "bob@example.org"}) == 3);
  for (int n = 1; n <= 10; ++n) {
    Pass(60);
    Right(At(kOwner, n));
  }
  CHECK(Count("SELECT count(*) FROM familiar_addresses") == 10);
  CHECK(Exhaust(At(kOwner, 1)) == 2);
  CHECK(Exhaust(kAttacker) == 3);
  CHECK(!Take(kOwner));
  Pass(29 * 86400);
  CHECK(Exhaust(At(kOwner, 10)) == 2);
  Pass(86400);
  CHECK(Exhaust(At(kOwner, 10)) == 3);
}

TEST_CASE_FIXTURE(Fixture, "a change of credentials leaves only its own address familiar") {
  Right(kOwner);
  Right(At(kOwner, 1));
  guesses.ForgetOtherAddresses(Must(Take(kOwner)));
  CHECK(Exhaust(At(kOwner, 1)) == 3);
  CHECK(Exhaust(kOwner) == 1);
}

TEST_CASE_FIXTURE(Fixture, "of parallel guesses on two nodes exactly the budget passes") {
  GuessBudgets other(kLimits, Bytes(32, 7), {pool, clock, QuietLog(), refusals});
  std::vector<std::future<bool>> answers;
  for (int i = 0; i < 32; ++i) {
    answers.push_back(std::async(std::launch::async, [&, i] {
      AuditDraft own(http::Request{}, "auth.failure", "login");
      return (i % 2 == 0 ? guesses : other).Take(Guess::kLogin, kAttacker, own).has_value();
    }));
  }
  int passed = 0;
  for (auto& answer : answers) passed += answer.get() ? 1 : 0;
  CHECK(passed == 3);
  CHECK(Exhaust({kAttacker.address, "bob@example.org"}) == 3);
}

TEST_CASE_FIXTURE(Fixture, "a clock that was set back withholds guesses for two windows at most") {
  CHECK(Exhaust(kAttacker) == 3);
  Pass(-3600);
  CHECK(RetryAfter(kAttacker) <= 4800);
  Pass(-7200);
  CHECK(Exhaust(kAttacker) == 3);
}

TEST_CASE_FIXTURE(Fixture, "a node that cannot count lets nobody guess") {
  schema::Pool nowhere({.conninfo = "host=/nowhere dbname=none user=none"}, QuietLog());
  GuessBudgets blind(kLimits, Bytes(32, 7), {nowhere, clock, QuietLog(), refusals});
  draft.emplace(http::Request{}, "auth.failure", "login");
  const auto refused = blind.Take(Guess::kLogin, kOwner, *draft);
  REQUIRE(!refused);
  CHECK(refused.error().kind == ErrorKind::kUnavailable);
}

TEST_CASE_FIXTURE(Fixture, "a limit of zero is none") {
  GuessBudgets open({}, Bytes(32, 7), {pool, clock, QuietLog(), refusals});
  draft.emplace(http::Request{}, "auth.failure", "login");
  for (int i = 0; i < 50; ++i) CHECK(open.Take(Guess::kLogin, kOwner, *draft));
  CHECK(Count("SELECT count(*) FROM guess_budgets") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a refusal's record names the limit, and further ones have none") {
  CHECK(Exhaust(kAttacker) == 3);
  CHECK(!draft->committed());
  CHECK(draft->Finish(clock, random, "denied").details ==
        R"({"limit":"login by account","operation":"login"})");
  CHECK(!Take(At(kAttacker, 1)));
  CHECK(draft->committed());
}

TEST_CASE_FIXTURE(Fixture, "budgets that are full again and forgotten addresses are removed") {
  CHECK(Take({"192.0.2.9", "carl@example.org"}));
  Right(kOwner);
  Pass(40 * 86400);
  clock.Advance(std::chrono::minutes(2));
  CHECK(Take(kAttacker));
  CHECK(Count("SELECT count(*) FROM guess_budgets") == 3);
  CHECK(Count("SELECT count(*) FROM familiar_addresses") == 0);
}

TEST_CASE_FIXTURE(Fixture, "ten one-time codes an hour are the most that can be configured") {
  GuessLimits loose = kLimits;
  const auto codes = [&](const GuessLimits& limits, const Guesser& guesser) {
    GuessBudgets budgets(limits, Bytes(32, 7), {pool, clock, QuietLog(), refusals});
    AuditDraft own(http::Request{}, "auth.failure", "mfaVerify");
    int passed = 0;
    while (passed < 100 && budgets.Take(Guess::kTotp, guesser, own)) ++passed;
    return passed;
  };
  CHECK(codes(kLimits, kAttacker) == 3);
  loose = {.per_account = 1000, .per_familiar = 1000, .window = std::chrono::seconds{1}, .familiar_days = 30};
  CHECK(codes(loose, {"192.0.2.66", "bob@example.org"}) == 10);
  CHECK(codes({}, {"192.0.2.66", "carl@example.org"}) == 10);
  Pass(3500);
  CHECK(codes(loose, {"192.0.2.66", "bob@example.org"}) == 9);
  Right(kOwner);
  CHECK(codes(loose, kOwner) == 10);
}

TEST_CASE_FIXTURE(Fixture, "nobody elsewhere uses up an owner's guesses at recovery codes") {
  for (int n = 0; n < 4; ++n) CHECK(Exhaust(At(kAttacker, n), Guess::kRecovery) == 6);
  CHECK(Exhaust(kOwner, Guess::kRecovery) == 6);
}
