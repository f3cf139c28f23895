"""createAgent, listAgents, getAgent, updateAgent, and what becomes of agents. Their credentials and rights have files
of their own."""

import base64
import json
import re

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from support import people
from support.agents import ABSENT, AGENTS, EXCHANGE, NO_KEY, credentials, exchange, make, path_of, refused, token_of
from support.audit import events

MEMBERS = {"id", "name", "description", "auth_method", "scopes", "vault_ids", "is_active", "intents_api_enabled",
           "tx_to_allowlist", "tx_allowed_chains", "token_ttl_seconds", "ssh_public_key", "ecdh_public_key",
           "shroud_enabled", "created_at"}
FINGERPRINT = "ab" * 32


@pytest.fixture
def made(account):
    return make(account)


# -- create

def test_a_new_agent_with_a_name_alone(account, made):
    assert made.keys() == {"agent", "api_key"}
    assert re.fullmatch("ocv_[A-Za-z0-9_-]{43}", made["api_key"])
    agent = made["agent"]
    assert agent.keys() == MEMBERS
    assert (agent["name"], agent["auth_method"], agent["is_active"]) == ("agent", "api_key", True)
    assert agent["shroud_enabled"] is False and agent["intents_api_enabled"] is False
    assert agent["token_ttl_seconds"] is None and agent["scopes"] == agent["vault_ids"] == []
    assert account.get(path_of(made)).json() == agent
    assert account.get(AGENTS).json() == {"agents": [agent]}


def test_everything_that_can_be_said_of_an_agent_is_kept(account, vault):
    said = {"description": "two\nlines", "scopes": ["vaults:read", "db/**"], "vault_ids": [vault.id],
            "intents_api_enabled": True, "tx_to_allowlist": ["0x" + "1" * 40], "tx_allowed_chains": ["base"],
            "tx_max_value_eth": "0.5", "tx_daily_limit_eth": "10", "token_ttl_seconds": 86400,
            "expires_at": "2099-01-01T00:00:00.000000Z"}
    agent = make(account, **said, shroud_enabled=True, unknown=1)["agent"]
    assert {name: agent[name] for name in said} == said
    assert agent["shroud_enabled"] is False


@pytest.mark.parametrize("members", [
    {"auth_method": "mtls", "client_cert_fingerprint": FINGERPRINT},
    {"auth_method": "mtls", "client_cert_fingerprint": ":".join(["AB"] * 32)},
    {"auth_method": "oidc_client_credentials", "oidc_issuer": "https://id.example", "oidc_client_id": "robot"},
])
def test_agents_that_prove_themselves_in_another_way_have_no_key(account, members):
    made = make(account, **members)
    assert made.keys() == {"agent"}
    assert {name: made["agent"][name] for name in members} == members
    refused(exchange(account, agent_id=made["agent"]["id"], api_key=NO_KEY), "Invalid credentials")
    assert account.post(path_of(made) + "/rotate-key").status_code == 400


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "n" * 256}, {"name": "a\nb"}, {"name": 7},
    {"name": "n", "auth_method": "password"}, {"name": "n", "auth_method": "mtls"},
    {"name": "n", "auth_method": "mtls", "client_cert_fingerprint": "ab"},
    {"name": "n", "auth_method": "oidc_client_credentials", "oidc_issuer": "https://id.example"},
    {"name": "n", "auth_method": "oidc_client_credentials", "oidc_client_id": "robot"},
    {"name": "n", "token_ttl_seconds": 59}, {"name": "n", "token_ttl_seconds": 86401},
    {"name": "n", "expires_at": "2020-01-01T00:00:00Z"}, {"name": "n", "vault_ids": ["x"]},
    {"name": "n", "vault_ids": [ABSENT]}, {"name": "n", "scopes": "all"}, {"name": "n", "scopes": ["a\u001b"]},
    {"name": "n", "tx_max_value_eth": "1e3"}, {"name": "n", "tx_max_value_eth": "-1"},
    {"name": "n", "intents_api_enabled": "yes"}, {"name": "n", "description": "d" * 1025},
])
def test_a_malformed_request_makes_nothing(account, body):
    assert account.post(AGENTS, json=body).status_code == 400
    assert account.get(AGENTS).json() == {"agents": []}


def test_a_foreign_vault_cannot_be_bound(account, other_account):
    foreign = other_account.create_vault()
    assert account.post(AGENTS, json={"name": "n", "vault_ids": [foreign.id]}).status_code == 400


def test_the_database_holds_nothing_that_could_be_used(made, daemon):
    row = daemon.psql_owner(f"SELECT a::text FROM agents a WHERE id = '{made['agent']['id']}'")[0]
    assert made["api_key"][4:] not in row[0]


def test_agents_are_listed_in_order_and_page_by_page(account):
    made = [make(account, f"a{number}")["agent"] for number in range(5)]
    seen, target = [], f"{AGENTS}?limit=2"
    while target:
        response = account.get(target)
        seen += response.json()["agents"]
        target = response.links.get("next", {}).get("url")
    assert seen == made


@pytest.mark.parametrize("query", ["limit=ten", "after=7"])
def test_malformed_paging_is_refused(account, query):
    assert account.get(f"{AGENTS}?{query}").status_code == 400


# -- identity keys

def test_private_identity_keys_lie_sealed_at_their_places(account, made, daemon):
    """Nobody may read them without a policy; for whoever owns the vault they open and belong to the public ones."""
    vault = next(one for one in account.get("/v1/vaults").json()["vaults"] if one["name"] == "__agent-keys")
    target = f"/v1/vaults/{vault['id']}/secrets/agents/{made['agent']['id']}"
    assert account.get(f"{target}/ssh/private_key").status_code == 403
    daemon.psql_owner(f"UPDATE vaults SET created_by = '{account.me()['id']}' WHERE id = '{vault['id']}'")
    secrets = {kind: account.get(f"{target}/{kind}/private_key").json() for kind in ("ssh", "ecdh")}
    assert {secret["type"] for secret in secrets.values()} == {"generic"}
    raw = {kind: base64.b64decode(secret["value"]) for kind, secret in secrets.items()}
    assert {kind: len(key) for kind, key in raw.items()} == {"ssh": 32, "ecdh": 32}
    ssh = ed25519.Ed25519PrivateKey.from_private_bytes(raw["ssh"]).public_key()
    ecdh = ec.derive_private_key(int.from_bytes(raw["ecdh"], "big"), ec.SECP256R1()).public_key()
    encoding, form = serialization.Encoding, serialization.PublicFormat
    assert made["agent"]["ssh_public_key"] == base64.b64encode(ssh.public_bytes(encoding.Raw, form.Raw)).decode()
    point = ecdh.public_bytes(encoding.X962, form.UncompressedPoint)
    assert made["agent"]["ecdh_public_key"] == base64.b64encode(point).decode()


def test_all_agents_share_one_vault_of_keys_that_nobody_can_touch(account):
    agents = [make(account, f"a{number}")["agent"] for number in range(3)]
    assert len({agent["ssh_public_key"] for agent in agents} | {agent["ecdh_public_key"] for agent in agents}) == 6
    vaults = account.get("/v1/vaults").json()["vaults"]
    assert [vault["name"] for vault in vaults] == ["__agent-keys"]
    target = f"/v1/vaults/{vaults[0]['id']}"
    assert account.get(f"{target}/secrets").json() == {"secrets": []}
    path = f"{target}/secrets/agents/{agents[0]['id']}/ssh/private_key"
    assert account.put(path, json={"value": "mine"}).status_code == 403
    assert account.delete(path).status_code == 403
    assert account.delete(target).status_code == 403


def test_an_organisation_has_a_bounded_number_of_agents(account, made, daemon):
    daemon.psql_owner(
        "INSERT INTO agents (org_id, id, name, description, auth_method, oidc_issuer, oidc_client_id, tokens_valid_from,"
        " scopes, vault_ids, is_active, intents_api_enabled, tx_to_allowlist, tx_allowed_chains, ssh_public_key,"
        " ecdh_public_key, created_at) SELECT org_id, gen_random_uuid(), 'many', '', 'oidc_client_credentials', 'i', 'c',"
        " now(), '[]', '[]', n % 2 = 0, false, '[]', '[]', ssh_public_key, ecdh_public_key, now()"
        f" FROM agents, generate_series(1, 9999) n WHERE id = '{made['agent']['id']}'")
    assert account.post(AGENTS, json={"name": "too many"}).status_code == 409


# -- update

def test_what_is_absent_stays_and_null_clears(account, made, vault):
    path = path_of(made)
    changes = {"name": "new", "description": "d", "scopes": ["a"], "vault_ids": [vault.id], "intents_api_enabled": True,
               "tx_to_allowlist": ["x"], "tx_allowed_chains": ["y"], "tx_max_value_eth": "1", "tx_daily_limit_eth": "2",
               "token_ttl_seconds": 60, "expires_at": "2099-01-01T00:00:00.000000Z"}
    changed = account.patch(path, json=changes)
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in changes} == changes
    assert account.patch(path, json={}).json() == changed.json() == account.get(path).json()
    nothing = {"scopes": [], "vault_ids": [], "tx_to_allowlist": [], "tx_allowed_chains": [], "tx_max_value_eth": None,
               "tx_daily_limit_eth": None, "token_ttl_seconds": None, "expires_at": None, "description": "",
               "intents_api_enabled": False, "name": "agent"}
    assert account.patch(path, json=nothing).json() == made["agent"]


@pytest.mark.parametrize("body", [{"name": ""}, {"token_ttl_seconds": 59}, {"vault_ids": [ABSENT]}, {"is_active": "no"},
                                  {"expires_at": "2020-01-01T00:00:00Z"}, {"tx_max_value_eth": "x"}])
def test_a_malformed_change_changes_nothing(account, made, body):
    assert account.patch(path_of(made), json=body).status_code == 400
    assert account.get(path_of(made)).json() == made["agent"]


def test_a_member_sees_the_agents_and_changes_none_but_its_own(daemon, account, other_account, made):
    colleague = people.join(daemon, other_account, account)
    assert colleague.get(AGENTS).json() == {"agents": [made["agent"]]}
    assert colleague.get(path_of(made)).json() == made["agent"]
    assert colleague.patch(path_of(made), json={"name": "n"}).status_code == 403
    assert colleague.post(path_of(made) + "/rotate-key").status_code == 403
    assert colleague.delete(path_of(made)).status_code == 403
    own = make(colleague, "own")
    assert colleague.delete(path_of(own)).status_code == 204
    assert account.patch(path_of(own), json={"is_active": True}).status_code == 200


def test_an_agent_stays_when_its_creator_goes(daemon, account, other_account):
    colleague = people.join(daemon, other_account, account)
    made = make(colleague)
    token = token_of(account, made)
    assert account.get("/v1/agents/me", token=token).json()["created_by"] == colleague.get("/v1/auth/me").json()["id"]
    assert colleague.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert "created_by" not in account.get("/v1/agents/me", token=token).json()


def test_agents_go_with_their_organisation(account, made, daemon):
    held = credentials(account, made)
    for credential in held:
        assert account.get("/v1/agents/me", token=credential).status_code == 200
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    for credential in held:
        refused(account.get("/v1/agents/me", token=credential))
    assert daemon.psql_owner(f"SELECT count(*) FROM agents WHERE id = '{made['agent']['id']}'") == [(0,)]


def test_an_agent_that_is_gone_before_the_node_has_heard_gets_401(account, made, daemon):
    for credential in credentials(account, made):
        assert account.get("/v1/agents/me", token=credential).status_code == 200
    daemon.psql_owner(f"DELETE FROM agents WHERE id = '{made['agent']['id']}'")
    for path in ("/v1/agents/me", path_of(made)):
        refused(account.get(path, token=made["api_key"]))
    assert account.get(path_of(made)).status_code == 404


# -- foreign, absent and malformed ids

@pytest.mark.parametrize("method,suffix", [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-key")])
def test_foreign_absent_and_malformed_ids_get_the_same_404(account, other_account, method, suffix):
    foreign = make(other_account)
    answers = [account.request(method, f"{AGENTS}/{one}{suffix}", json={}) for one in
               (foreign["agent"]["id"], ABSENT, "x")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.content for answer in answers}) == 1
    assert other_account.get("/v1/agents/me", token=foreign["api_key"]).status_code == 200


# -- audit

def test_the_life_of_an_agent_is_on_record(account, made):
    exchange(account, api_key=made["api_key"])
    account.patch(path_of(made), json={"name": "n"})
    account.post(path_of(made) + "/rotate-key")
    account.delete(path_of(made))
    recorded = [event for event in events(account, resource_id=made["agent"]["id"])]
    assert [event["action"] for event in recorded] == ["agent.deactivate", "agent.rotate_key", "agent.update",
                                                       "auth.success", "agent.register"]
    assert recorded[3]["actor_id"] == made["agent"]["id"] and recorded[3]["actor_type"] == "agent"
    assert made["api_key"][4:] not in json.dumps(events(account))


# -- credentials and methods

@pytest.mark.parametrize("method,path", [("POST", AGENTS), ("GET", AGENTS), ("GET", f"{AGENTS}/me"),
                                         ("GET", f"{AGENTS}/{ABSENT}"), ("PATCH", f"{AGENTS}/{ABSENT}"),
                                         ("DELETE", f"{AGENTS}/{ABSENT}"), ("POST", f"{AGENTS}/{ABSENT}/rotate-key")])
@pytest.mark.parametrize("token", [None, "x", "a.b.c", NO_KEY])
def test_without_a_valid_credential_there_is_nothing(api, method, path, token):
    refused(api.request(method, path, token=token, json={"name": "n"} if method != "GET" else None))


@pytest.mark.parametrize("path,allowed", [(AGENTS, {"GET", "POST"}), (f"{AGENTS}/me", {"GET"}), (f"{AGENTS}/enroll", {"POST"}),
                                          (f"{AGENTS}/{ABSENT}", {"GET", "PATCH", "DELETE"}),
                                          (f"{AGENTS}/{ABSENT}/rotate-key", {"POST"}), (EXCHANGE, {"POST"})])
def test_other_methods_are_refused_with_those_allowed(account, path, allowed):
    response = account.request("PUT", path)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed
