"""queryAuditEvents, exportAuditRecords, listAuditCheckpoints, getAuditKeySet."""

import hashlib
import re
import secrets
import unicodedata
import uuid
from urllib.parse import quote

import pytest
from support import routes, wait
from support.people import join

ROUTES = ["/v1/audit/events", "/v1/audit/export", "/v1/audit/checkpoints", "/v1/audit/period"]
ZERO = "0" * 64


def events(account, **filters):
    response = account.get("/v1/audit/events", params=filters)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["count"] == len(body["events"])
    return body["events"]


def actions(account, **filters):
    return [event["action"] for event in events(account, **filters)]


def pages(account, path, name, key, **parameters):
    """All elements of a paged export route."""
    elements = []
    after = 0
    while True:
        body = account.get(path, params={"after": after, **parameters}).json()
        assert body["count"] == len(body[name])
        if not body[name]:
            return elements
        elements += body[name]
        after = elements[-1][key]


def linked(account, event_id):
    """The event once the linker has linked it."""
    def find():
        return next((e for e in events(account, limit=1000) if e["id"] == event_id and "sequence" in e), None)
    return wait.until(find, "the event to be linked")


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


# Export

def test_an_export_is_a_chain_under_signed_checkpoints(account):
    vault = account.create_vault()
    for number in range(5):
        vault.put(f"s{number}", secrets.token_hex(8))
    linked(account, events(account)[0]["id"])
    checkpoints = pages(account, "/v1/audit/checkpoints", "checkpoints", "number")
    records = pages(account, "/v1/audit/export", "records", "sequence", checkpoint=checkpoints[-1]["number"])

    keys = {key["kid"] for key in account.anonymous().get("/v1/audit/keys").json()["keys"]}
    assert [c["number"] for c in checkpoints] == list(range(1, len(checkpoints) + 1))
    assert checkpoints[0]["previous"] == ZERO
    assert all(c["kid"] in keys for c in checkpoints)
    assert [r["sequence"] for r in records] == list(range(1, len(records) + 1))
    assert records[0]["prev_event_id"] is None
    for before, after in zip(records, records[1:]):
        assert after["prev_event_id"] == before["id"]
    # The newest of our records is sealed by a leaf of the newest checkpoint that covers it.
    leaves = [leaf for c in checkpoints for leaf in c["leaves"]]
    assert [records[-1]["sequence"], records[-1]["integrity_hash"]] in [leaf[1:] for leaf in leaves]


def test_an_export_agrees_with_the_events(account):
    account.create_vault()
    event = linked(account, events(account, action="vault.create")[0]["id"])
    record = next(r for r in pages(account, "/v1/audit/export", "records", "sequence") if r["id"] == event["id"])
    for member in ("sequence", "integrity_hash", "actor_id", "action", "resource_id", "created_at", "ip_address"):
        assert record[member] == event[member]
    assert record["outcome"] == event["details"]["outcome"]
    assert record["request_id"] == event["details"]["request_id"]


def test_export_pages_join_without_gap(account):
    for _ in range(7):
        account.get("/v1/vaults")
    linked(account, events(account)[0]["id"])
    small = pages(account, "/v1/audit/export", "records", "sequence", limit=3)
    whole = pages(account, "/v1/audit/export", "records", "sequence")
    assert whole[:len(small)] == small
    assert account.get("/v1/audit/export", params={"limit": 3}).json()["count"] == 3
    assert account.get("/v1/audit/checkpoints", params={"limit": 1}).json()["count"] == 1


def test_an_export_stops_at_the_checkpoint_asked_for(account):
    account.get("/v1/vaults")
    linked(account, events(account)[0]["id"])
    assert account.get("/v1/audit/export", params={"checkpoint": 0}).json()["records"] == []


# Periods

def period(account, start, end):
    return account.get("/v1/audit/period", params={"from": start, "to": end})


def test_a_period_lies_between_the_checkpoints_that_bound_it(account):
    linked(account, events(account)[-1]["id"])
    vault = account.create_vault()
    vault.put("a", "value")
    written = linked(account, events(account, action="secret.write")[0]["id"])["created_at"]
    linked(account, events(account)[0]["id"])  # behind the period

    def bounded():
        answer = period(account, written, written)
        return answer if answer.status_code == 200 else None

    answer = wait.until(bounded, "the period to be sealed").json()
    first, last = answer["checkpoints"]
    assert first["created_at"] < written < last["created_at"]
    records = pages(account, "/v1/audit/export", "records", "sequence", checkpoint=last["number"])
    heads = {record["integrity_hash"]: record for record in records}
    before = max(heads[leaf[2]]["sequence"] for leaf in first["leaves"] if leaf[2] in heads)
    assert any(record["action"] == "secret.write" and record["sequence"] > before for record in records)
    # From the beginning of the chain on, there is nothing before.
    assert period(account, "2020-01-01T00:00:00Z", written).json()["count"] == 1


def test_a_period_that_is_not_over_or_not_sealed_is_409(account):
    assert period(account, "2026-01-01T00:00:00Z", "2096-01-01T00:00:00Z").status_code == 409


@pytest.mark.parametrize("query", [{}, {"from": "2026-01-01T00:00:00Z"}, {"to": "2026-01-01T00:00:00Z"},
                                   {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
                                   {"from": "x", "to": "2026-01-01T00:00:00Z"}, {"from": "", "to": ""}])
def test_what_is_no_period_is_400(account, query):
    assert account.get("/v1/audit/period", params=query).status_code == 400


def test_a_period_shows_nothing_of_other_organisations(account, other_account):
    linked(account, events(account)[-1]["id"])
    now = events(account)[0]["created_at"]
    events(account)
    answer = wait.until(lambda: (found := period(account, "2020-01-01T00:00:00Z", now)).status_code == 200 and found,
                        "the period to be sealed")
    assert other_account.me()["org_id"].replace("-", "") not in answer.text.replace("-", "")


def test_the_leaves_do_not_name_their_organisations(account):
    linked(account, events(account)[0]["id"])
    org = account.me()["org_id"]
    checkpoints = pages(account, "/v1/audit/checkpoints", "checkpoints", "number")
    tags = [leaf[0] for c in checkpoints for leaf in c["leaves"]]
    plain = hashlib.sha256(uuid.UUID(org).bytes).hexdigest()
    assert plain not in tags
    assert all(uuid.UUID(org).hex not in tag for tag in tags)


@pytest.mark.parametrize("path", ["/v1/audit/export", "/v1/audit/checkpoints"])
@pytest.mark.parametrize(("name", "value"), [("after", "x"), ("after", ""), ("limit", "all"), ("after", "1;2")])
def test_a_malformed_page_is_400(account, path, name, value):
    assert account.get(path, params={name: value}).status_code == 400


@pytest.mark.parametrize("path", ROUTES)
def test_the_log_is_not_public(api, path):
    assert api.get(path).status_code == 401


@pytest.mark.parametrize("path", [*ROUTES, "/v1/audit/keys"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_log_cannot_be_written_through_the_api(account, path, method):
    assert account.request(method, path).status_code == 405


def test_the_audit_keys_are_public_and_not_the_token_keys(api):
    audit_keys = api.get("/v1/audit/keys").json()["keys"]
    token_keys = api.get("/v1/.well-known/jwks.json").json()["keys"]
    assert {key["x"] for key in audit_keys}.isdisjoint(key["x"] for key in token_keys)
