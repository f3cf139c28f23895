"""exportAuditRecords, listAuditCheckpoints, getAuditPeriod: the sealed log."""

import hashlib
import secrets
import uuid

import pytest
from support import wait
from support.audit import ZERO, events, linked, pages

ROUTES = ["/v1/audit/events", "/v1/audit/export", "/v1/audit/checkpoints", "/v1/audit/period"]


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
