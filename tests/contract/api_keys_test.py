"""createApiKey, listApiKeys, revokeApiKey, apiKeyToken, and keys as bearer credentials."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from support import people, wait
from support.agents import claims_of
from support.audit import events

ABSENT = "01950000-0000-7000-8000-000000000000"
KEYS = "/v1/auth/api-keys"
EXCHANGE = "/v1/auth/api-key-token"
NO_KEY = "1ck_" + "A" * 43


def moment(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat()


def make(account, name="key", **members):
    response = account.post(KEYS, json={"name": name, **members})
    assert response.status_code == 201, response.text
    return response.json()


def listed(account):
    return account.get(KEYS).json()["keys"]


def exchange(api, key, **arguments):
    return api.anonymous().post(EXCHANGE, json={"api_key": key}, **arguments)


def refused(response, detail="Invalid or expired token"):
    assert response.status_code == 401
    assert response.json()["detail"] == detail
    assert "WWW-Authenticate" in response.headers
    return True


# -- create and list

def test_a_new_key_is_shown_once_and_described_afterwards(account):
    made = make(account, "deploy", scopes=["vaults:read", "x"])
    assert re.fullmatch("1ck_[A-Za-z0-9_-]{43}", made["api_key"])
    key = made["key"]
    assert key["key_prefix"] == made["api_key"][:12]
    assert (key["name"], key["scopes"], key["is_active"]) == ("deploy", ["vaults:read", "x"], True)
    assert "expires_at" not in key and "last_used_at" not in key
    assert account.get(KEYS).json() == {"keys": [key]}


def test_the_database_holds_nothing_that_could_be_used(account, daemon):
    made = make(account)
    row = daemon.psql_owner(f"SELECT k::text, mac FROM api_keys k WHERE id = '{made['key']['id']}'")[0]
    text = made["api_key"]
    raw = base64.urlsafe_b64decode(text[4:] + "=")
    assert text[12:] not in row[0] and raw not in bytes(row[1]) and raw.hex() not in row[0]


def test_keys_are_listed_in_order_and_page_by_page(account):
    made = [make(account, f"k{number}")["key"] for number in range(5)]
    seen, target = [], f"{KEYS}?limit=2"
    while target:
        response = account.get(target)
        seen += response.json()["keys"]
        target = response.links.get("next", {}).get("url")
    assert seen == made


def test_one_sees_ones_own_keys_only(daemon, account, other_account):
    colleague = people.join(daemon, other_account, account)
    made = make(account)
    assert listed(colleague) == []
    assert colleague.delete(f"{KEYS}/{made['key']['id']}").status_code == 404
    assert listed(account)[0]["is_active"] is True


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "n" * 256}, {"name": "a\nb"}, {"name": 7}, {"name": None},
    {"name": "n", "scopes": "all"}, {"name": "n", "scopes": [7]}, {"name": "n", "scopes": [""]},
    {"name": "n", "scopes": ["s"] * 51}, {"name": "n", "scopes": ["s" * 101]}, {"name": "n", "scopes": ["a\u0000"]},
    {"name": "n", "expires_at": "tomorrow"}, {"name": "n", "expires_at": "2020-01-01T00:00:00Z"},
])
def test_a_malformed_request_makes_nothing(account, body):
    assert account.post(KEYS, json=body).status_code == 400
    assert listed(account) == []


@pytest.mark.parametrize("query", ["limit=ten", "after=7"])
def test_malformed_paging_is_refused(account, query):
    assert account.get(f"{KEYS}?{query}").status_code == 400


def test_a_person_has_at_most_1000_keys_and_the_oldest_dead_one_makes_room(account, daemon):
    first, second = make(account, "first")["key"], make(account, "second")["key"]
    me = account.me()
    daemon.psql_owner(
        "INSERT INTO api_keys (org_id, id, user_id, name, mac, key_prefix, scopes, created_at)"
        f" SELECT '{me['org_id']}', gen_random_uuid(), '{me['id']}', 'many', sha256((random()::text || n)::bytea),"
        "         '1ck_AAAAAAAA', '[]', now() FROM generate_series(1, 998) n")
    assert account.post(KEYS, json={"name": "too many"}).status_code == 409
    assert len(listed(account)) == 1000
    for key in (second, first):
        assert account.delete(f"{KEYS}/{key['id']}").status_code == 204
    made = make(account, "room")["key"]
    ids = {key["id"] for key in listed(account)}
    assert len(ids) == 1000 and made["id"] in ids and second["id"] in ids and first["id"] not in ids


# -- as a bearer credential

def test_a_key_does_what_its_owner_may(account):
    key = account.with_token(make(account)["api_key"])
    assert key.get("/v1/auth/me").json()["email"] == account.email
    vault = key.post("/v1/vaults", json={"name": "made-by-key"}).json()
    assert key.put(f"/v1/vaults/{vault['id']}/secrets/a", json={"value": "v"}).status_code == 201
    assert key.get(f"/v1/vaults/{vault['id']}/secrets/a").json()["value"] == "v"
    assert make(key, "second")["key"]["name"] == "second"


def test_many_requests_at_once_with_one_key(account, vault):
    vault.put("a", "v")
    token = make(account)["api_key"]

    def read(_):
        return account.with_token(token).get(vault.path("a")).json()["value"]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(64))) == {"v"}


def test_a_key_has_its_owners_role_of_the_moment(daemon, account, other_account):
    chief = people.join(daemon, other_account, account, "admin")
    key = chief.with_token(make(chief)["api_key"])
    person = chief.get("/v1/auth/me").json()["id"]
    assert key.get("/v1/auth/me").json()["role"] == "admin"
    daemon.psql_owner(f"UPDATE users SET role = 'member' WHERE id = '{person}'")
    daemon.psql_owner(f"INSERT INTO change_log (kind, id) VALUES ('user', '{person}')")
    wait.until(lambda: key.delete(account.create_vault().path()).status_code == 403, "the role to be known", timeout=5)


@pytest.mark.parametrize("key", [
    "1ck_", "1ck_x", NO_KEY, NO_KEY[:-1], NO_KEY + "A", "1ck_" + "A" * 42 + "=", "1ck_" + "A" * 42 + "B",
    "1CK_" + "A" * 43, "ocv_" + "A" * 43, "1ck_" + "!" * 43, "1ck_" + "A" * 4000])
def test_what_is_no_key_gets_one_answer(api, key):
    refused(api.get("/v1/vaults", token=key))


def test_a_key_with_another_spelling_of_its_last_bits_is_none(account):
    """43 characters of base64url carry two bits too many."""
    text = make(account)["api_key"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    index = alphabet.index(text[-1])
    for other in range(index - index % 4, index - index % 4 + 4):
        response = account.get("/v1/auth/me", token=text[:-1] + alphabet[other])
        assert response.status_code == (200 if other == index else 401)


@pytest.mark.parametrize("change", [
    lambda key: key.upper(), lambda key: key.replace("1ck_", "ocv_"), lambda key: key[4:], lambda key: key[:12],
    lambda key: key + "%00", lambda key: key + ".", lambda key: key[:-1]])
def test_a_changed_key_is_refused(account, change):
    key = make(account)["api_key"]
    assert account.get("/v1/vaults", token=key).status_code == 200
    refused(account.get("/v1/vaults", token=change(key)))


def test_revoking_the_token_leaves_a_key_as_it_is(account):
    key = account.with_token(make(account)["api_key"])
    assert key.delete("/v1/auth/token").status_code == 204
    assert key.get("/v1/auth/me").status_code == 200


def test_a_key_outlives_a_change_of_password(account):
    key = make(account)["api_key"]
    token = exchange(account, key).json()["access_token"]
    body = {"current_password": account.password, "new_password": "An0ther-Long-Passphrase!"}
    assert account.post("/v1/auth/change-password", json=body).status_code == 200
    for credential in (key, token, exchange(account, key).json()["access_token"]):
        assert account.get("/v1/auth/me", token=credential).status_code == 200
    refused(account.get("/v1/auth/me"))


# -- exchange

def test_a_key_is_exchanged_for_a_token_of_its_owner(account):
    made = make(account)
    response = exchange(account, made["api_key"])
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert account.get("/v1/auth/me", token=body["access_token"]).json() == account.me()
    assert claims_of(body["access_token"])["key_id"] == made["key"]["id"]


def test_a_token_never_outlives_its_key(account):
    made = make(account, expires_at=moment(seconds=100))
    body = exchange(account, made["api_key"]).json()
    assert 90 <= body["expires_in"] <= 100
    claims = claims_of(body["access_token"])
    assert claims["exp"] - claims["iat"] == body["expires_in"]
    end = datetime.fromisoformat(made["key"]["expires_at"].replace("Z", "+00:00")).timestamp()
    assert claims["exp"] <= end


@pytest.mark.parametrize("key", [NO_KEY, "ocv_" + "A" * 43, "x", "1ck_", "a.b.c", " " + NO_KEY, "🔑"])
def test_what_is_no_key_is_not_exchanged(api, key):
    refused(exchange(api, key), "Invalid credentials")


def test_an_access_token_is_not_exchanged(account):
    assert exchange(account, account.token).status_code == 400


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"api_key":""}', '{"api_key":7}', '{"api_key":null}',
                                  '{"api_key":"' + "x" * 257 + '"}'])
def test_a_malformed_exchange_is_refused(api, body):
    assert api.post(EXCHANGE, data=body).status_code == 400


# -- the end of a key

def test_a_revoked_key_is_dead_with_its_tokens_and_stays_listed(account):
    made = make(account)
    token = exchange(account, made["api_key"]).json()["access_token"]
    kept = make(account, "kept")
    target = f"{KEYS}/{made['key']['id']}"
    for credential in (made["api_key"], token):
        assert account.get("/v1/vaults", token=credential).status_code == 200
    response = account.delete(target)
    assert (response.status_code, response.content) == (204, b"")
    for credential in (made["api_key"], token):
        refused(account.get("/v1/vaults", token=credential))
    refused(exchange(account, made["api_key"]), "Invalid credentials")
    assert account.get("/v1/vaults", token=kept["api_key"]).status_code == 200
    assert [key["is_active"] for key in listed(account)] == [False, True]
    assert account.delete(target).status_code == 204


def test_an_operator_can_revoke_a_key_in_the_database(account, daemon):
    made = make(account)
    token = exchange(account, made["api_key"]).json()["access_token"]
    key_id = made["key"]["id"]
    assert account.get("/v1/auth/me", token=made["api_key"]).status_code == 200
    daemon.psql_owner(f"UPDATE api_keys SET is_active = false WHERE id = '{key_id}'")
    daemon.psql_owner(f"INSERT INTO change_log (kind, id) VALUES ('key', '{key_id}')")
    for credential in (made["api_key"], token):
        wait.until(lambda: account.get("/v1/auth/me", token=credential).status_code == 401, "the nodes to hear", timeout=5)


def test_a_key_may_revoke_itself(account):
    made = make(account)
    key = account.with_token(made["api_key"])
    assert key.delete(f"{KEYS}/{made['key']['id']}").status_code == 204
    refused(key.get("/v1/auth/me"))


def test_an_expired_key_is_refused(account):
    made = make(account, expires_at=moment(seconds=5))
    key = account.with_token(made["api_key"])
    assert key.get("/v1/auth/me").status_code == 200
    wait.until(lambda: key.get("/v1/auth/me").status_code == 401, "the key to expire", timeout=15)
    refused(exchange(account, made["api_key"]), "Invalid credentials")
    assert listed(account)[0]["is_active"] is True


def test_a_key_goes_with_its_owner(account, other_account, daemon):
    colleague = people.join(daemon, other_account, account)
    made = make(colleague)
    token = exchange(colleague, made["api_key"]).json()["access_token"]
    assert colleague.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    for credential in (made["api_key"], token):
        refused(account.get("/v1/vaults", token=credential))
    refused(exchange(account, made["api_key"]), "Invalid credentials")
    assert daemon.psql_owner(f"SELECT count(*) FROM api_keys WHERE id = '{made['key']['id']}'") == [(0,)]


@pytest.mark.parametrize("key_id", [ABSENT, "x", ABSENT[:-1]])
def test_absent_foreign_and_malformed_ids_get_the_same_404(account, other_account, key_id):
    foreign = make(other_account)["key"]["id"]
    answers = [account.delete(f"{KEYS}/{one}") for one in (key_id, foreign)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert listed(other_account)[0]["is_active"] is True


def test_the_time_of_use_is_kept_to_the_minute(account):
    made = make(account)
    assert account.get("/v1/vaults", token=made["api_key"]).status_code == 200
    used = wait.until(lambda: listed(account)[0].get("last_used_at"), "the use to be written", timeout=10)
    assert exchange(account, made["api_key"]).status_code == 200
    other = make(account, "other")
    exchange(account, other["api_key"])
    wait.until(lambda: listed(account)[1].get("last_used_at"), "the exchange to be written", timeout=10)
    assert listed(account)[0]["last_used_at"] == used


# -- audit

def test_the_life_of_a_key_is_on_record(account):
    made = make(account)
    key_id = made["key"]["id"]
    exchange(account, made["api_key"])
    account.delete(f"{KEYS}/{key_id}")
    recorded = events(account, resource_id=key_id)
    assert [event["action"] for event in recorded] == ["api_key.revoke", "auth.success", "api_key.create"]
    assert {event["actor_id"] for event in recorded} == {account.me()["id"]}
    assert made["api_key"][12:] not in json.dumps(events(account))


def test_what_was_done_with_a_key_names_the_key(account):
    made = make(account)
    vault = account.with_token(made["api_key"]).post("/v1/vaults", json={"name": "v"}).json()
    assert events(account, resource_id=vault["id"])[0]["details"]["api_key_id"] == made["key"]["id"]


# -- credentials and methods

@pytest.mark.parametrize("method,path", [("POST", KEYS), ("GET", KEYS), ("DELETE", f"{KEYS}/{ABSENT}")])
@pytest.mark.parametrize("token", [None, "x", "a.b.c", NO_KEY])
def test_without_a_valid_credential_there_is_nothing(api, method, path, token):
    refused(api.request(method, path, token=token, json={"name": "n"} if method == "POST" else None))


@pytest.mark.parametrize("path,allowed", [(KEYS, {"GET", "POST"}), (f"{KEYS}/{ABSENT}", {"DELETE"}),
                                          (EXCHANGE, {"POST"})])
def test_other_methods_are_refused_with_those_allowed(account, path, allowed):
    response = account.request("PUT", path)
    assert response.status_code == 405
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed
