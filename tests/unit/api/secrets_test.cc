#include "api/secrets/secrets.h"

#include <thread>

#include "tests/unit/api/secrets_fixture.h"

using namespace claviger;
using namespace claviger::api;
using namespace claviger::testing;

TEST_CASE_FIXTURE(SecretsFixture,
                  "whoever may not write is refused at once, also while the path is being written") {
  Must(Put(alice, "a"));
  auto other = Connect("claviger_app", name);
  auto transaction = Must(other->Begin());
  Must(other->Run(testing::Sql("UPDATE secrets SET version = version"), {}));
  std::optional<Result<SecretMetadata>> written;
  std::thread writer([&] { written = Put(alice, "a"); });
  AwaitBlocked();
  const auto refused = Put(Colleague(), "a");
  Must(transaction.Commit());
  writer.join();
  REQUIRE(!refused.has_value());
  CHECK(refused.error().kind != ErrorKind::kUnavailable);
  CHECK(Must(*std::move(written)).version == 2);
}

TEST_CASE_FIXTURE(SecretsFixture, "of many writers of one path each writes a version of its own") {
  constexpr int kWriters = 20;
  std::vector<uint32_t> versions(kWriters);
  std::vector<std::thread> writers;
  for (auto& version : versions) {
    writers.emplace_back([&] {
      const auto written = Put(alice, "a");
      version = written.has_value() ? written.value().version : 0;
    });
  }
  for (auto& writer : writers) writer.join();
  std::sort(versions.begin(), versions.end());
  for (uint32_t i = 0; i < kWriters; ++i) CHECK(versions[i] == i + 1);
}
