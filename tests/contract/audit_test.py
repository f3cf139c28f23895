"""queryAuditEvents, getAuditKeySet: what stands in the log, and who may read it. Exports have a file of their own."""

import re
import secrets
import unicodedata
import uuid
from urllib.parse import quote

import pytest
from support import routes
from support.audit import events, linked, pages
from support.people import join


def actions(account, **filters):
    return [event["action"] for event in events(account, **filters)]


# Events

def test_what_a_person_did_is_listed_newest_first(account):
    vault = account.create_vault()
    vault.put("db/password", "value")
    assert vault.get("db/password").status_code == 200
    assert actions(account)[:3] == ["secret.read", "secret.write", "vault.create"]
    read = events(account, action="secret.read")[0]
    me = account.me()
    assert (read["actor_type"], read["actor_id"], read["org_id"]) == ("user", me["id"], me["org_id"])
    assert read["resource_type"] == "secret"
    assert uuid.UUID(read["resource_id"])
    assert read["details"]["outcome"] == "success"
    assert read["details"]["operation"] == "getSecret"
    assert (read["details"]["vault_id"], read["details"]["path"]) == (vault.id, "db/password")
    assert read["ip_address"] == "127.0.0.1"


def test_an_event_carries_the_request_id_of_its_answer(account):
    request_id = account.get("/v1/vaults").headers["X-Request-Id"]
    assert [e["action"] for e in events(account) if e["details"]["request_id"] == request_id] == ["vault.list"]


def test_refusals_and_failures_are_listed_too(account, other_account):
    foreign = other_account.create_vault()
    assert account.get(foreign.path()).status_code == 404
    failed = events(account, action="vault.read")[0]
    assert failed["details"]["outcome"] == "failed"
    assert account.post("/v1/auth/change-password", json={
        "current_password": "Wrong-Password-1!", "new_password": "New-Password-9182!"}).status_code == 401
    assert events(account, action="auth.password_change")[0]["details"]["outcome"] == "denied"


def test_reading_the_log_is_itself_an_event(account):
    events(account)
    assert actions(account)[0] == "audit.read"


def test_filters_select_and_combine(account):
    vault = account.create_vault()
    vault.put("a/b", "value")
    vault.put("a/c", "value")
    secret = events(account, resource_id="a/b")[0]["resource_id"]
    assert {e["details"]["path"] for e in events(account, resource_id=secret)} == {"a/b"}
    assert actions(account, resource_id="a/c") == ["secret.write"]
    assert set(actions(account, action="secret.write")) == {"secret.write"}
    assert len(actions(account, action="secret.write", resource_id=secret)) == 1
    assert actions(account, action="no.such") == []
    me = account.me()["id"]
    assert {e["actor_id"] for e in events(account, actor_id=me.upper())} == {me}
    assert events(account, actor_id=str(uuid.uuid4())) == []


def test_outcome_and_type_of_resource_select(account):
    vault = account.create_vault()
    assert vault.get("absent").status_code == 404
    assert actions(account, outcome="failed") == ["secret.read"]
    assert "secret.read" not in actions(account, outcome="success")
    assert actions(account, resource_type="vault", outcome="success") == ["vault.create"]
    assert actions(account, resource_type="vault", outcome="denied") == []


def test_what_was_not_done_says_why(account, other_account, vault):
    assert vault.get("absent").status_code == 404
    assert events(account, action="secret.read")[0]["details"]["reason"] == "Secret not found"
    assert account.post("/v1/auth/change-password", json={
        "current_password": "Wrong-Password-1!", "new_password": "New-Password-9182!"}).status_code == 401
    for event in events(account):
        assert ("reason" in event["details"]) == (event["details"]["outcome"] != "success")


def test_pages_by_event_join_whatever_happens_meanwhile(account):
    for _ in range(7):
        account.get("/v1/vaults")
    whole = [event["id"] for event in events(account)]
    page = events(account, limit=3)
    found = [event["id"] for event in page]
    while page:
        page = events(account, limit=3, before=found[-1])
        found += [event["id"] for event in page]
    assert found[1:] == whole and len(found) == len(whole) + 1
    # Together with a period and further filters.
    listed = [event["id"] for event in events(account, action="vault.list")]
    assert [event["id"] for event in events(account, action="vault.list", before=listed[2])] == listed[3:]
    oldest = events(account)[-1]
    assert events(account, to=oldest["created_at"], before=listed[0]) == [oldest]


def test_a_query_is_recorded_with_its_filters(account):
    asked = {"resource_type": "secret", "resource_id": "db/'x\"", "actor_id": account.me()["id"], "action": "secret.read",
             "outcome": "denied", "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T02:00:00+02:00", "offset": 3,
             "before": str(uuid.uuid4())}
    events(account, **asked)
    details = events(account, action="audit.read")[0]["details"]
    assert details["by_resource_id"] == asked["resource_id"] and details["by_outcome"] == "denied"
    assert details["from"] == "2026-01-01T00:00:00.000000Z" and details["to"] == "2026-02-01T00:00:00.000000Z"
    assert (details["by_action"], details["by_resource_type"]) == ("secret.read", "secret")
    assert (details["by_actor_id"], details["before"], details["offset"]) == (asked["actor_id"], asked["before"], 3)
    # Nobody can make the record of a query look like one on a secret.
    assert "path" not in details
    assert events(account, resource_id=asked["resource_id"]) == []


# Auditors
def me_of(client):
    return client.get("/v1/auth/me").json()


@pytest.fixture
def auditor(daemon, account):
    return join(daemon, daemon.api().signup(), account, "auditor")


def test_an_auditor_reads_the_whole_log_of_the_organisation_and_no_other(account, auditor, other_account):
    account.create_vault()
    assert "vault.create" in actions(auditor)
    assert {event["org_id"] for event in events(auditor, limit=1000)} == {account.me()["org_id"]}
    linked(auditor, events(auditor)[0]["id"])
    assert auditor.get("/v1/audit/checkpoints").json()["count"] > 0
    assert auditor.get("/v1/audit/export").json()["count"] > 0
    assert me_of(auditor)["role"] == "auditor"
    reading = events(account, action="audit.export")[0]
    assert reading["actor_id"] == me_of(auditor)["id"]


# Where an auditor may be.
OPEN_TO_AUDITORS = {
    "queryAuditEvents", "exportAuditRecords", "listAuditCheckpoints", "getAuditPeriod", "revokeToken", "changePassword", "getMe", "updateMe",
    "deleteMe", "mfaStatus", "mfaSetup", "mfaVerifySetup", "mfaDisable", "createApiKey", "listApiKeys", "revokeApiKey",
    "listOrgMembers", "deviceApprove", "deviceDeny"}


def test_an_auditor_is_refused_everything_else(account, auditor, vault):
    vault.put("a", "value")
    seen = set()
    for route in routes.table():
        if route["auth"] == "none" or route["operationId"] in OPEN_TO_AUDITORS:
            continue
        path = route["pattern"].replace("{vault_id}", vault.id).replace("{path...}", "a")
        path = re.sub(r"\{[a-z_]+\}", "01950000-0000-7000-8000-000000000000", path)
        answer = auditor.request(route["method"], path, raw=True, json={})
        assert (answer.status_code, route["operationId"]) == (403, route["operationId"])
        seen.add(route["operationId"])
    assert {"createVault", "listVaults", "getSecret", "putSecret", "listSecrets", "createAgent", "listAgents", "removeMember",
            "inviteMember", "listIpRules"} <= seen
    assert OPEN_TO_AUDITORS <= {route["operationId"] for route in routes.table()}


def test_who_becomes_an_auditor_loses_their_vaults_at_once(daemon, account):
    member = join(daemon, daemon.api().signup(), account)
    vault = member.post("/v1/vaults", json={"name": secrets.token_hex(4)}).json()
    key = member.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    assert member.get(f"/v1/vaults/{vault['id']}").status_code == 200
    assert account.patch(f"/v1/org/members/{me_of(member)['id']}", json={"role": "auditor"}).status_code == 200
    for token in (member.token, key):
        client = member.with_token(token)
        assert client.get(f"/v1/vaults/{vault['id']}").status_code == 403
        assert client.get("/v1/audit/events").status_code == 200


def test_a_period_includes_both_ends(account):
    account.create_vault()
    account.get("/v1/vaults")
    created = events(account, action="vault.create")[0]
    at = created["created_at"]
    assert [e["id"] for e in events(account, **{"from": at, "to": at})] == [created["id"]]
    assert "vault.list" in actions(account, **{"from": at})
    assert "vault.list" not in actions(account, to=at)
    assert events(account, to="2020-01-01T00:00:00Z") == []


def test_limit_and_offset_cut_the_list(account):
    for _ in range(5):
        account.get("/v1/vaults")
    newest = [e["id"] for e in events(account, action="vault.list")]
    assert len(newest) == 5
    assert [e["id"] for e in events(account, action="vault.list", limit=2, offset=1)] == newest[1:3]
    assert len(events(account, action="vault.list", limit=0)) == 1
    assert len(events(account, action="vault.list", limit=-5)) == 1
    assert len(events(account, action="vault.list", limit="99999999999999999999999")) == 5
    assert len(events(account, action="vault.list", offset=-1)) == 5
    assert events(account, offset=100000) == []


@pytest.mark.parametrize(("name", "value"), [
    ("from", "yesterday"), ("from", ""), ("to", "2026-02-30T00:00:00Z"), ("to", "2026-01-01"), ("from", "2026-01-01T00:00:00"),
    ("before", "x"), ("before", ""), ("outcome", "perhaps"), ("outcome", ""), ("resource_type", "x\0"),
    ("actor_id", "x"), ("actor_id", ""), ("actor_id", "{00000000-0000-0000-0000-000000000000}"), ("limit", "ten"),
    ("limit", ""), ("limit", "1.5"), ("limit", "1e3"), ("offset", "0x1"), ("offset", "100001"), ("offset", "9" * 30), ("resource_id", "x" * 1025)],
    ids=lambda value: str(value)[:30])
def test_a_malformed_filter_is_400(account, name, value):
    assert account.get("/v1/audit/events", params={name: value}).status_code == 400


def test_sql_in_a_filter_is_only_text(account):
    account.get("/v1/vaults")
    for text in ("' OR '1'='1", "x'; DELETE FROM audit_pending; --", "%", "_"):
        assert events(account, resource_id=text) == []
        assert events(account, action=text) == []


def test_nobody_sees_the_events_of_others(account, other_account):
    theirs = other_account.create_vault()
    theirs.put("canary", "value")
    other = other_account.me()
    for filters in ({}, {"resource_id": theirs.id}, {"resource_id": "canary"}, {"actor_id": other["id"]}):
        assert all(e["org_id"] != other["org_id"] for e in events(account, limit=1000, **filters))
    assert all(r["org_id"] != other["org_id"] for r in pages(account, "/v1/audit/export", "records", "sequence"))


def texts(node):
    """Every string in a document, names of members too."""
    if isinstance(node, dict):
        node = [*node, *node.values()]
    if isinstance(node, list):
        return [text for item in node for text in texts(item)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize("control", ["\n", "\r\n", "\t", "\x1b[2J", "\x7f", "\x9b"], ids=ascii)
def test_control_characters_cannot_forge_lines(account, vault, daemon, control):
    forged = f"x{control}forged"
    count, log = len(events(account)), len(daemon.log_text())
    account.get(f"{vault.path()}/secrets/{quote(forged)}", raw=True)
    account.put(f"{vault.path()}/secrets/{quote(forged)}", json={"value": "v"}, raw=True)
    account.post("/v1/vaults", json={"name": forged, "description": forged})
    account.patch("/v1/auth/me", json={"display_name": forged})
    account.get("/v1/auth/me", headers={"User-Agent": "x\tforged", "X-Request-Id": "x\tforged"})
    account.anonymous().post("/v1/auth/token", json={"email": f"{forged}@example.org", "password": forged})
    found = events(account)
    assert len(found) > count
    assert [text for text in texts(found) if any(unicodedata.category(c) == "Cc" for c in text)] == []
    new_lines = daemon.log_text()[log:].split("\n")
    assert [line for line in new_lines if re.match(r"\W*(\[2J)?forged", line) or not line.isprintable()] == []
