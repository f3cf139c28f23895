#include "api/routes.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace claviger;
using namespace claviger::api;
using http::Method;
using http::Target;

namespace {

Route Row(Method method, std::string pattern, std::string operation) {
  Route route;
  route.method = method;
  route.pattern = std::move(pattern);
  route.operation_id = std::move(operation);
  return route;
}

const Router& Table() {
  static const Router router({
      Row(Method::kGet, "/v1/vaults", "listVaults"),
      Row(Method::kPost, "/v1/vaults", "createVault"),
      Row(Method::kGet, "/v1/vaults/{vault_id}", "getVault"),
      Row(Method::kDelete, "/v1/vaults/{vault_id}", "deleteVault"),
      Row(Method::kGet, "/v1/vaults/{vault_id}/secrets", "listSecrets"),
      Row(Method::kGet, "/v1/vaults/{vault_id}/secrets/{path...}", "getSecret"),
      Row(Method::kPut, "/v1/vaults/{vault_id}/secrets/{path...}", "putSecret"),
      Row(Method::kGet, "/v1/agents/me", "getAgentSelf"),
      Row(Method::kGet, "/v1/agents/{agent_id}", "getAgent"),
      Row(Method::kPatch, "/v1/agents/{agent_id}", "updateAgent"),
      Row(Method::kGet, "/", "root"),
  });
  return router;
}

struct Found {
  std::string operation;  // or the error's name
  std::string allow;
  std::map<std::string, std::string, std::less<>> params;
};

Found Find(Method method, std::vector<std::string> segments) {
  Found found;
  const auto match = Table().Find(method, Target{std::move(segments), {}}, &found.allow);
  found.operation = match.has_value() ? match.value().route->operation_id : Name(match.error().kind);
  if (match.has_value()) found.params = match.value().params;
  return found;
}

// In a child process: true if building the router aborts it.
bool Aborts(const std::vector<Route>& routes) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    ::close(2);
    const Router router(routes);
    ::_exit(router.routes().empty() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("method and path decide the route") {
  CHECK(Find(Method::kGet, {"v1", "vaults"}).operation == "listVaults");
  CHECK(Find(Method::kPost, {"v1", "vaults"}).operation == "createVault");
  CHECK(Find(Method::kGet, {}).operation == "root");
}

TEST_CASE("a parameter takes one segment as it is") {
  const auto found = Find(Method::kGet, {"v1", "vaults", "a b"});
  CHECK(found.operation == "getVault");
  CHECK(found.params.at("vault_id") == "a b");
  CHECK(found.params.size() == 1);
}

TEST_CASE("a tail takes all further segments, at least one") {
  const auto deep = Find(Method::kPut, {"v1", "vaults", "id", "secrets", "db", "prod", "password"});
  CHECK(deep.operation == "putSecret");
  CHECK(deep.params.at("vault_id") == "id");
  CHECK(deep.params.at("path") == "db/prod/password");
  CHECK(Find(Method::kGet, {"v1", "vaults", "id", "secrets", "x"}).params.at("path") == "x");
  CHECK(Find(Method::kGet, {"v1", "vaults", "id", "secrets"}).operation == "listSecrets");
}

TEST_CASE("an encoded slash means the same as a plain one in a tail and matches nothing elsewhere") {
  CHECK(Find(Method::kGet, {"v1", "vaults", "id", "secrets", "db/prod", "x"}).params.at("path") ==
        "db/prod/x");
  const std::string not_found = Name(ErrorKind::kNotFound);
  CHECK(Find(Method::kGet, {"v1", "vaults", "id/secrets"}).operation == not_found);
  CHECK(Find(Method::kGet, {"v1", "vaults", "a/b", "secrets", "x"}).operation == not_found);
  CHECK(Find(Method::kGet, {"v1/vaults"}).operation == not_found);
}

TEST_CASE("literals win over parameters, whatever the method") {
  CHECK(Find(Method::kGet, {"v1", "agents", "me"}).operation == "getAgentSelf");
  CHECK(Find(Method::kGet, {"v1", "agents", "you"}).operation == "getAgent");
  const auto patched = Find(Method::kPatch, {"v1", "agents", "me"});
  CHECK(patched.operation == Name(ErrorKind::kMethodNotAllowed));
  CHECK(patched.allow == "GET");
}

TEST_CASE("an unknown path is not found, for every method") {
  for (const auto method : {Method::kGet, Method::kPost, Method::kOptions, Method::kOther}) {
    CHECK(Find(method, {"v1", "nothing"}).operation == Name(ErrorKind::kNotFound));
    CHECK(Find(method, {"v1"}).operation == Name(ErrorKind::kNotFound));
    CHECK(Find(method, {"v1", "vaults", "id", "more"}).operation == Name(ErrorKind::kNotFound));
  }
}

TEST_CASE("paths are compared exactly") {
  CHECK(Find(Method::kGet, {"V1", "vaults"}).operation == Name(ErrorKind::kNotFound));
  CHECK(Find(Method::kGet, {"v1", "{vault_id}"}).operation == Name(ErrorKind::kNotFound));
}

TEST_CASE("a known path with another method names the methods it knows") {
  const auto found = Find(Method::kDelete, {"v1", "vaults"});
  CHECK(found.operation == Name(ErrorKind::kMethodNotAllowed));
  CHECK(found.allow == "GET, POST");
  CHECK(Find(Method::kHead, {"v1", "vaults", "id", "secrets", "x"}).allow == "GET, PUT");
  CHECK(Find(Method::kOther, {}).allow == "GET");
}

TEST_CASE("two rows for one method and path abort, even under other parameter names") {
  CHECK(Aborts({Row(Method::kGet, "/a/{x}", "one"), Row(Method::kGet, "/a/{y}", "two")}));
  CHECK(Aborts({Row(Method::kGet, "/a", "one"), Row(Method::kGet, "/a", "two")}));
  CHECK(!Aborts({Row(Method::kGet, "/a/{x}", "one"), Row(Method::kPost, "/a/{y}", "two"),
                 Row(Method::kGet, "/a/{rest...}", "three")}));
}
