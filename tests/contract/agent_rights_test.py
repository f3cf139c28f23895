"""getAgentSelf, and agents as callers: what they see and may do."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import openapi, routes
from support.agents import ABSENT, AGENTS, credentials, make, path_of, token_of
from support.audit import events


@pytest.fixture
def made(account):
    return make(account)


def test_an_agent_knows_itself(account, made):
    for credential in credentials(account, made):
        me = account.get("/v1/agents/me", token=credential).json()
        assert (me["id"], me["org_id"]) == (made["agent"]["id"], account.me()["org_id"])
        assert me["created_by"] == account.me()["id"]
        assert account.get(path_of(made), token=credential).json()["id"] == made["agent"]["id"]


def test_a_person_is_no_agent(account):
    assert account.get("/v1/agents/me").status_code == 403


# Everything else that docs/openapi.yaml describes and that wants a credential is for people.
OPEN_TO_AGENTS = {
    "revokeToken", "getAgentSelf", "getAgent", "createVault", "listVaults", "getVault", "deleteVault", "putSecret",
    "getSecret", "listSecrets", "deleteSecret", "rotateSecret", "createPolicy", "listPolicies", "updatePolicy",
    "deletePolicy", "createShare", "revokeShare", "revokeListedShare", "listOutboundShares", "listInboundShares",
    "acceptShare", "declineShare", "queryAuditEvents"}
FOR_PEOPLE = [(method, path) for method, path, operation in openapi.operations()
              if operation.get("security") != [] and operation["operationId"] not in OPEN_TO_AGENTS]


@pytest.mark.parametrize(("method", "path"), FOR_PEOPLE, ids=str)
def test_no_route_for_people_takes_an_agent(account, made, method, path):
    target = routes.fill(path, made["agent"]["id"])
    for credential in credentials(account, made):
        assert account.request(method, target, token=credential, json={}).status_code == 403


@pytest.mark.parametrize("method,path", [
    ("POST", AGENTS), ("GET", AGENTS), ("PATCH", "{self}"), ("DELETE", "{self}"), ("POST", "{self}/rotate-key"),
    ("GET", f"{AGENTS}/{ABSENT}"), ("GET", f"{AGENTS}/x"), ("GET", "{other}"), ("GET", "/v1/auth/me"),
    ("PATCH", "/v1/auth/me"), ("DELETE", "/v1/auth/me"), ("GET", "/v1/auth/api-keys"), ("POST", "/v1/auth/api-keys")])
def test_an_agent_changes_no_agent_and_sees_no_other(account, made, method, path):
    other = make(account, "other")
    path = path.replace("{self}", path_of(made)).replace("{other}", path_of(other))
    for credential in credentials(account, made):
        assert account.request(method, path, token=credential, json={"name": "n"}).status_code == 403


def test_an_agent_uses_the_vaults_it_made_and_no_others(account, made, vault):
    vault.put("a", "canary")
    for number, credential in enumerate(credentials(account, made)):
        agent = account.with_token(credential)
        own = agent.post("/v1/vaults", json={"name": f"own-{number}"}).json()
        assert (own["created_by"], own["created_by_type"]) == (made["agent"]["id"], "agent")
        target = f"/v1/vaults/{own['id']}/secrets/x"
        assert agent.put(target, json={"value": "v"}).status_code == 201
        assert agent.get(target).json()["value"] == "v"
        assert agent.get(target).json()["created_by"] == f"agent:{made['agent']['id']}"
        assert own in agent.get("/v1/vaults").json()["vaults"]
        assert vault.body not in agent.get("/v1/vaults").json()["vaults"]
        assert agent.get(vault.path()).status_code == 403
        assert agent.get(vault.path("a")).status_code == 403
        assert agent.put(vault.path("a"), json={"value": "w"}).status_code == 403
        assert agent.delete(vault.path("a")).status_code == 403
        assert agent.get(vault.path() + "/secrets").status_code == 403
        assert agent.delete(vault.path()).status_code == 403
    assert vault.get("a").json()["value"] == "canary"


def test_an_agent_sees_its_own_events_only(account, made, vault):
    agent = account.with_token(made["api_key"])
    agent.get("/v1/vaults")
    assert {event["actor_id"] for event in events(agent)} == {made["agent"]["id"]}


def test_a_bound_agent_gets_403_for_every_other_vault_whatever_its_id(account, other_account, vault):
    made = make(account)
    agent = account.with_token(made["api_key"])
    first, second = (agent.post("/v1/vaults", json={"name": name}).json()["id"] for name in ("first", "second"))
    for one in (first, second):
        assert agent.put(f"/v1/vaults/{one}/secrets/x", json={"value": "v"}).status_code == 201
    token = token_of(account, made)
    assert account.patch(path_of(made), json={"vault_ids": [first]}).status_code == 200
    for credential in (made["api_key"], token):
        bound = account.with_token(credential)
        assert bound.get(f"/v1/vaults/{first}/secrets/x").json()["value"] == "v"
        answers = set()
        for one in (second, vault.id, other_account.create_vault().id, ABSENT, "x"):
            for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/secrets"), ("GET", "/secrets/x"),
                                   ("PUT", "/secrets/x"), ("DELETE", "/secrets/x"), ("GET", "/policies"),
                                   ("POST", "/policies"), ("PUT", f"/policies/{ABSENT}"),
                                   ("DELETE", f"/policies/{ABSENT}")):
                body = {"value": "v"} if method in ("PUT", "POST") else None
                response = bound.request(method, f"/v1/vaults/{one}{suffix}", json=body)
                assert response.status_code == 403, (method, suffix)
                answers.add(response.content)
        assert len(answers) == 1
        assert [one["id"] for one in bound.get("/v1/vaults").json()["vaults"]] == [first]
        assert bound.post("/v1/vaults", json={"name": "third"}).status_code == 403
    assert account.patch(path_of(made), json={"vault_ids": []}).status_code == 200
    assert agent.get(f"/v1/vaults/{second}/secrets/x").status_code == 200


SIGNING_KEYS = ("private_key", "ssh_key")


def test_an_agent_with_the_intents_api_reads_no_signing_keys(account, made):
    held = credentials(account, made)
    agent = account.with_token(made["api_key"])
    target = f"/v1/vaults/{agent.post('/v1/vaults', json={'name': 'own'}).json()['id']}/secrets"
    for kind in (*SIGNING_KEYS, "generic", "certificate"):
        assert agent.put(f"{target}/{kind}", json={"value": "v", "type": kind}).status_code == 201
    for enabled in (True, False):
        changed = account.patch(path_of(made), json={"intents_api_enabled": enabled})
        assert changed.json()["intents_api_enabled"] is enabled
        for credential in held:
            agent = account.with_token(credential)
            for kind in SIGNING_KEYS:
                assert agent.get(f"{target}/{kind}").status_code == (403 if enabled else 200)
                assert agent.put(f"{target}/{kind}", json={"value": "w"}).status_code == 201
            for kind in ("generic", "certificate"):
                assert agent.get(f"{target}/{kind}").status_code == 200
            assert len(agent.get(target).json()["secrets"]) == 4


def test_many_reads_at_once_withhold_signing_keys_as_well(account, made):
    agent = account.with_token(made["api_key"])
    target = f"/v1/vaults/{agent.post('/v1/vaults', json={'name': 'own'}).json()['id']}/secrets"
    for kind in ("private_key", "generic"):
        assert agent.put(f"{target}/{kind}", json={"value": "v", "type": kind}).status_code == 201
    assert account.patch(path_of(made), json={"intents_api_enabled": True}).status_code == 200

    def read(kind):
        return kind, account.with_token(made["api_key"]).get(f"{target}/{kind}").status_code
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, ["private_key", "generic"] * 40)) == {("private_key", 403), ("generic", 200)}
