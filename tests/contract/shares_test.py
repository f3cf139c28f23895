"""createShare, accessShare, revokeShare and revokeListedShare, listOutboundShares and listInboundShares. Further files: to
whom (share_recipients_test.py), under which conditions (share_conditions_test.py), in whose right (share_rights_test.py)."""

import json
import uuid

import pytest
from support.audit import events
from support.people import join
from support.rights import Agent, grant
from support.sharing import LINK, VALUE, accept, ask, inbound, open_share, outbound, share, targeted, time_in

ABSENT = "4f9a1c52-7f0e-4d1b-9a55-0123456789ab"


# -- open links

def test_a_share_answers_with_its_link(account, secret, daemon):
    until = time_in(600)
    made = ask(account, secret, expires_at=until, max_access_count=3)
    assert made.status_code == 201
    body = made.json()
    assert uuid.UUID(body["id"]).version == 4
    assert body == {"id": body["id"], "share_url": f"{daemon.base_url}/v1/share/{body['id']}",
                    "recipient_type": LINK, "expires_at": until, "max_access_count": 3}


def test_a_link_opens_for_whoever_knows_it_and_counts(api, link):
    for count in (1, 2, 3):
        response = open_share(api, link["id"])
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert response.json() == {"id": link["id"], "path": "db/password", "type": "password", "value": VALUE,
                                   "access_count": count, "max_access_count": 0}


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/json"},
                                     {"Content-Type": "application/json"}], ids=str)
def test_clients_of_the_api_get_json_however_they_ask(api, link, headers):
    response = api.get(f"/v1/share/{link['id'].upper()}", headers=headers)
    assert (response.status_code, response.json()["value"]) == (200, VALUE)


@pytest.mark.parametrize("token", ["", "nonsense", "1ck_" + "A" * 43])
def test_an_open_link_does_not_look_at_credentials(api, link, token):
    assert open_share(api, link["id"], headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_link_follows_the_newest_version(api, account, vault, secret, link):
    vault.put("db/password", "newer", type="note")
    body = open_share(api, link["id"]).json()
    assert (body["value"], body["type"]) == ("newer", "note")


def test_a_value_that_is_not_text_says_how_it_is_written(api, account, vault):
    put = vault.put("key", "AAEC", metadata={"claviger_encoding": "base64", "note": "private"})
    body = open_share(api, share(account, put.json()["id"])["id"]).json()
    assert body["claviger_encoding"] == "base64" and "private" not in json.dumps(body)


@pytest.mark.parametrize("name", [ABSENT, "00000000-0000-0000-0000-000000000000", "no-uuid", "a" * 36, "x" * 500])
def test_what_is_no_share(api, account, name):
    for response in (open_share(api, name), account.delete(f"/v1/share/{name}"), account.delete(f"/v1/shares/{name}"),
                     accept(account, name), account.post(f"/v1/shares/{name}/decline")):
        assert (response.status_code, response.json()["detail"]) == (404, "Share not found")


def test_a_head_opens_nothing(api, account, link):
    refused = api.request("HEAD", f"/v1/share/{link['id']}", raw=True)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, POST, DELETE")
    assert outbound(account)[0]["access_count"] == 0


# -- create

@pytest.mark.parametrize("members", [
    {"recipient_type": "everybody"}, {"recipient_type": None}, {"recipient_type": 7}, {"recipient_type": ""},
    {"recipient_type": "user"}, {"recipient_type": "agent", "recipient_id": "x"},
    {"recipient_type": "user", "recipient_id": None}, {"recipient_type": "external_email"},
    {"recipient_type": "external_email", "email": "nobody"}, {"recipient_type": "external_email", "email": "ä@example.org"},
    {"recipient_type": "creator"},
    {"expires_at": None}, {"expires_at": "tomorrow"}, {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "2126-01-01T00:00:00Z"}, {"expires_at": 1900000000},
    {"max_access_count": -1}, {"max_access_count": 2**31}, {"max_access_count": "2"}, {"max_access_count": 1.5},
    {"permissions": "read"}, {"permissions": [1]},
    {"passphrase": ""}, {"passphrase": " x"}, {"passphrase": "x "}, {"passphrase": "a\nb"}, {"passphrase": "a\u0000b"},
    {"passphrase": "x" * 1025}, {"passphrase": 7},
    {"ip_allowlist": "10.0.0.0/8"}, {"ip_allowlist": ["office"]}, {"ip_allowlist": ["10.0.0.1/8"]},
    {"ip_allowlist": [""]}, {"ip_allowlist": ["192.0.2.1"] * 65}], ids=lambda members: json.dumps(members)[:60])
def test_what_cannot_be_shared_so(account, secret, members):
    assert ask(account, secret, **members).status_code == 400
    assert outbound(account) == []


@pytest.mark.parametrize("body", ["", "{", "[]", '{"recipient_type": "anyone_with_link"}'])
def test_a_body_that_says_too_little(account, secret, body):
    assert account.request("POST", f"/v1/secrets/{secret}/share", data=body).status_code == 400


@pytest.mark.parametrize("members", [
    {"permissions": ["read"]}, {"permissions": []}, {"max_access_count": 0}, {"max_access_count": 2**31 - 1},
    {"ip_allowlist": []}, {"ip_allowlist": None}, {"passphrase": None}, {"passphrase": "Größe 🔑"}, {"recipient_id": ABSENT},
    {"unknown": True}], ids=lambda members: json.dumps(members)[:60])
def test_what_can(account, secret, members):
    made = share(account, secret, **members)
    assert made["max_access_count"] == (members.get("max_access_count") or 0)


@pytest.mark.parametrize("name", [ABSENT, "no-uuid", "01950000-0000-7000-8000-000000000000"])
def test_an_unknown_secret_is_not_shared(account, name):
    response = ask(account, name)
    assert (response.status_code, response.json()["detail"]) == (404, "Secret not found")


def test_a_secret_of_others_is_unknown(other_account, secret):
    assert ask(other_account, secret).status_code == 404


def test_only_who_may_read_may_share(colleague, account, secret):
    assert ask(colleague, secret).status_code == 403
    assert ask(Agent(account).key, secret).status_code == 403
    assert account.anonymous().post(f"/v1/secrets/{secret}/share", json={}).status_code == 401


def test_a_deleted_secret_is_not_shared(account, vault, secret):
    vault.delete_secret("db/password")
    assert ask(account, secret).status_code == 410


def test_sharing_counts_no_access_of_the_secret(account, vault, api):
    secret = vault.put("once", VALUE, max_access_count=1).json()["id"]
    made = share(account, secret)
    assert open_share(api, made["id"]).status_code == 200
    assert ask(account, secret).status_code == 410


@pytest.mark.parametrize("kind", ["user", "agent"])
def test_an_unknown_recipient(account, other_account, secret, kind):
    stranger = other_account.me()["id"] if kind == "user" else Agent(other_account).id
    for recipient in (ABSENT, stranger):
        response = ask(account, secret, kind, recipient_id=recipient)
        assert (response.status_code, response.json()["detail"]) == (404, "Recipient not found")


def test_an_organisation_makes_ten_a_minute(installation):
    node = installation.daemon("few-shares", limits__shares_per_minute=10)
    account = node.api().signup()
    secret = account.create_vault().put("a", VALUE).json()["id"]
    assert ask(account, secret, "user", recipient_id=ABSENT).status_code == 404  # what fails is given back
    answers = [ask(account, secret) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 6
    other = node.api().signup()
    assert ask(other, other.create_vault().put("a", VALUE).json()["id"]).status_code == 201
    assert node.stop() == 0


# -- revoke

@pytest.mark.parametrize("route", ["/v1/share/", "/v1/shares/"])
def test_who_shares_revokes(account, colleague, api, secret, route):
    name = share(account, secret)["id"]
    assert account.anonymous().delete(route + name).status_code == 401
    assert colleague.delete(route + name).status_code == 403
    assert account.delete(route + name).status_code == 204
    assert open_share(api, name).status_code == 404
    assert account.delete(route + name).status_code == 404
    assert outbound(account) == []


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_who_manages_the_organisation_ends_its_shares_as_the_log_names_them(daemon, api, account, colleague, vault, secret, role):
    grant(vault, colleague.id)
    by_person, by_agent = share(colleague, secret), share((agent := Agent(account)).key, agent.put_secret())
    manager = join(daemon, api.signup(), account, role)
    assert outbound(manager) == []
    rows = {event["actor_id"]: event["resource_id"] for event in events(account, action="share.create")}
    for made, maker in ((by_person, f"user:{colleague.id}"), (by_agent, f"agent:{agent.id}")):
        row = rows[maker.partition(":")[2]]
        assert row != made["id"] and open_share(manager, row).status_code == 404, "it is no link"
        assert manager.delete(f"/v1/share/{row}").status_code == 204
        assert open_share(api, made["id"]).status_code == 404
        assert manager.delete(f"/v1/share/{row}").status_code == 404
        revoked = events(account, action="share.revoke", resource_id=row)[-1]
        assert (revoked["actor_id"], revoked["details"]["shared_by"]) == (manager.me()["id"], maker)


def test_nobody_else_ends_a_share_by_its_name_in_the_log(account, api, colleague, other_account, secret, link):
    row, = (event["resource_id"] for event in events(account, action="share.create"))
    for client in (colleague, other_account, Agent(account).key):
        assert client.delete(f"/v1/share/{row}").status_code == 404
        assert client.delete(f"/v1/shares/{row}").status_code == 404
    assert open_share(api, link["id"]).status_code == 200


def test_an_owner_elsewhere_ends_nothing(other_account, api, link):
    assert other_account.delete(f"/v1/share/{link['id']}").status_code == 403
    assert open_share(api, link["id"]).status_code == 200


# -- lists

def test_lists_show_each_side_its_shares(account, colleague, other_account, secret):
    me, them = account.me()["id"], colleague.id
    first = share(account, secret, max_access_count=2, passphrase="open-sesame")
    second = targeted(account, secret, them)
    listed = outbound(account)
    for item in listed:
        assert item.pop("created_at").endswith("Z") and item.pop("expires_at").endswith("Z")
    common = {"secret_path": "db/password", "created_by": f"user:{me}", "access_count": 0, "is_expired": False}
    assert listed == [
        {"id": first["id"], "recipient_type": LINK, "max_access_count": 2, "is_accepted": True, "has_passphrase": True} | common,
        {"id": second, "recipient_type": "user", "recipient_id": them, "max_access_count": 0, "is_accepted": False,
         "has_passphrase": False} | common]
    assert [item["id"] for item in inbound(colleague)] == [second]
    assert accept(colleague, second).status_code == 204
    assert inbound(colleague)[0]["is_accepted"]
    assert outbound(colleague) == inbound(account) == inbound(other_account) == outbound(other_account) == []


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_a_long_list_comes_in_pages(account, secret, direction):
    me = account.me()["id"]
    made = [targeted(account, secret, me) for _ in range(5)]
    seen, target = [], f"/v1/shares/{direction}?limit=2"
    while target:
        response = account.get(target)
        assert len(response.json()["shares"]) <= 2
        seen += [item["id"] for item in response.json()["shares"]]
        target = response.links.get("next", {}).get("url")
    assert seen == made
    for query in ("limit=x", "after=7"):
        assert account.get(f"/v1/shares/{direction}?{query}").status_code == 400
    assert account.anonymous().get(f"/v1/shares/{direction}").status_code == 401


def test_an_organisation_has_so_many_shares_at_most(account, api, secret, daemon):
    link = share(account, secret)
    daemon.psql_owner(
        "INSERT INTO shares (org_id, id, secret_id, by_user, recipient_type, passphrase_hash, ip_allowlist, created_at,"
        " expires_at, max_access_count, lookup) SELECT org_id, gen_random_uuid(), secret_id, by_user, recipient_type, '',"
        " '[]', created_at, expires_at, 0, sha256(n::text::bytea) FROM shares, generate_series(1, 9999) n"
        f" WHERE secret_id = '{secret}'")
    assert ask(account, secret).status_code == 409
    assert account.delete(f"/v1/share/{link['id']}").status_code == 204
    assert ask(account, secret).status_code == 201


def test_what_ended_long_ago_is_removed(account, secret, daemon):
    name = share(account, secret)["id"]
    daemon.psql_owner("UPDATE shares SET created_at = created_at - interval '9 days', expires_at = now() - interval '8 days'"
                      f" WHERE secret_id = '{secret}'")
    share(account, secret)
    assert daemon.psql_owner(f"SELECT count(*) FROM shares WHERE secret_id = '{secret}'") == [(1,)]
    assert name not in [item["id"] for item in outbound(account)]
