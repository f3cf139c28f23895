#include "tests/unit/api/pipeline_fixture.h"

using namespace claviger;
using namespace claviger::api;
using http::Response;

TEST_CASE_FIXTURE(PipelineFixture,
                  "an address that the IP rules refuse reaches no handler, and that is recorded") {
  ip_gate.admits = false;
  const Response response = Ask(Succeeding());
  CHECK(response.status == 403);
  CHECK(DetailOf(response) == "Requests from this address are not allowed");
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read denied", "send 403"});
  CHECK(audit.last.actor_id == FormatUuid(authenticator.principal.id));
  CHECK(ParseJson(audit.last.details).value()["reason"] == "ip_rule");
}

TEST_CASE_FIXTURE(PipelineFixture, "IP rules that cannot be known let nobody pass") {
  ip_gate.failure = Unavailable("no database");
  CHECK(Ask(Succeeding()).status == 503);
  CHECK(journal.entries() == Entries{"authenticate", "audit x.read unknown", "send 503"});
}

TEST_CASE_FIXTURE(
    PipelineFixture,
    "IP rules come after authentication and before the kind of caller, and not on public routes") {
  ip_gate.admits = false;
  authenticator.failure = Unauthenticated("expired");
  CHECK(Ask(Succeeding()).status == 401);
  authenticator.failure.reset();
  Route route = Succeeding();
  authenticator.principal.type = PrincipalType::kAgent;
  route.auth = AuthKind::kUser;
  CHECK(DetailOf(Ask(route)) == "Requests from this address are not allowed");
  route.auth = AuthKind::kNone;
  CHECK(Ask(route).status == 200);
}

TEST_CASE_FIXTURE(PipelineFixture,
                  "an owner on the server's own machine finds the way back in, and nobody else does") {
  ip_gate.admits = false;
  Route door = Succeeding();
  door.open_to_local_owner = true;
  authenticator.principal.role = Role::kOwner;
  for (const char* local : {"127.0.0.1", "::1", "unix"}) {
    client = http::PeerAddress(local);
    CHECK(Ask(door).status == 200);
  }
  CHECK(Ask(Succeeding()).status == 403);
  client = http::PeerAddress("192.0.2.7");
  CHECK(Ask(door).status == 403);
  client = http::PeerAddress("127.0.0.1");
  client.forwarded = true;
  CHECK(Ask(door).status == 403);
  client.forwarded = false;
  authenticator.principal.role = Role::kAdmin;
  CHECK(Ask(door).status == 403);
  authenticator.principal.role = Role::kOwner;
  authenticator.principal.type = PrincipalType::kAgent;
  CHECK(Ask(door).status == 403);
}
