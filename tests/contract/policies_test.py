"""createPolicy, listPolicies, updatePolicy, deletePolicy."""

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import people, wait
from support.agents import moment
from support.audit import events
from support.rights import DENIED, EVERYTHING, Agent, body_for, grant, listed, make_vault, may, of, policies_of

ABSENT = "01950000-0000-7000-8000-000000000000"


# -- create

def test_a_new_policy_answers_with_what_it_is(account, vault, agent):
    ends = moment(days=1)
    policy = grant(vault, agent, "db/**", ["delete", "read", "read"], expires_at=ends,
                   conditions={"ip_allowlist": ["192.0.2.0/24"]})
    assert uuid.UUID(policy["id"])
    expected = {"vault_id": vault.id, "secret_path_pattern": "db/**", "principal_type": "agent",
                "principal_id": agent.id, "permissions": ["read", "delete"],
                "conditions": {"ip_allowlist": ["192.0.2.0/24"]}, "created_by": account.me()["id"],
                "created_by_type": "user"}
    assert {name: policy[name] for name in expected} == expected
    assert policy["expires_at"][:19] == ends[:19]
    assert policies_of(vault) == [policy]


def test_what_is_not_said_is_empty(vault, agent):
    policy = grant(vault, agent)
    assert policy["conditions"] == {} and "expires_at" not in policy


def test_a_principal_need_not_exist(vault):
    assert grant(vault, str(uuid.uuid4()))["principal_type"] == "user"


@pytest.mark.parametrize("change", [
    {"secret_path_pattern": None}, {"secret_path_pattern": "/a"}, {"secret_path_pattern": "a//b"},
    {"secret_path_pattern": "a.b"}, {"secret_path_pattern": "a**"}, {"secret_path_pattern": "a/" * 32 + "a"},
    {"principal_type": "group"}, {"principal_type": None}, {"principal_id": "*"}, {"principal_id": "user:" + ABSENT},
    {"principal_id": str(uuid.UUID(int=0))}, {"permissions": []}, {"permissions": None}, {"permissions": ["admin"]},
    {"conditions": {"ip_allow_list": ["10.0.0.1"]}}, {"conditions": {"ip_allowlist": ["10.0.0.1/8"]}},
    {"conditions": {"ip_allowlist": []}}, {"conditions": {"time_window": {}}}, {"conditions": []},
    {"conditions": {"time_window": {"after": "8", "before": "18:00"}}},
    {"conditions": {"time_window": {"start_hour": 8, "end_hour": 18, "timezone": "Mars/Olympus"}}},
    {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "soon"}])
def test_a_malformed_policy_is_refused_and_nothing_is_made(vault, agent, change):
    response = vault.account.post(vault.path() + "/policies", json={**body_for(agent), **change})
    assert response.status_code == 400, response.text
    assert policies_of(vault) == []


@pytest.mark.parametrize("conditions", [
    {"time_window": {"after": "22:00", "before": "06:00", "timezone": "Europe/Berlin"}},
    {"time_window": {"start_hour": 8, "end_hour": 18, "days_of_week": [1, 2, 3], "timezone": "America/New_York"}},
    {"ip_allowlist": ["2001:db8::/32", "192.0.2.7"], "time_window": {"days_of_week": [0]}}])
def test_both_forms_of_conditions_are_kept_as_they_are(vault, agent, conditions):
    assert grant(vault, agent, conditions=conditions)["conditions"] == conditions
    assert policies_of(vault)[0]["conditions"] == conditions


def test_a_vault_has_ten_thousand_policies_at_most_also_when_many_come_at_once(daemon, vault, agent):
    policy = grant(vault, agent)
    daemon.psql_owner(
        "INSERT INTO policies SELECT org_id, vault_id, gen_random_uuid(), principal_type, principal_id, 'p' || n, true,"
        " false, false, '{}', NULL, created_by_type, created_by, created_at FROM policies, generate_series(1, 9996) n"
        f" WHERE id = '{policy['id']}'")

    def create(number):
        client = vault.account.with_token(vault.account.token)
        return client.post(vault.path() + "/policies", json=body_for(agent, f"q{number}")).status_code
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(8)))
    assert sorted(statuses) == [201] * 3 + [409] * 5


# -- list

def test_a_list_has_the_vaults_policies_in_order_and_goes_on_at_its_link(vault, agent, account):
    made = [grant(vault, agent, f"p{number}") for number in range(5)]
    grant(account.create_vault(), agent, "elsewhere")
    assert policies_of(vault) == made
    seen, target = [], vault.path() + "/policies?limit=2"
    while target:
        response = account.get(target)
        seen += response.json()["policies"]
        target = response.links.get("next", {}).get("url")
    assert seen == made


@pytest.mark.parametrize("query", ["limit=ten", "after=7"])
def test_malformed_paging_is_refused(vault, query):
    assert vault.account.get(f"{vault.path()}/policies?{query}").status_code == 400


def test_expired_policies_stay_listed(vault, agent):
    policy = grant(vault, agent, expires_at=moment(seconds=1))
    assert may(agent.key, vault, "GET", "a")
    wait.until(lambda: not may(agent.key, vault, "GET", "a"), "the policy to expire", timeout=10)
    assert policies_of(vault) == [policy]
    assert agent.key.get(vault.path()).status_code == 403
    assert agent.key.get("/v1/vaults").json() == {"vaults": []}


# -- update and delete

def test_an_update_changes_what_it_names_and_never_whom_it_is_about(filled, agent):
    policy = grant(filled, agent, "db/*", conditions={"ip_allowlist": ["127.0.0.1"]}, expires_at=moment(days=1))
    changed = filled.account.put(of(filled, policy), json={
        "permissions": ["write"], "secret_path_pattern": "**", "principal_id": ABSENT, "vault_id": ABSENT})
    assert changed.status_code == 200
    assert changed.json() == {**policy, "permissions": ["write"]}
    assert not may(agent.key, filled, "GET", "db/password") and may(agent.key, filled, "PUT", "db/password")
    cleared = filled.account.put(of(filled, policy), json={"expires_at": None, "conditions": {}}).json()
    policy.pop("expires_at")
    assert cleared == {**policy, "permissions": ["write"], "conditions": {}}
    assert policies_of(filled) == [cleared]


@pytest.mark.parametrize("change", [{"permissions": []}, {"conditions": {"x": 1}}, {"expires_at": "2020-01-01T00:00:00Z"},
                                    {"conditions": {"time_window": {"days_of_week": [1], "timezone": "x"}}}])
def test_a_malformed_update_changes_nothing(vault, agent, change):
    policy = grant(vault, agent)
    assert vault.account.put(of(vault, policy), json=change).status_code == 400
    assert policies_of(vault) == [policy]


def test_a_deleted_policy_counts_no_more(filled, agent):
    policy = grant(filled, agent)
    clients = agent.clients()
    assert all(may(client, filled, "GET", "app") for client in clients)
    assert filled.account.delete(of(filled, policy)).status_code == 204
    assert not any(may(client, filled, "GET", "app") for client in clients)
    assert filled.account.delete(of(filled, policy)).status_code == 404
    assert filled.account.put(of(filled, policy), json={}).status_code == 404
    assert policies_of(filled) == []


@pytest.mark.parametrize("which", ["absent", "malformed", "other vault", "other organisation"])
def test_policies_that_are_not_of_the_vault_are_not_found(account, other_account, vault, agent, which):
    elsewhere = account.create_vault()
    foreign = other_account.create_vault()
    ids = {"absent": ABSENT, "malformed": "x", "other vault": grant(elsewhere, agent)["id"],
           "other organisation": grant(foreign, str(uuid.uuid4()))["id"]}
    target = f"{vault.path()}/policies/{ids[which]}"
    for response in (account.put(target, json={"permissions": ["write"]}), account.delete(target)):
        assert response.status_code == 404 and response.json()["detail"] == "Policy not found"
    assert len(policies_of(elsewhere)) == len(policies_of(foreign)) == 1


# -- who manages

def test_owners_and_admins_manage_policies_of_all_vaults_and_members_see_them(daemon, api, account, vault, agent):
    policy = grant(vault, agent)
    for role, allowed in (("owner", True), ("admin", True), ("member", False)):
        person = people.join(daemon, api.signup(), account, role)
        assert policies_of(vault, person)[0] == policy
        made = person.post(vault.path() + "/policies", json=body_for(agent, "x"))
        assert made.status_code == (201 if allowed else 403)
        changed = person.put(of(vault, policy), json={})
        assert changed.status_code == (200 if allowed else 403)
        removed = person.delete(of(vault, made.json() if allowed else policy))
        assert removed.status_code == (204 if allowed else 403)
        assert person.get(vault.path("a")).status_code == 403  # managing is not reading


def test_agents_manage_the_policies_of_their_own_vaults_only(account, vault, agent):
    policy = grant(vault, agent, permissions=EVERYTHING)
    for client in agent.clients():
        for response in (client.post(vault.path() + "/policies", json=body_for(agent)),
                         client.get(vault.path() + "/policies"), client.put(of(vault, policy), json={}),
                         client.delete(of(vault, policy))):
            assert response.status_code == 403 and response.json()["detail"] == DENIED
    own = make_vault(agent.key)
    other = Agent(account, "other")
    made = grant(own, other, "shared/*")
    assert (made["created_by"], made["created_by_type"]) == (agent.id, "agent")
    assert agent.key.put(f"/v1/vaults/{own.id}/policies/{made['id']}", json={"permissions": ["write"]}).status_code == 200
    assert agent.key.delete(f"/v1/vaults/{own.id}/policies/{made['id']}").status_code == 204


def test_the_human_of_an_agent_may_use_what_the_agent_makes(account, agent):
    own = make_vault(agent.key)
    assert own.put("a", "made by the agent").status_code == 201
    policies = policies_of(own, account)
    assert [(one["principal_type"], one["principal_id"], one["secret_path_pattern"], one["permissions"],
             one["created_by_type"], one["created_by"]) for one in policies] == [
                 ("user", account.me()["id"], "**", EVERYTHING, "agent", agent.id)]
    assert account.get(own.path("a")).json()["value"] == "made by the agent"
    assert account.put(own.path("b"), json={"value": "v"}).status_code == 201
    assert account.delete(own.path("a")).status_code == 204
    assert listed(account, own) == ["b"]
    record = events(account, action="policy.create")[0]
    assert (record["actor_id"], record["resource_id"]) == (agent.id, policies[0]["id"])


def test_an_agent_reads_its_identity_keys_once_somebody_lets_it(account, agent):
    other = Agent(account, "other")
    keys = next(one for one in account.get("/v1/vaults").json()["vaults"]
                if one["name"] == "__agent-keys")
    base = f"/v1/vaults/{keys['id']}"
    target = f"{base}/secrets/agents/{agent.id}/ssh/private_key"
    assert agent.key.get(target).status_code == 403
    made = account.post(base + "/policies", json=body_for(agent, f"agents/{agent.id}/**"))
    assert made.status_code == 201
    for client in agent.clients():
        assert len(base64.b64decode(client.get(target).json()["value"])) == 32
        assert client.get(f"{base}/secrets/agents/{other.id}/ssh/private_key").status_code == 403
        assert client.put(target, json={"value": "mine"}).status_code == 403
        assert keys in client.get("/v1/vaults").json()["vaults"]
        assert client.get(base).json() == keys
        assert {path["path"] for path in client.get(base + "/secrets").json()["secrets"]} == {
            f"agents/{agent.id}/ecdh/private_key", f"agents/{agent.id}/ssh/private_key"}
    assert account.delete(base).status_code == 403


# -- who goes

def test_policies_of_who_is_removed_go_with_them(account, filled, colleague):
    agent = Agent(account)
    grant(filled, colleague.id)
    kept = grant(filled, agent)
    assert account.delete(f"/v1/org/members/{colleague.id}").status_code == 204
    assert policies_of(filled) == [kept]


def test_policies_of_a_deleted_account_go_with_it(account, filled, colleague):
    grant(filled, colleague.id)
    kept = grant(filled, str(uuid.uuid4()))
    assert colleague.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert policies_of(filled) == [kept]


def test_policies_go_with_their_vault(daemon, account, filled, agent):
    grant(filled, agent)
    assert account.delete(filled.path()).status_code == 204
    assert daemon.psql_owner(f"SELECT count(*) FROM policies WHERE vault_id = '{filled.id}'")[0][0] == 0
    assert agent.key.get("/v1/vaults").json() == {"vaults": []}


def test_a_foreign_principal_gets_nothing_by_being_named(filled, other_account):
    grant(filled, other_account.me()["id"], permissions=EVERYTHING)
    assert other_account.get(filled.path("app")).status_code == 404
    assert other_account.get("/v1/vaults").json() == {"vaults": []}


# -- audit

def test_every_change_is_audited_and_commits_with_its_record(account, vault, agent):
    policy = grant(vault, agent, "db/*", ["read", "write"], conditions={"ip_allowlist": ["192.0.2.1"]})
    account.put(of(vault, policy), json={"permissions": ["read"]})
    account.delete(of(vault, policy))
    for action, permissions in (("create", "read,write"), ("update", "read"), ("delete", "read")):
        record, = events(account, action=f"policy.{action}", resource_id=policy["id"])
        assert record["details"]["outcome"] == "success" and record["resource_type"] == "policy"
        details = record["details"]
        assert (details["vault_id"], details["pattern"], details["principal"], details["permissions"]) == (
            vault.id, "db/*", f"agent:{agent.id}", permissions)
