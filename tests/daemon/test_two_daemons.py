"""Every node is active: what one does, the other knows."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.device import Login, approve, refresh
from support.people import join
from support.postgres import APP
from support.totp import Factor


@pytest.fixture
def nodes(own_installation):
    daemons = [own_installation.daemon(name) for name in ("first", "second")]
    yield daemons
    for daemon in daemons:
        daemon.kill9()


# The promise is one second; the rest is slack for a busy machine.
SOON = 3


def everywhere(nodes, token, status, path="/v1/auth/me"):
    for node in nodes:
        wait.until(lambda: node.api(token).get(path).status_code == status,
                   f"{node.base_url} to answer {status}", timeout=SOON)


def test_a_revoked_token_is_dead_on_the_other_node(nodes):
    account = nodes[0].api().signup()
    everywhere(nodes, account.token, 200)
    assert account.delete("/v1/auth/token").status_code == 204
    assert account.get("/v1/auth/me").status_code == 401
    everywhere(nodes, account.token, 401)


def test_a_changed_password_kills_tokens_on_the_other_node(nodes):
    account = nodes[0].api().signup()
    other_token = nodes[1].api().post("/v1/auth/token", json={"email": account.email, "password": account.password})
    token = other_token.json()["access_token"]
    everywhere(nodes, token, 200)
    changed = account.post("/v1/auth/change-password", json={
        "current_password": account.password, "new_password": "An0ther-Long-Passphrase!"})
    assert changed.status_code == 200
    everywhere(nodes, token, 401)


def loaded_keys(node):
    return node.api().get("/v1/health/hsm").json()["cached_keks"]


@pytest.mark.parametrize("how", ["the vault", "the account"])
def test_keys_of_a_deleted_vault_leave_the_hsm_sessions_of_all_nodes(nodes, how):
    for node in nodes:  # each has the installation's own from the start, and tells of it soon
        wait.until(lambda: loaded_keys(node) >= 1, f"{node.base_url} to tell of its key", timeout=SOON)
    before = [loaded_keys(node) for node in nodes]
    account = nodes[0].api().signup()
    vault = account.create_vault()
    assert vault.put("a", "b").status_code == 201
    assert nodes[1].api(account.token).get(vault.path("a")).json()["value"] == "b"
    for node, count in zip(nodes, before):
        wait.until(lambda: loaded_keys(node) == count + 1, f"{node.base_url} to tell of the key", timeout=SOON)
    removed = (account.delete(vault.path()) if how == "the vault"
               else account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}))
    assert removed.status_code == 204
    for node, count in zip(nodes, before):
        wait.until(lambda: loaded_keys(node) == count, f"{node.base_url} to forget the key", timeout=SOON)


def test_a_revoked_key_is_dead_on_the_other_node_with_its_tokens(nodes):
    account = nodes[0].api().signup()
    made = account.post("/v1/auth/api-keys", json={"name": "k"}).json()
    exchanged = nodes[1].api().post("/v1/auth/api-key-token", json={"api_key": made["api_key"]})
    credentials = (made["api_key"], exchanged.json()["access_token"])
    for credential in credentials:
        everywhere(nodes, credential, 200)
    assert account.delete(f"/v1/auth/api-keys/{made['key']['id']}").status_code == 204
    for credential in credentials:
        everywhere(nodes, credential, 401)
    everywhere(nodes, account.token, 200)


def test_a_key_is_dead_on_the_other_node_with_its_owner(nodes):
    account = nodes[0].api().signup()
    key = account.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    everywhere(nodes, key, 200)
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    everywhere(nodes, key, 401)


def agent_with_credentials(nodes):
    account = nodes[0].api().signup()
    made = account.post("/v1/agents", json={"name": "a"}).json()
    token = nodes[1].api().post("/v1/auth/agent-token", json={"api_key": made["api_key"]}).json()["access_token"]
    for credential in (made["api_key"], token):
        everywhere(nodes, credential, 200, "/v1/agents/me")
    return account, made, (made["api_key"], token)


@pytest.mark.parametrize("end", [
    lambda account, path: account.delete(path), lambda account, path: account.patch(path, json={"is_active": False}),
    lambda account, path: account.post(path + "/rotate-key"),
    lambda account, path: account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"})],
    ids=["deactivated", "switched off", "new key", "organisation gone"])
def test_an_agents_credentials_die_on_the_other_node(nodes, end):
    account, made, credentials = agent_with_credentials(nodes)
    assert end(account, f"/v1/agents/{made['agent']['id']}").status_code in (200, 204)
    for credential in credentials:
        everywhere(nodes, credential, 401, "/v1/agents/me")


def test_an_agents_tokens_stay_dead_on_the_other_node_when_it_comes_back(nodes):
    account, made, (key, token) = agent_with_credentials(nodes)
    path = f"/v1/agents/{made['agent']['id']}"
    for node in nodes:
        elsewhere = node.api(account.token)
        assert elsewhere.delete(path).status_code == 204
        assert elsewhere.patch(path, json={"is_active": True}).status_code == 200
        everywhere(nodes, key, 200, "/v1/agents/me")
        everywhere(nodes, token, 401, "/v1/agents/me")
        token = node.api().post("/v1/auth/agent-token", json={"api_key": key}).json()["access_token"]
        everywhere(nodes, token, 200, "/v1/agents/me")


def test_an_agent_is_bound_on_the_other_node(nodes):
    account, made, credentials = agent_with_credentials(nodes)
    own = nodes[0].api(made["api_key"]).post("/v1/vaults", json={"name": "own"}).json()["id"]
    for credential in credentials:
        everywhere(nodes, credential, 200, f"/v1/vaults/{own}")
    bound = account.create_vault().id
    assert account.patch(f"/v1/agents/{made['agent']['id']}", json={"vault_ids": [bound]}).status_code == 200
    for credential in credentials:
        everywhere(nodes, credential, 403, f"/v1/vaults/{own}")


def test_a_policy_counts_on_the_other_node_and_counts_no_more_when_it_is_revoked(nodes):
    account, made, credentials = agent_with_credentials(nodes)
    vault = account.create_vault()
    assert vault.put("db/password", "value").status_code == 201
    path, target = vault.path("db/password"), vault.path() + "/policies"
    key = made["api_key"]
    everywhere(nodes, key, 403, path)  # both know that there is none
    policy = account.post(target, json={"secret_path_pattern": "db/*", "principal_type": "agent",
                                        "principal_id": made["agent"]["id"], "permissions": ["read"]}).json()
    everywhere(nodes, key, 200, path)
    for change, status in (({"permissions": ["write"]}, 403), ({"permissions": ["read"]}, 200),
                           ({"conditions": {"ip_allowlist": ["192.0.2.1"]}}, 403), ({"conditions": {}}, 200)):
        assert account.put(f"{target}/{policy['id']}", json=change).status_code == 200
        assert nodes[0].api(key).get(path).status_code == status  # here at once
        everywhere(nodes, key, status, path)
    assert account.delete(f"{target}/{policy['id']}").status_code == 204
    assert nodes[0].api(key).get(path).status_code == 403
    everywhere(nodes, key, 403, path)
    everywhere(nodes, credentials[1], 403, path)


def test_a_node_that_hears_no_changes_believes_no_policy_from_memory(nodes):
    """Its feed stands still: it asks the database each time, and so never serves by a policy that is gone."""
    account, made, _ = agent_with_credentials(nodes)
    vault = account.create_vault()
    assert vault.put("a", "value").status_code == 201
    target = vault.path() + "/policies"
    policy = account.post(target, json={"secret_path_pattern": "a", "principal_type": "agent",
                                        "principal_id": made["agent"]["id"], "permissions": ["read"]}).json()
    everywhere(nodes, made["api_key"], 200, vault.path("a"))
    nodes[0].psql_owner(f"REVOKE SELECT ON change_log FROM {APP}")
    for node in nodes:
        wait.until(lambda: "change feed lost" in node.log_text(), "the feed to be lost", timeout=20)
    nodes[0].psql_owner(f"DELETE FROM policies WHERE id = '{policy['id']}'")  # and tells nobody
    for node in nodes:
        wait.until(lambda: node.api(made["api_key"]).get(vault.path("a")).status_code == 403, "the refusal", timeout=SOON)
    nodes[0].psql_owner(f"GRANT SELECT ON change_log TO {APP}")


def test_a_secret_of_one_node_is_read_on_the_other(nodes):
    account = nodes[0].api().signup()
    vault = account.create_vault()
    assert vault.put("shared", "first-value").status_code == 201
    elsewhere = nodes[1].api(account.token)
    assert elsewhere.get(vault.path("shared")).json()["value"] == "first-value"
    assert elsewhere.put(vault.path("shared"), json={"value": "second-value"}).status_code in (200, 201)
    assert vault.get("shared").json()["value"] == "second-value"


def test_a_deleted_vault_is_gone_on_the_other_node(nodes):
    account = nodes[0].api().signup()
    vault = account.create_vault()
    assert vault.put("x", "value").status_code == 201
    elsewhere = nodes[1].api(account.token)
    assert elsewhere.get(vault.path("x")).status_code == 200
    assert account.delete(vault.path()).status_code == 204
    assert elsewhere.get(vault.path("x")).status_code == 404


def test_both_link_one_audit_log(nodes):
    account = nodes[0].api().signup()
    elsewhere = nodes[1].api(account.token)
    for client in (account, elsewhere) * 5:
        assert client.get("/v1/vaults").status_code == 200

    def linked():
        rows = nodes[0].psql_owner(
            "SELECT sequence, prev_event_id, event_id FROM audit_links"
            f" WHERE org_id = '{account.me()['org_id']}' ORDER BY sequence")
        return rows if len(rows) >= 11 else None

    rows = wait.until(linked, "the records to be linked")
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert all(later[1] == earlier[2] for earlier, later in zip(rows, rows[1:]))


def test_a_challenge_of_one_node_is_redeemed_on_the_other_once(nodes):
    factor = Factor(nodes[0].api().signup(), nodes[0])
    mfa_token = factor.challenge(api=nodes[0].api())
    assert factor.verify(factor.code(), mfa_token, nodes[1].api()).status_code == 200
    assert factor.verify(factor.code(), mfa_token, nodes[0].api()).status_code == 401


def test_a_code_counts_once_on_both_nodes_together(nodes):
    factor = Factor(nodes[0].api().signup(), nodes[0])
    for code in (factor.code(), factor.recovery_codes[0]):
        challenges = [factor.challenge(api=node.api()) for node in nodes * 4]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda node, token: factor.verify(code, token, node.api()).status_code,
                                    nodes * 4, challenges))
        assert sorted(answers) == [200] + [401] * 7


def test_wrong_codes_are_counted_on_both_nodes_together(nodes):
    factor = Factor(nodes[0].api().signup(), nodes[0])
    mfa_token = factor.challenge()
    for node in (*nodes, *nodes, nodes[0]):
        assert factor.verify("wrong", mfa_token, node.api()).status_code == 401
    assert factor.verify(factor.code(), mfa_token, nodes[1].api()).status_code == 401
    # Over several challenges: ten codes of six digits.
    for node in nodes * 5:
        assert factor.verify(factor.wrong_code(), factor.challenge(api=node.api()), node.api()).status_code == 401
    assert factor.verify(factor.code(), api=nodes[1].api()).status_code == 429


def test_a_device_login_of_one_node_is_approved_and_redeemed_on_the_other_once(nodes):
    account = nodes[0].api().signup()
    login = Login(nodes[0].api(), nodes[0])
    assert approve(nodes[1].api(account.token), login).status_code == 200
    login.rewind(100)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda node: login.poll(node.api(), patient=False), nodes * 4))
    assert sum("access_token" in answer for answer in answers) == 1, answers


def test_a_stolen_refresh_token_kills_access_tokens_on_the_other_node(nodes):
    account = nodes[0].api().signup()
    first = Login(nodes[0].api(), nodes[0]).tokens(account)
    second = refresh(nodes[1].api(), first["refresh_token"])
    third = refresh(nodes[0].api(), second["refresh_token"])
    everywhere(nodes, third["access_token"], 200)
    assert refresh(nodes[1].api(), first["refresh_token"]) == {"error": "invalid_grant"}
    for tokens in (first, second, third):
        everywhere(nodes, tokens["access_token"], 401)
    everywhere(nodes, account.token, 200)


def test_of_exchanges_of_one_token_on_both_nodes_no_two_live(nodes):
    account = nodes[0].api().signup()
    tokens = Login(nodes[0].api(), nodes[0]).tokens(account)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda node: refresh(node.api(), tokens["refresh_token"]), nodes * 3))
    given = [answer["refresh_token"] for answer in answers if "refresh_token" in answer]
    assert sum("access_token" in refresh(nodes[0].api(), token) for token in given) <= 1


def test_an_ip_rule_holds_on_the_other_node(own_installation):
    first, second = [own_installation.daemon(f"proxied-{name}", http__trusted_proxies="127.0.0.1") for name in ("a", "b")]
    owner = first.api().signup()
    office, home = ({"X-Forwarded-For": address} for address in ("203.0.113.9", "198.51.100.7"))

    def answers(node, status):
        wait.until(lambda: node.api(owner.token).get("/v1/vaults", headers=home).status_code == status,
                   f"{node.base_url} to answer {status}", timeout=SOON)

    answers(first, 200)
    answers(second, 200)
    made = owner.post("/v1/security/ip-rules", json={"rule_type": "deny", "cidr": "198.51.100.0/24"}, headers=office)
    assert made.status_code == 201
    assert owner.get("/v1/vaults", headers=home).status_code == 403
    answers(second, 403)
    removed = second.api(owner.token).delete(f"/v1/security/ip-rules/{made.json()['id']}", headers=office)
    assert removed.status_code == 204
    answers(second, 200)
    answers(first, 200)
    for node in (first, second):
        node.kill9()


def test_who_is_removed_is_nobody_on_the_other_node(nodes):
    owner, colleague = nodes[0].api().signup(), nodes[0].api().signup()
    member = join(nodes[0], colleague, owner)
    key = member.post("/v1/auth/api-keys", json={"name": "key"}).json()["api_key"]
    for credential in (member.token, key):
        wait.until(lambda: nodes[1].api(credential).get("/v1/vaults").status_code == 200, "the second node to serve")
    assert owner.delete(f"/v1/org/members/{member.get('/v1/auth/me').json()['id']}").status_code == 204
    for credential in (member.token, key):
        wait.until(lambda: nodes[1].api(credential).get("/v1/vaults").status_code == 401,
                   "the second node to refuse", timeout=SOON)


def test_another_role_holds_on_the_other_node(nodes):
    owner, colleague = nodes[0].api().signup(), nodes[0].api().signup()
    member = join(nodes[0], colleague, owner, "admin")
    user = member.get("/v1/auth/me").json()["id"]

    def answers(status):
        # There is no such rule; only who may remove rules is told so.
        rule = f"/v1/security/ip-rules/{user}"
        wait.until(lambda: nodes[1].api(member.token).delete(rule).status_code == status,
                   f"the second node to answer {status}", timeout=SOON)

    answers(404)
    assert owner.patch(f"/v1/org/members/{user}", json={"role": "member"}).status_code == 200
    answers(403)
