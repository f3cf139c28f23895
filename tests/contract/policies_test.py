"""createPolicy, listPolicies, updatePolicy, deletePolicy, and what policies do to vaults and secrets."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from support import people, wait
from support.api import Vault

ABSENT = "01950000-0000-7000-8000-000000000000"
DENIED = "Insufficient permissions"
EVERYTHING = ["read", "write", "delete"]


def moment(**offset):
    return (datetime.now(timezone.utc) + timedelta(**offset)).isoformat().replace("+00:00", "Z")


class Agent:
    """An agent of an account's organisation: `key` is a client with its key."""

    def __init__(self, account, name="agent", **members):
        response = account.post("/v1/agents", json={"name": name, **members})
        assert response.status_code == 201, response.text
        self.id = response.json()["agent"]["id"]
        self.key = account.with_token(response.json()["api_key"])

    def exchange(self):
        """A client with a token of now."""
        response = self.key.anonymous().post("/v1/auth/agent-token", json={"api_key": self.key.token})
        assert response.status_code == 200, response.text
        return self.key.with_token(response.json()["access_token"])

    def clients(self):
        return [self.key, self.exchange()]


def make_vault(client):
    response = client.post("/v1/vaults", json={"name": f"vault-{uuid.uuid4()}"})
    assert response.status_code == 201, response.text
    return Vault(client, response.json())


def scopes_of(client):
    part = client.token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["scopes"]


def body_for(principal, pattern="**", permissions=("read",), **members):
    kind, principal_id = ("agent", principal.id) if isinstance(principal, Agent) else ("user", principal)
    return {"secret_path_pattern": pattern, "principal_type": kind, "principal_id": principal_id,
            "permissions": list(permissions), **members}


def grant(vault, principal, pattern="**", permissions=("read",), by=None, **members):
    client = by or vault.account
    response = client.post(vault.path() + "/policies", json=body_for(principal, pattern, permissions, **members))
    assert response.status_code == 201, response.text
    return response.json()


def of(vault, policy):
    return f"{vault.path()}/policies/{policy['id']}"


def policies_of(vault, client=None):
    return (client or vault.account).get(vault.path() + "/policies").json()["policies"]


def listed(client, vault, **params):
    response = client.get(vault.path() + "/secrets", params=params)
    assert response.status_code == 200, response.text
    return [secret["path"] for secret in response.json()["secrets"]]


def may(client, vault, method, path):
    """Whether the answer is anything but the refusal of an absent permission."""
    body = {"value": "new"} if method == "PUT" else None
    response = client.request(method, vault.path(path), json=body)
    if response.status_code == 403:
        assert response.json()["detail"] == DENIED
    return response.status_code != 403


def events(account, **filters):
    return account.get("/v1/audit/events", params=filters).json()["events"]


@pytest.fixture
def agent(account):
    return Agent(account)


@pytest.fixture
def colleague(daemon, account, other_account):
    """A plain member of the same organisation; `id` is theirs."""
    client = people.join(daemon, other_account, account)
    client.id = client.get("/v1/auth/me").json()["id"]
    return client


@pytest.fixture
def filled(vault):
    for path in ("db/password", "db/a/b", "tls/key", "app"):
        assert vault.put(path, f"value of {path}").status_code == 201
    return vault


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


# -- scopes

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
