"""The scopes of agents, which are a ceiling over their policies."""

import pytest
from support.audit import events
from support.rights import EVERYTHING, Agent, grant, listed, make_vault, may, scopes_of


def test_a_token_has_the_patterns_of_its_agents_policies_and_keeps_them(account, filled, agent):
    grant(filled, agent, "db/**")
    grant(account.create_vault(), agent, "x/*")
    grant(filled, agent, "db/**", ["write"])
    token = agent.exchange()
    assert sorted(scopes_of(token)) == ["db/**", "x/*"]
    grant(filled, agent, "app")
    assert not may(token, filled, "GET", "app")  # the ceiling stands as long as the token
    assert may(agent.key, filled, "GET", "app") and may(agent.exchange(), filled, "GET", "app")
    assert listed(token, filled) == ["db/a/b", "db/password"]


def test_without_policies_a_token_has_no_scopes_and_still_serves_the_agents_own_vaults(agent):
    token = agent.exchange()
    assert scopes_of(token) == []
    own = make_vault(token)
    assert own.put("a", "v").status_code == 201 and own.get("a").json()["value"] == "v"


def test_stored_scopes_are_a_ceiling_for_token_and_key(account, filled):
    limited = Agent(account, scopes=["db/*", "vaults:read"])
    grant(filled, limited, permissions=EVERYTHING)
    for client in limited.clients():
        assert may(client, filled, "GET", "db/password") and may(client, filled, "PUT", "db/password")
        for method, path in (("GET", "app"), ("PUT", "app"), ("DELETE", "app"), ("GET", "db/a/b")):
            assert not may(client, filled, method, path)
        assert listed(client, filled) == ["db/password"]
    refusals = [event["details"].get("reason") for event in events(account, action="secret.read")
                if event["details"]["outcome"] == "denied"]
    assert refusals and set(refusals) == {"token_scope"}


def test_labels_limit_nothing(account, filled):
    labelled = Agent(account, scopes=["vaults:read", "tx:sign"])
    grant(filled, labelled, "app")
    assert scopes_of(labelled.exchange()) == ["app"]
    for client in labelled.clients():
        assert may(client, filled, "GET", "app")


@pytest.mark.parametrize("count,length", [(201, 4), (11, 500)])
def test_more_patterns_than_a_token_carries_become_one(daemon, filled, agent, count, length):
    policy = grant(filled, agent, "app")
    daemon.psql_owner(
        "INSERT INTO policies SELECT org_id, vault_id, gen_random_uuid(), principal_type, principal_id,"
        f" lpad(n::text, {length}, 'p'), true, false, false, '{{}}', NULL, created_by_type, created_by, created_at"
        f" FROM policies, generate_series(1, {count - 1}) n WHERE id = '{policy['id']}'")
    token = agent.exchange()
    assert scopes_of(token) == ["**"]
    assert may(token, filled, "GET", "app") and not may(token, filled, "GET", "tls/key")


def test_the_intents_block_holds_whatever_policies_say(account, filled):
    signer = Agent(account, intents_api_enabled=True)
    filled.put("sign/key", "k", type="private_key")
    grant(filled, signer)
    assert signer.key.get(filled.path("sign/key")).status_code == 403
    assert signer.key.get(filled.path("app")).status_code == 200
    assert "sign/key" in listed(signer.key, filled)
