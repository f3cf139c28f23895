"""agentToken, rotateAgentKey, deleteAgent: the life of an agent's key and tokens."""

import pytest
from support import wait
from support.agents import (
    ABSENT, EXCHANGE, NO_KEY, claims_of, credentials, exchange, make, moment, path_of, refused, token_of)


@pytest.fixture
def made(account):
    return make(account)


# -- exchange and direct use

def test_a_key_is_exchanged_for_a_token(account, made):
    response = exchange(account, agent_id=made["agent"]["id"], api_key=made["api_key"])
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert claims_of(body["access_token"])["sub"] == f"agent:{made['agent']['id']}"
    wait.until(lambda: account.get(path_of(made)).json().get("last_active_at"), "the use to be written", timeout=10)


def test_the_key_alone_is_answered_with_whose_it_is(account, vault):
    made = make(account, vault_ids=[vault.id])
    body = exchange(account, api_key=made["api_key"]).json()
    assert (body["agent_id"], body["vault_ids"]) == (made["agent"]["id"], [vault.id])


@pytest.mark.parametrize("ttl,life", [(60, 60), (600, 600), (3600, 900)])
def test_a_token_lives_as_long_as_it_says(account, ttl, life):
    made = make(account, token_ttl_seconds=ttl)
    body = exchange(account, api_key=made["api_key"]).json()
    claims = claims_of(body["access_token"])
    assert body["expires_in"] == life == claims["exp"] - claims["iat"]


def test_a_token_never_outlives_its_agent(account):
    made = make(account, expires_at=moment(seconds=100))
    assert 90 <= exchange(account, api_key=made["api_key"]).json()["expires_in"] <= 100


def test_labels_among_the_scopes_are_kept_and_are_no_globs(account):
    made = make(account, scopes=["vaults:read", "db/**", "tx.sign", "a-b_c/*"])
    assert claims_of(token_of(account, made))["scopes"] == ["db/**", "a-b_c/*"]
    assert account.get(path_of(made)).json()["scopes"] == ["vaults:read", "db/**", "tx.sign", "a-b_c/*"]


def test_a_key_of_another_agent_is_refused(account, made):
    other = make(account, "other")
    refused(exchange(account, agent_id=other["agent"]["id"], api_key=made["api_key"]), "Invalid credentials")
    refused(exchange(account, agent_id=ABSENT, api_key=made["api_key"]), "Invalid credentials")


@pytest.mark.parametrize("key", [NO_KEY, "ocv_", "x", "1ck_" + "A" * 43, "a.b.c"])
def test_what_is_no_key_is_not_exchanged(api, key):
    refused(exchange(api, api_key=key), "Invalid credentials")


def test_keys_of_people_and_of_agents_are_not_taken_for_each_other(account, made):
    personal = account.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    refused(exchange(account, api_key=personal), "Invalid credentials")
    refused(account.post("/v1/auth/api-key-token", json={"api_key": made["api_key"]}), "Invalid credentials")
    for swapped in (personal.replace("1ck_", "ocv_"), made["api_key"].replace("ocv_", "1ck_")):
        refused(account.get("/v1/vaults", token=swapped))


@pytest.mark.parametrize("body", ["", "{}", '{"api_key":7}', '{"agent_id":"x","api_key":"k"}', '{"agent_id":7,"api_key":"k"}'])
def test_a_malformed_exchange_is_refused(api, body):
    assert api.post(EXCHANGE, data=body).status_code == 400


def test_an_agent_may_revoke_its_token(account, made):
    key, token = credentials(account, made)
    agent = account.with_token(token)
    assert agent.delete("/v1/auth/token").status_code == 204
    refused(agent.get("/v1/agents/me"))
    assert account.get("/v1/agents/me", token=key).status_code == 200


# -- deactivate, expire, rotate

@pytest.mark.parametrize("deactivate", [lambda account, path: account.delete(path),
                                        lambda account, path: account.patch(path, json={"is_active": False})])
def test_a_deactivated_agent_is_dead_and_stays_known(account, made, deactivate):
    key, token = credentials(account, made)
    assert deactivate(account, path_of(made)).status_code in (200, 204)
    for credential in (key, token):
        refused(account.get("/v1/agents/me", token=credential))
    refused(exchange(account, api_key=key), "Invalid credentials")
    refused(exchange(account, agent_id=made["agent"]["id"], api_key=key), "Invalid credentials")
    assert account.get(path_of(made)).json()["is_active"] is False
    assert account.delete(path_of(made)).status_code == 204
    assert account.patch(path_of(made), json={"is_active": True}).status_code == 200
    assert account.get("/v1/agents/me", token=key).status_code == 200


def reactivate(account, made):
    """Off and on again; the key stays."""
    assert account.delete(path_of(made)).status_code == 204
    assert account.patch(path_of(made), json={"is_active": True}).status_code == 200
    return made


def rotate(account, made):
    return account.post(path_of(made) + "/rotate-key").json()


@pytest.mark.parametrize("change", [reactivate, rotate])
def test_each_change_kills_the_tokens_before_it_even_within_one_second(account, made, change):
    given = []
    for _ in range(4):
        given.append(token_of(account, made))
        made = change(account, made)
    for token in given:
        refused(account.get("/v1/agents/me", token=token))
    for credential in credentials(account, made):
        assert account.get("/v1/agents/me", token=credential).status_code == 200


def test_other_changes_leave_tokens_alone(account, made):
    token = token_of(account, made)
    for change in ({"name": "other"}, {"is_active": True}, {}):
        assert account.patch(path_of(made), json=change).status_code == 200
    assert account.get("/v1/agents/me", token=token).status_code == 200


def test_an_expired_agent_is_refused(account):
    made = make(account, expires_at=moment(seconds=3))
    key, token = credentials(account, made)
    for credential in (key, token):
        wait.until(lambda: account.get("/v1/agents/me", token=credential).status_code == 401, "the end", timeout=10)
    refused(exchange(account, api_key=key), "Invalid credentials")


def test_a_new_key_kills_the_old_one_and_its_tokens(account, made):
    key, token = credentials(account, made)
    response = account.post(path_of(made) + "/rotate-key")
    assert response.status_code == 200
    rotated = response.json()
    assert rotated["agent"] | {"last_active_at": 0} == made["agent"] | {"last_active_at": 0}
    assert rotated["api_key"] != key
    for credential in (key, token):
        refused(account.get("/v1/agents/me", token=credential))
    refused(exchange(account, api_key=key), "Invalid credentials")
    for credential in credentials(account, rotated):
        assert account.get("/v1/agents/me", token=credential).status_code == 200
