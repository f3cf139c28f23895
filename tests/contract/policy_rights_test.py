"""What policies do to vaults and secrets."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
from support import wait
from support.audit import events
from support.rights import DENIED, EVERYTHING, Agent, grant, listed, make_vault, may, of


# -- what policies do

def test_a_policy_opens_what_it_matches_to_whom_it_names(filled, agent, colleague):
    other = Agent(filled.account, "other")
    grant(filled, agent, "db/*")
    grant(filled, colleague.id, "tls/**", ["read"])
    for client in agent.clients():
        assert client.get(filled.path("db/password")).json()["value"] == "value of db/password"
        for path in ("db/a/b", "tls/key", "app", "db"):
            assert not may(client, filled, "GET", path)
        assert not may(client, filled, "PUT", "db/password") and not may(client, filled, "DELETE", "db/password")
        assert listed(client, filled) == ["db/password"]
    assert colleague.get(filled.path("tls/key")).json()["value"] == "value of tls/key"
    assert listed(colleague, filled) == ["tls/key"]
    assert not may(colleague, filled, "GET", "db/password")
    for client in other.clients():
        assert not may(client, filled, "GET", "db/password")


@pytest.mark.parametrize("permission,allowed", [("read", {"GET"}), ("write", {"PUT", "DELETE"}), ("delete", {"DELETE"})])
def test_no_permission_implies_another_but_who_may_write_may_delete(filled, agent, permission, allowed):
    grant(filled, agent, "db/*", [permission])
    for client in agent.clients():
        filled.put("db/password", "v")
        assert {method for method in ("GET", "PUT", "DELETE") if may(client, filled, method, "db/password")} == allowed
        assert listed(client, filled) == (["db/password"] if "GET" in allowed and permission == "read" else [])


def test_whether_a_path_exists_does_not_show_without_permission(filled, agent):
    grant(filled, agent, "app")
    for path in ("db/password", "no/such/path"):
        refused = agent.key.get(filled.path(path))
        assert refused.status_code == 403 and refused.json()["detail"] == DENIED
    assert agent.key.get(filled.path("app")).status_code == 200
    grant(filled, agent, "no/**")
    assert agent.key.get(filled.path("no/such/path")).status_code == 404


def test_other_forms_of_a_path_open_nothing(filled, agent):
    grant(filled, agent, "app")
    base = filled.path() + "/secrets/"
    for form in ("app/", "app//", "%2e/app", "x/%2e%2e/app", "app%2F", "APP", "*", "**", "a*", "app%00", "app%2e", "/app"):
        response = agent.key.get(base + form, raw=True)
        assert response.status_code in (400, 403, 404), form
    for client in agent.clients():
        for prefix in ("app", "app/", "", "db", "db/", "tls/", "*"):
            assert listed(client, filled, prefix=prefix) == (["app"] if prefix in ("app", "") else []), prefix


def test_one_path_has_one_form_however_it_is_written(filled, agent):
    grant(filled, agent, "db/password")
    base = filled.path() + "/secrets/"
    for form in ("db/password", "db%2Fpassword", "%64b/password"):
        assert agent.key.get(base + form).json()["value"] == "value of db/password", form


def test_a_list_shows_what_may_be_read_and_nothing_more(filled, agent, colleague):
    assert agent.key.get(filled.path() + "/secrets").status_code == 403
    assert listed(colleague, filled) == []
    grant(filled, agent, "db/**", ["write"])
    assert listed(agent.key, filled) == []
    grant(filled, agent, "*/key")
    grant(filled, agent, "app")
    assert listed(agent.key, filled) == ["app", "tls/key"]
    seen, target = [], filled.path() + "/secrets?limit=1"
    while target:
        response = agent.key.get(target)
        seen += [secret["path"] for secret in response.json()["secrets"]]
        target = response.links.get("next", {}).get("url")
        assert target is None or "password" not in target
    assert seen == ["app", "tls/key"]


def test_agents_see_the_vaults_in_which_they_have_a_policy(account, filled, agent):
    account.create_vault()
    own = make_vault(agent.key).body
    assert agent.key.get("/v1/vaults").json()["vaults"] == [own]
    policy = grant(filled, agent, "nothing/here", ["write"])
    for client in agent.clients():
        assert client.get("/v1/vaults").json()["vaults"] == [filled.body, own]
        assert client.get(filled.path()).json() == filled.body
    assert account.patch(f"/v1/agents/{agent.id}", json={"vault_ids": [own["id"]]}).status_code == 200
    assert agent.key.get("/v1/vaults").json()["vaults"] == [own]
    assert agent.key.get(filled.path()).status_code == 403
    assert account.patch(f"/v1/agents/{agent.id}", json={"vault_ids": []}).status_code == 200
    assert account.delete(of(filled, policy)).status_code == 204
    assert agent.key.get("/v1/vaults").json()["vaults"] == [own]


def test_a_policy_does_not_let_one_delete_the_vault(filled, agent, colleague):
    grant(filled, agent, permissions=EVERYTHING)
    grant(filled, colleague.id, permissions=EVERYTHING)
    for client in (*agent.clients(), colleague):
        assert client.delete(filled.path()).status_code == 403


def test_bound_to_other_vaults_an_agent_has_no_use_of_its_policies(account, filled, agent):
    grant(filled, agent)
    token = agent.exchange()
    elsewhere = account.create_vault()
    assert account.patch(f"/v1/agents/{agent.id}", json={"vault_ids": [elsewhere.id]}).status_code == 200
    for client in (agent.key, token):
        assert not may(client, filled, "GET", "app")


def test_ids_are_never_patterns_and_names_never_ids(account, filled):
    """Characters of patterns in what people name have no meaning."""
    star = Agent(account, "**")
    slash = Agent(account, "../*")
    grant(filled, star, "app")
    assert may(star.key, filled, "GET", "app") and not may(star.key, filled, "GET", "tls/key")
    assert not may(slash.key, filled, "GET", "app")


# -- conditions

def test_an_address_that_is_not_on_the_list_is_refused(filled, agent):
    grant(filled, agent, conditions={"ip_allowlist": ["127.0.0.0/31", "2001:db8::/32"]})
    assert may(agent.key, filled, "GET", "app")
    elsewhere = agent.key.from_address("127.0.0.2")
    assert elsewhere.get(filled.path("app"), token=agent.key.token).status_code == 403
    assert elsewhere.get(filled.path() + "/secrets", token=agent.key.token).json() == {"secrets": []}


def test_a_window_that_is_not_open_is_closed(filled, agent):
    hour = datetime.now(timezone.utc).hour
    policy = grant(filled, agent, conditions={"time_window": {"start_hour": (hour + 2) % 24, "end_hour": (hour + 3) % 24}})
    assert not may(agent.key, filled, "GET", "app")
    window = {"start_hour": (hour + 23) % 24, "end_hour": (hour + 3) % 24}
    assert filled.account.put(of(filled, policy), json={"conditions": {"time_window": window}}).status_code == 200
    assert may(agent.key, filled, "GET", "app")


def test_any_one_policy_is_enough(filled, agent):
    grant(filled, agent, conditions={"ip_allowlist": ["192.0.2.1"]})
    assert not may(agent.key, filled, "GET", "app")
    grant(filled, agent, "a*")
    assert may(agent.key, filled, "GET", "app")


def test_a_denied_read_is_audited_with_its_reason(account, filled, agent):
    agent.key.get(filled.path("db/password"))
    record = wait.until(lambda: next((one for one in events(account, action="secret.read") if one["details"]["outcome"] == "denied"),
                                     None), "the record")
    assert record["actor_id"] == agent.id
    assert (record["details"]["path"], record["details"]["reason"]) == ("db/password", "no_policy")


def test_reads_by_policy_that_come_together_are_answered_alike(filled, agent, colleague):
    """Many at once, of all kinds of callers: each gets what it gets alone."""
    grant(filled, agent, "db/*")
    grant(filled, colleague.id, "app")
    wanted = [(agent.key, "db/password", 200), (agent.key, "app", 403), (colleague, "app", 200),
              (colleague, "db/password", 403), (filled.account, "tls/key", 200)]

    def read(number):
        client, path, status = wanted[number % len(wanted)]
        response = client.with_token(client.token).get(filled.path(path))
        return response.status_code == status and (status != 200 or response.json()["value"] == f"value of {path}")
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(read, range(200)))
