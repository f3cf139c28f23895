"""A share reads in the name of who shares; and what the database and the log hold of it."""

import json

import pytest
from support import wait
from support.audit import events
from support.rights import Agent, grant, of
from support.sharing import LINK, VALUE, accept, ask, open_share, outbound, share, targeted, time_in


# -- what becomes of the secret, and of who shares

def test_a_deleted_secret_does_not_open_until_it_is_written_again(api, vault, link):
    vault.delete_secret("db/password")
    assert open_share(api, link["id"]).status_code == 410
    vault.put("db/password", "again")
    assert open_share(api, link["id"]).json()["value"] == "again"


def test_a_deleted_vault_takes_its_shares_along(account, api, vault, link):
    assert account.delete(vault.path()).status_code == 204
    assert open_share(api, link["id"]).status_code == 404
    assert outbound(account) == []


def test_an_account_takes_its_shares_along(account, api, secret, link):
    assert account.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert open_share(api, link["id"]).status_code == 404


def test_who_leaves_the_organisation_shares_nothing_any_more(account, colleague, api):
    vault = colleague.post("/v1/vaults", json={"name": "theirs"}).json()["id"]
    secret = colleague.put(f"/v1/vaults/{vault}/secrets/a", json={"value": VALUE}).json()["id"]
    name = share(colleague, secret)["id"]
    assert open_share(api, name).status_code == 200
    assert account.delete(f"/v1/org/members/{colleague.id}").status_code == 204
    assert open_share(api, name).status_code == 404


def test_an_auditor_neither_opens_nor_shares(account, colleague, api, vault, secret):
    them = colleague.id
    grant(vault, colleague.id, "db/**")
    given, taken = share(colleague, secret)["id"], targeted(account, secret, them)
    assert accept(colleague, taken).status_code == 204
    assert account.patch(f"/v1/org/members/{them}", json={"role": "auditor"}).status_code == 200
    assert open_share(colleague, taken).status_code == 403
    assert open_share(api, given).status_code == 410
    assert ask(colleague, secret).status_code == 403


def test_what_an_agent_shares_depends_on_the_agent(account, api):
    agent = Agent(account)
    name = share(agent.key, agent.put_secret())["id"]
    assert open_share(api, name).status_code == 200
    assert account.delete(agent.path).status_code == 204
    gone = open_share(api, name)
    assert (gone.status_code, gone.json()["detail"]) == (410, "The secret is no longer shared")
    assert account.patch(agent.path, json={"is_active": True}).status_code == 200
    assert open_share(api, name).status_code == 200
    bound = account.create_vault().id
    assert account.patch(agent.path, json={"vault_ids": [bound]}).status_code == 200
    assert open_share(api, name).status_code == 410


def test_who_may_read_no_more_shares_no_more(account, api, vault, link, daemon, colleague):
    daemon.psql_owner(f"UPDATE vaults SET created_by = '{colleague.id}' WHERE id = '{vault.id}'")
    assert open_share(api, link["id"]).status_code == 410
    daemon.psql_owner(f"UPDATE vaults SET created_by = '{account.me()['id']}' WHERE id = '{vault.id}'")
    assert open_share(api, link["id"]).json()["access_count"] == 1


def test_a_share_is_as_good_as_its_makers_policy(account, colleague, api, vault, secret):
    policy = grant(vault, colleague.id, "db/**")
    name = share(colleague, secret)["id"]
    assert ask(colleague, vault.put("other", VALUE).json()["id"]).status_code == 403
    assert open_share(api, name).status_code == 200
    assert account.delete(of(vault, policy)).status_code == 204
    gone = open_share(api, name)
    assert (gone.status_code, gone.json()["detail"]) == (410, "The secret is no longer shared")
    grant(vault, colleague.id, "db/**")
    assert open_share(api, name).json()["access_count"] == 2


def test_the_conditions_of_a_policy_hold_where_the_share_is_opened(account, colleague, vault, secret, proxied):
    grant(vault, colleague.id, "db/**", conditions={"ip_allowlist": ["203.0.113.0/24"]})
    office, elsewhere = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.7"}
    client = proxied.api(colleague.token)
    body = {"recipient_type": LINK, "expires_at": time_in(600)}
    made = [client.post(f"/v1/secrets/{secret}/share", json=body, headers=headers) for headers in (elsewhere, office)]
    assert [answer.status_code for answer in made] == [403, 201]
    name = made[1].json()["id"]
    assert open_share(proxied.api(), name, headers=elsewhere).status_code == 410
    assert open_share(proxied.api(), name, headers=office).status_code == 200


def test_an_agent_shares_within_its_scopes(account, api, vault, secret):
    agent = Agent(account, scopes=["db/*"])
    policy = {"secret_path_pattern": "**", "principal_type": "agent", "principal_id": agent.id, "permissions": ["read"]}
    assert account.post(vault.path() + "/policies", json=policy).status_code == 201
    assert ask(agent.key, vault.put("other", VALUE).json()["id"]).status_code == 403
    name = share(agent.key, secret)["id"]
    assert open_share(api, name).status_code == 200
    assert account.patch(agent.path, json={"scopes": ["other/*"]}).status_code == 200
    assert open_share(api, name).status_code == 410


@pytest.mark.parametrize("kind", ["private_key", "ssh_key", "password"])
def test_agents_that_sign_transactions_get_no_keys_by_shares(account, vault, kind):
    agent = Agent(account, intents_api_enabled=True)
    secret = vault.put("key", VALUE, type=kind).json()["id"]
    name = targeted(account, secret, agent.id, "agent")
    assert accept(agent.key, name).status_code == 204
    withheld = kind != "password"
    assert open_share(agent.key, name).status_code == (403 if withheld else 200)
    own = agent.put_secret(type=kind)
    assert ask(agent.key, own).status_code == (403 if withheld else 201)
    assert outbound(account)[0]["access_count"] == (0 if withheld else 1)


# -- what the database and the log hold

def test_the_database_holds_no_link_and_no_passphrase(account, secret, daemon):
    name = share(account, secret, passphrase="open-sesame")["id"]
    rows = str(daemon.psql_owner("SELECT s::text FROM shares s UNION ALL SELECT a::text FROM audit_events a"))
    for text in (name, name.replace("-", ""), "open-sesame"):
        assert text not in rows


CHANGES = {
    "secret": "secret_id = (SELECT id FROM secrets WHERE path = 'other/secret' AND org_id = shares.org_id)",
    "passphrase": "passphrase_hash = ''", "networks": "ip_allowlist = '[]'", "limit": "max_access_count = 0",
    "end": "expires_at = expires_at + interval '1 year'", "kind": "recipient_type = 'anyone_with_link', to_id = NULL",
    "recipient": "to_id = by_user", "sharer": "by_user = to_id"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_was_edited_does_not_open_and_is_not_listed(account, colleague, secret, vault, daemon, change):
    vault.put("other/secret", "another-value")
    name = targeted(account, secret, colleague.id, passphrase="open-sesame", ip_allowlist=["127.0.0.1"],
                    max_access_count=1)
    assert accept(colleague, name).status_code == 204
    daemon.psql_owner(f"UPDATE shares SET {CHANGES[change]} WHERE secret_id = '{secret}'")
    for client in (account, colleague, account.anonymous()):
        response = open_share(client, name, "open-sesame")
        assert response.status_code == 500 and VALUE not in response.text
    statuses = {client.get(f"/v1/shares/{which}").status_code
                for client in (account, colleague) for which in ("outbound", "inbound")}
    assert 500 in statuses and statuses <= {200, 500}


def test_everything_is_in_the_log_of_who_shares(account, colleague, api, other_account, secret):
    them = colleague.id
    name = targeted(account, secret, them)
    link = share(account, secret)["id"]
    open_share(colleague, name)
    accept(colleague, name)
    open_share(colleague, name)
    open_share(api, link)
    account.delete(f"/v1/share/{link}")
    colleague.post(f"/v1/shares/{name}/decline")
    created = wait.until(lambda: events(account, action="share.create"), "the records")
    assert [event["details"]["recipient_type"] for event in created] == [LINK, "user"]
    assert created[1]["details"]["recipient"] == them and created[1]["details"]["path"] == "db/password"
    ids = [event["resource_id"] for event in created]
    accesses = wait.until(lambda: len(events(account, action="share.access")) == 3 and events(account, action="share.access"), "the records")
    assert [(event["actor_type"], event["details"]["outcome"]) for event in accesses] == [
        ("anonymous", "success"), ("user", "success"), ("user", "denied")]
    assert [event["details"]["share"] for event in accesses[:2]] == ids
    assert {event["resource_id"] for event in accesses[:2]} == {secret}
    for action, actor in (("share.accept", them), ("share.decline", them), ("share.revoke", account.me()["id"])):
        recorded = events(account, action=action)
        assert [(event["actor_id"], event["resource_type"]) for event in recorded] == [(actor, "share")]
    log = json.dumps(created + accesses)
    assert name not in log and link not in log
