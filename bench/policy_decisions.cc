// What one decision by policies costs, in nanoseconds: of vaults with few and with as many policies as there
// may be. Prints a line for each: "<nanoseconds> <what>".
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "api/access/policy_set.h"

using namespace claviger;
using namespace claviger::api;

namespace {

constexpr int kPolicies = 10'000;
constexpr int kDecisions = 200'000;

Uuid Numbered(uint8_t number) {
  Uuid id{};
  id.data[15] = number;
  return id;
}

struct Vault {
  void Add(const std::string& pattern, const char* conditions = "{}") {
    if (!policies.Add({caller.type, caller.id, pattern, {.read = true}, conditions, std::nullopt}))
      std::abort();
  }

  Principal caller{PrincipalType::kAgent, Numbered(1), OrgId{}, Role::kMember, TokenId{}};
  PolicySet policies;
};

void Measure(const char* what, const Vault& vault, const std::function<std::string(int)>& path,
             bool expected) {
  const std::optional<IpAddress> address = ParseIpAddress("192.0.2.7");
  const Circumstances circumstances{address, SystemClock().Now()};
  std::vector<std::string> paths;
  for (int n = 0; n < 1024; ++n) paths.push_back(path(n));
  const auto begin = std::chrono::steady_clock::now();
  for (int n = 0; n < kDecisions; ++n) {
    const bool allowed = vault.policies.Allow(vault.caller, circumstances, Permission::kRead,
                                              paths[static_cast<size_t>(n) % 1024]);
    if (allowed != expected) std::abort();
  }
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - begin;
  std::printf("%.0f %s\n", elapsed.count() / kDecisions, what);
}

std::string Number(int n) { return std::to_string(n); }

}  // namespace

int main() {
  const auto secret = [](int n) { return "app/secret-" + Number(n); };
  Vault one;
  one.Add("app/*");
  Measure("1 policy", one, secret, true);

  Vault exact;
  for (int n = 0; n < kPolicies; ++n) exact.Add("app/secret-" + Number(n));
  Measure("10000 policies of the caller, one a path", exact, secret, true);
  Measure(
      "10000 policies of the caller, none matches", exact, [](int n) { return "app/other-" + Number(n); },
      false);

  Vault parts;
  for (int n = 0; n < kPolicies; ++n) parts.Add("team-" + Number(n) + "-*/**/key");
  Measure(
      "10000 policies of the caller with wildcards", parts,
      [](int n) { return "team-" + Number(n) + "-x/a/b/key"; }, true);

  Vault guarded;
  for (int n = 0; n < kPolicies; ++n)
    guarded.Add("app-" + Number(n) + "/**",
                R"({"ip_allowlist":["192.0.2.0/24"],)"
                R"("time_window":{"days_of_week":[0,1,2,3,4,5,6],"timezone":"Europe/Berlin"}})");
  Measure(
      "10000 policies of the caller with conditions", guarded,
      [](int n) { return "app-" + Number(n) + "/secret"; }, true);
  return 0;
}
