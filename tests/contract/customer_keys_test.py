"""bindCustomerKey, getCustomerKey, releaseCustomerKey, and what a key in the customer's HSM does to a vault."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import cmek, people, wait
from support.customer_token import CustomerToken

ABSENT = "01950000-0000-7000-8000-000000000000"
# A second is promised; the rest is slack for a busy machine.
SOON = 3

ABSENT_KEY = "The customer's key is not on its token: this vault cannot be used without it"
DISABLED = "The customer has disabled the key of this vault: it cannot be used"
CHANGED = "The customer's token holds another key of that name: this vault cannot be used"
AWAY = "The customer's token cannot be reached now; try again later"


@pytest.fixture(scope="module")
def person(installation, shared_daemon):
    return shared_daemon.api().signup()


@pytest.fixture(scope="module")
def token(installation):
    token = CustomerToken(installation)
    for key in ("first", "second"):
        token.make(key)
    return token


@pytest.fixture(scope="module")
def node(installation, person, token):
    """A daemon that knows the token; the shared one does not."""
    node = installation.daemon("customer", hsm__customer_token=token.setting(person.me()["org_id"]))
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


@pytest.fixture
def account(node, person):
    person.base_url = node.base_url
    return person


@pytest.fixture
def vault(account):
    return account.create_vault()


@pytest.fixture
def filled(vault):
    for number in range(5):
        for value in ("old", f"value-{number}"):
            assert vault.put(f"s/{number}", value).status_code == 201
    return vault


@pytest.fixture
def bound(filled):
    bind(filled, "first")
    return filled


def key_of(vault, by=None, **arguments):
    return (by or vault.account).get(vault.path() + "/customer-key", **arguments)


def ask(vault, key, token="acme", by=None, **arguments):
    return (by or vault.account).put(vault.path() + "/customer-key", json={"token": token, "key": key}, **arguments)


def settled(vault, rotation):
    def state():
        now = vault.account.get(f"/v1/rotations/{rotation['id']}").json()
        return now["state"] in ("done", "failed") and now
    ended = wait.until(state, "the rotation to end", timeout=60)
    assert ended["state"] == "done", ended
    return ended


def bind(vault, key):
    response = ask(vault, key)
    assert response.status_code == 202, response.text
    return settled(vault, response.json())


def release(vault):
    response = vault.account.delete(vault.path() + "/customer-key")
    assert response.status_code == 202, response.text
    return settled(vault, response.json())


def layers(daemon, vault):
    """Lengths of the sealed data keys: 60 under the vault's key, 88 under the customer's as well."""
    return {size for size, in daemon.psql_owner(
        f"SELECT octet_length(sealed_dek) FROM secret_versions WHERE vault_id = '{vault.id}'")}


def all_open(vault):
    return all(vault.get(f"s/{number}").json().get("value") == f"value-{number}" for number in range(5))


def await_refusal(vault, status, detail):
    def refused():
        response = vault.get("s/0")
        return response.status_code == status and response.json()["detail"] == detail
    wait.until(refused, f"{status} {detail}", timeout=SOON)
    for response in (vault.get("s/1"), vault.put("s/9", "x")):
        assert (response.status_code, response.json()["detail"]) == (status, detail)


def reasons(account):
    events = account.get("/v1/audit/events", params={"limit": 50}).json()["events"]
    return {event["details"].get("reason") for event in events}


# Binding and releasing.

def test_a_vault_is_bound_and_released_and_everything_follows(node, filled):
    assert key_of(filled).status_code == 404
    done = bind(filled, "first")
    assert (done["total"], done["resealed"]) == (10, 10)
    status = key_of(filled).json()
    assert {name: status[name] for name in ("vault_id", "token", "key", "state", "usable")} == {
        "vault_id": filled.id, "token": "acme", "key": "first", "state": "bound", "usable": True}
    assert "reason" not in status and "rotation_id" not in status
    assert layers(node, filled) == {88} and all_open(filled)
    assert filled.put("s/5", "new").status_code == 201
    assert layers(node, filled) == {88}

    bind(filled, "second")
    assert key_of(filled).json()["key"] == "second"
    assert layers(node, filled) == {88} and all_open(filled)

    # A rotation of the vault's own key keeps it.
    settled(filled, filled.account.post(filled.path() + "/rotations").json())
    assert layers(node, filled) == {88} and all_open(filled)

    release(filled)
    assert key_of(filled).status_code == 404
    assert layers(node, filled) == {60} and all_open(filled)


def test_a_bound_vault_looks_to_clients_like_any_other(bound):
    body = bound.account.get(bound.path()).json()
    assert body["cmek_enabled"] is False and "cmek_fingerprint" not in body
    assert bound.get("s/0").json()["cmek_encrypted"] is False
    assert bound.account.delete(bound.path()).status_code == 204
    assert key_of(bound).status_code == 404


def test_it_is_on_the_audit_log(bound):
    release(bound)
    events = [event for event in bound.account.get("/v1/audit/events", params={"limit": 200}).json()["events"]
              if event["details"].get("vault_id") == bound.id or event["resource_id"] == bound.id]
    actions = [event["action"] for event in events]
    assert {"customer_key.bind", "customer_key.release", "rotation.finish"} <= set(actions)
    begun = next(event for event in events if event["action"] == "customer_key.bind")
    assert (begun["details"]["token"], begun["details"]["key"]) == ("acme", "first")


# Refusals.

@pytest.mark.parametrize("body", [{}, {"token": "acme"}, {"key": "first"}, {"token": "", "key": "first"},
                                  {"token": "acme", "key": 7}, {"token": "a" * 33, "key": "first"},
                                  {"token": "acme", "key": "k\n"}])
def test_what_names_no_key_is_refused(vault, body):
    assert vault.account.put(vault.path() + "/customer-key", json=body, raw=True).status_code == 400
    assert key_of(vault).status_code == 404


def test_only_what_can_be_used_is_bound(node, token, vault):
    assert ask(vault, "first", token="claviger-test").status_code == 400
    refused = ask(vault, "nowhere")
    assert (refused.status_code, refused.json()["detail"]) == (403, ABSENT_KEY)
    token.make("weak", 16)
    assert ask(vault, "weak").status_code == 400
    token.make("locked")
    token.disable("locked")
    refused = ask(vault, "locked")
    assert (refused.status_code, refused.json()["detail"]) == (403, DISABLED)
    assert node.psql_owner(f"SELECT count(*) FROM rotations WHERE vault_id = '{vault.id}'") == [(0,)]


def test_a_token_serves_its_own_organisation(node):
    stranger = node.api().signup()
    response = ask(stranger.create_vault(), "first")
    assert response.status_code == 400 and "no token" in response.json()["detail"]


def test_who_may_not_manage_the_vault_may_not_bind_it(node, account, bound):
    colleague = people.join(node, node.api().signup(), account)
    stranger = node.api().signup()
    for client, status in ((colleague, 403), (stranger, 404), (account.anonymous(), 401)):
        assert ask(bound, "second", by=client).status_code == status
        assert key_of(bound, by=client).status_code == status
        assert client.delete(bound.path() + "/customer-key").status_code == status
    for method in (account.get, account.delete):
        assert method(f"/v1/vaults/{ABSENT}/customer-key").status_code == 404


def test_one_move_at_a_time_and_one_kind_of_key(account, bound):
    assert ask(bound, "first").status_code == 409
    vault, key = account.create_vault(), cmek.Key()
    assert account.post(bound.path() + "/cmek", json={"fingerprint": key.fingerprint}).status_code == 409
    cmek.enable(vault, key)
    assert ask(vault, "first").status_code == 409
    assert account.delete(vault.path() + "/customer-key").status_code == 404
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: ask(bound, "second", by=account.with_token(account.token)), range(6)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    settled(bound, next(answer.json() for answer in answers if answer.status_code == 202))


# What the customer takes away.

def test_a_key_that_is_disabled_closes_the_vault_at_once_and_opens_it_again(account, token, bound):
    other = account.create_vault()
    other.put("plain", "open")
    token.disable("first")
    try:
        await_refusal(bound, 403, DISABLED)
        status = key_of(bound).json()
        assert (status["usable"], status["reason"]) == (False, "customer_key_disabled")
        assert "customer_key_disabled" in reasons(account)
        assert other.get("plain").status_code == 200
        # Together with others as well as alone.
        clients = [account.with_token(account.token) for _ in range(16)]
        places = [bound.path("s/1"), other.path("plain")] * 40
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda n: clients[n % 16].get(places[n]).status_code, range(len(places))))
        assert answers == [403, 200] * 40
    finally:
        token.enable("first")
    wait.until(lambda: all_open(bound), "the vault to be open again", timeout=SOON)
    assert key_of(bound).json()["usable"] is True


def test_a_key_that_is_removed_or_replaced_closes_the_vault(token, filled):
    token.make("mine")
    bind(filled, "mine")
    token.rename("mine", "hidden")
    await_refusal(filled, 403, ABSENT_KEY)
    token.make("mine")
    await_refusal(filled, 403, CHANGED)
    assert key_of(filled).json()["reason"] == "customer_key_changed"
    token.remove("mine")
    await_refusal(filled, 403, ABSENT_KEY)
    token.rename("hidden", "mine")
    wait.until(lambda: all_open(filled), "the vault to be open again", timeout=SOON)
    release(filled)
    token.remove("mine")
    assert all_open(filled)


def test_a_node_that_is_not_configured_says_that_it_cannot_reach_the_token(shared_daemon, bound):
    elsewhere = shared_daemon.api(bound.account.token)
    response = elsewhere.get(bound.path("s/0"))
    assert (response.status_code, response.json()["detail"]) == (503, AWAY)
    assert int(response.headers["Retry-After"]) > 0
    status = key_of(bound, by=elsewhere).json()
    assert (status["usable"], status["reason"]) == (False, "customer_token_unreachable")
    assert all_open(bound)


def test_a_rotation_that_meets_a_disabled_key_fails_and_is_resumed(account, token, bound):
    token.disable("first")
    try:
        await_refusal(bound, 403, DISABLED)
        rotation = account.delete(bound.path() + "/customer-key").json()
        path = f"/v1/rotations/{rotation['id']}"
        failed = wait.until(lambda: (now := account.get(path).json())["state"] == "failed" and now, "it to fail",
                            timeout=60)
        assert failed["error"] == DISABLED
        status = key_of(bound).json()
        assert (status["state"], status["rotation_state"]) == ("releasing", "failed")
    finally:
        token.enable("first")
    wait.until(lambda: all_open(bound), "the vault to be open again", timeout=SOON)
    assert account.post(path + "/resume").status_code == 200
    settled(bound, rotation)
    assert all_open(bound) and key_of(bound).status_code == 404


# Attacks.

def test_a_moved_or_stripped_row_does_not_open(node, bound):
    kept = f"kept_{bound.id.replace('-', '')}"
    node.psql_owner(f"CREATE TABLE {kept} AS SELECT * FROM secret_versions WHERE vault_id = '{bound.id}'")
    try:
        node.psql_owner(
            "UPDATE secret_versions r SET sealed_dek = o.sealed_dek, ciphertext = o.ciphertext FROM secrets s, secrets t, "
            f"{kept} o WHERE r.secret_id = s.id AND s.path = 's/0' AND s.vault_id = '{bound.id}' AND r.version = 2 "
            f"AND o.secret_id = t.id AND t.path = 's/1' AND t.vault_id = '{bound.id}' AND o.version = 2")
        assert bound.get("s/0").status_code == 500
        node.psql_owner(f"UPDATE secret_versions r SET sealed_dek = o.sealed_dek, ciphertext = o.ciphertext FROM {kept} o "
                        "WHERE o.secret_id = r.secret_id AND o.version = r.version")
        assert all_open(bound)
        node.psql_owner(f"UPDATE vault_keks SET customer_key_id = NULL WHERE vault_id = '{bound.id}'")
        assert bound.get("s/0").status_code == 500
        node.psql_owner("UPDATE vault_keks k SET customer_key_id = v.customer_key_id FROM vaults v "
                        f"WHERE v.id = k.vault_id AND v.id = '{bound.id}'")
        node.psql_owner(f"UPDATE vault_customer_keys SET label = 'second' WHERE vault_id = '{bound.id}'")
        assert bound.get("s/0").status_code == 403  # the token's `second` is another key
        node.psql_owner(f"UPDATE vault_customer_keys SET label = 'first' WHERE vault_id = '{bound.id}'")
        assert all_open(bound)
    finally:
        node.psql_owner(f"DROP TABLE {kept}")


def test_another_organisations_token_cannot_be_borrowed(node, bound):
    stranger = node.api().signup()
    theirs = stranger.create_vault()
    theirs.put("a", "b")
    node.psql_owner(
        "INSERT INTO vault_customer_keys SELECT v.org_id, v.id, c.id, c.token, c.label, c.check_record, c.created_at "
        f"FROM vault_customer_keys c, vaults v WHERE c.vault_id = '{bound.id}' AND v.id = '{theirs.id}'")
    node.psql_owner("UPDATE vault_keks k SET customer_key_id = c.id FROM vault_customer_keys c "
                    f"WHERE c.vault_id = k.vault_id AND k.vault_id = '{theirs.id}'")
    assert theirs.get("a").status_code == 503
    node.psql_owner(f"UPDATE vault_keks SET customer_key_id = NULL WHERE vault_id = '{theirs.id}'")
    assert theirs.get("a").status_code == 200
