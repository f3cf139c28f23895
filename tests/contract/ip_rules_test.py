"""listIpRules, createIpRule, deleteIpRule, and what rules do to all other routes."""

import threading
import uuid

import pytest
from support import people, wait
from support.audit import events

RULES = "/v1/security/ip-rules"
ABSENT = "01950000-0000-7000-8000-000000000000"
OFFICE, HOME, LOOPBACK = "203.0.113.9", "198.51.100.7", "127.0.0.1"
DENIED = "Requests from this address are not allowed"


@pytest.fixture
def owner(proxied):
    """The owner of an organisation, who comes from the office."""
    account = proxied.api().signup()
    return coming_from(account, OFFICE)


def coming_from(account, address, token=None):
    client = account.with_token(token or account.token)
    client.session.headers["X-Forwarded-For"] = address
    client.email, client.password = getattr(account, "email", None), getattr(account, "password", None)
    return client


def add(client, rule_type, cidr, **members):
    response = client.post(RULES, json={"rule_type": rule_type, "cidr": cidr, **members})
    assert response.status_code == 201, response.text
    return response.json()


def list_of(client):
    return client.get(RULES).json()["rules"]


def refused(response):
    return response.status_code == 403 and response.json()["detail"] == DENIED


# -- create and list

def test_a_new_rule_answers_with_what_it_is(owner):
    me = owner.get("/v1/auth/me").json()
    rule = add(owner, "deny", "192.0.2.0/24", label="scanners", applies_to="agents")
    assert uuid.UUID(rule.pop("id"))
    assert rule.pop("created_at").endswith("Z")
    assert rule == {"org_id": me["org_id"], "rule_type": "deny", "cidr": "192.0.2.0/24", "label": "scanners",
                    "applies_to": "agents", "created_by": me["id"]}


def test_a_list_has_the_organisations_rules_in_order_of_creation(owner, proxied):
    made = [add(owner, "deny", f"192.0.2.{number}") for number in range(5)]
    add(coming_from(proxied.api().signup(), OFFICE), "deny", "192.0.2.0/24")
    assert owner.get(RULES).json() == {"rules": made}
    seen, target = [], f"{RULES}?limit=2"
    while target:
        response = owner.get(target)
        seen += response.json()["rules"]
        target = response.links.get("next", {}).get("url")
    assert seen == made


@pytest.mark.parametrize("query", ["limit=ten", "after=7", "after="])
def test_malformed_paging_is_refused(owner, query):
    assert owner.get(f"{RULES}?{query}").status_code == 400


@pytest.mark.parametrize("rule_type", ["allow", "deny", "block"])
@pytest.mark.parametrize("cidr", [
    "0.0.0.0/0", "10.0.0.0/8", "203.0.113.9", "203.0.113.9/32", "::/0", "2001:DB8::/32", "2001:db8:0::9", "2001:db8::9/128",
    "::ffff:203.0.113.0/120"])
def test_words_and_networks_come_back_as_they_were_sent(owner, rule_type, cidr):
    """For agents: a person is not locked out by any of them."""
    rule = add(owner, rule_type, cidr, applies_to="agents")
    assert (rule["rule_type"], rule["cidr"], rule["applies_to"]) == (rule_type, cidr, "agents")
    assert list_of(owner) == [rule]


@pytest.mark.parametrize("cidr", [
    "", " ", "office", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0/8", "010.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/8\u0000",
    "2001:db8::1/64", "::/129", "::1%lo", "[::1]", "203.0.113.9:80", "::ffff:0:0/95", "*", "1" * 100, None, 7, ["10.0.0.0/8"]])
def test_what_is_no_network_is_refused(owner, cidr):
    assert owner.post(RULES, json={"rule_type": "deny", "cidr": cidr}).status_code == 400
    assert list_of(owner) == []


@pytest.mark.parametrize("members", [
    {"rule_type": "Allow"}, {"rule_type": "drop"}, {"rule_type": ""}, {"rule_type": None}, {"rule_type": 1},
    {"applies_to": "everybody"}, {"applies_to": "ALL"}, {"applies_to": ""}, {"applies_to": ["users"]},
    {"label": "a\u0007b"}, {"label": "a\u0000b"}, {"label": "l" * 1025}, {"label": 7}, {"description": "a\u001bb"}])
def test_other_words_and_bad_labels_are_refused(owner, members):
    assert owner.post(RULES, json={"rule_type": "deny", "cidr": "192.0.2.1", **members}).status_code == 400
    assert list_of(owner) == []


@pytest.mark.parametrize("body", ["", "[]", "{", '{"cidr": "192.0.2.1"}', '{"rule_type": "deny"}'])
def test_a_body_that_is_no_rule_is_refused(owner, body):
    assert owner.request("POST", RULES, data=body).status_code == 400


def test_a_label_is_also_a_description(owner):
    assert add(owner, "deny", "192.0.2.1", description="old")["label"] == "old"
    assert add(owner, "deny", "192.0.2.2", label="new", description="old")["label"] == "new"
    assert add(owner, "deny", "192.0.2.3", label="Größe 🔑")["label"] == "Größe 🔑"
    plain = add(owner, "deny", "192.0.2.4", shroud_enabled=True)
    assert (plain["label"], plain["applies_to"]) == ("", "all")


def test_an_organisation_has_a_bounded_number_of_rules(owner, proxied):
    rule = add(owner, "deny", "192.0.2.1")
    proxied.psql_owner(
        "INSERT INTO ip_rules SELECT org_id, gen_random_uuid(), 'deny', '10.0.' || n / 256 || '.' || n % 256, '', 'all',"
        f" created_by, created_at FROM ip_rules, generate_series(1, 9999) n WHERE id = '{rule['id']}'")
    assert owner.post(RULES, json={"rule_type": "deny", "cidr": "192.0.2.2"}).status_code == 409
    assert len(list_of(owner)) == 10_000
    assert owner.delete(f"{RULES}/{rule['id']}").status_code == 204
    assert refused(coming_from(owner, "10.0.39.15").get("/v1/vaults"))
    assert coming_from(owner, "10.0.39.16").get("/v1/vaults").status_code == 200


# -- what rules do

def test_a_deny_rule_refuses_its_addresses_at_once_and_its_removal_admits_them(owner):
    home = coming_from(owner, HOME)
    assert home.get("/v1/vaults").status_code == 200
    rule = add(owner, "deny", "198.51.100.0/24")
    assert refused(home.get("/v1/vaults"))
    assert owner.get("/v1/vaults").status_code == 200
    assert owner.delete(f"{RULES}/{rule['id']}").status_code == 204
    assert home.get("/v1/vaults").status_code == 200


def test_allow_rules_refuse_everybody_else(owner):
    add(owner, "allow", "203.0.113.0/24")
    for address in (HOME, "203.0.114.9", "::1", "2001:db8::1", "127.0.0.1"):
        assert refused(coming_from(owner, address).get("/v1/vaults")), address
    for address in (OFFICE, "203.0.113.255", "::ffff:203.0.113.1"):
        assert coming_from(owner, address).get("/v1/vaults").status_code == 200, address
    add(owner, "allow", HOME)
    assert coming_from(owner, HOME).get("/v1/vaults").status_code == 200


def test_deny_wins_over_allow(owner):
    add(owner, "deny", HOME)
    add(owner, "allow", "0.0.0.0/0")
    assert refused(coming_from(owner, HOME).get("/v1/vaults"))
    assert coming_from(owner, "198.51.100.8").get("/v1/vaults").status_code == 200


def test_keys_are_bound_like_their_owners_and_agents_by_rules_of_their_own(owner):
    key = owner.post("/v1/auth/api-keys", json={"name": "k"}).json()["api_key"]
    agent = owner.post("/v1/agents", json={"name": "a"}).json()["api_key"]
    token = owner.anonymous().post("/v1/auth/agent-token", json={"api_key": agent}).json()["access_token"]
    from_home = {name: coming_from(owner, HOME, credential) for name, credential in
                 (("person", owner.token), ("key", key), ("agent key", agent), ("agent token", token))}
    for applies_to, bound in (("users", {"person", "key"}), ("agents", {"agent key", "agent token"}),
                              ("all", set(from_home))):
        rule = add(owner, "deny", HOME, applies_to=applies_to)
        assert {name for name, client in from_home.items() if refused(client.get("/v1/vaults"))} == bound, applies_to
        assert owner.delete(f"{RULES}/{rule['id']}").status_code == 204
    assert all(client.get("/v1/vaults").status_code == 200 for client in from_home.values())


def test_rules_for_agents_do_not_bind_people(owner):
    add(owner, "deny", "0.0.0.0/0", applies_to="agents")
    add(owner, "allow", "192.0.2.1", applies_to="agents")
    assert coming_from(owner, HOME).get("/v1/vaults").status_code == 200


@pytest.mark.parametrize("method,path", [
    ("GET", "/v1/vaults"), ("POST", "/v1/vaults"), ("GET", f"/v1/vaults/{ABSENT}"), ("DELETE", f"/v1/vaults/{ABSENT}"),
    ("GET", f"/v1/vaults/{ABSENT}/secrets"), ("GET", f"/v1/vaults/{ABSENT}/secrets/a"), ("PUT", f"/v1/vaults/{ABSENT}/secrets/a"),
    ("DELETE", f"/v1/vaults/{ABSENT}/secrets/a"), ("GET", "/v1/auth/me"), ("DELETE", "/v1/auth/token"),
    ("GET", "/v1/audit/events"), ("GET", RULES), ("POST", RULES), ("DELETE", f"{RULES}/{ABSENT}")])
def test_every_authenticated_route_obeys(owner, method, path):
    add(owner, "deny", HOME)
    body = {"value": "v"} if method in ("PUT", "POST") else None
    assert refused(coming_from(owner, HOME).request(method, path, json=body))


def test_public_routes_and_other_organisations_are_not_bound(owner, proxied):
    add(owner, "deny", HOME)
    home = coming_from(owner, HOME)
    for path in ("/v1/health", "/v1/openapi.yaml", "/v1/.well-known/jwks.json"):
        assert home.get(path, raw=True).status_code == 200
    login = home.request("POST", "/v1/auth/token", token="", json={"email": owner.email, "password": owner.password})
    assert login.status_code == 200
    assert coming_from(proxied.api().signup(), HOME).get("/v1/vaults").status_code == 200


def test_without_a_valid_token_the_rules_say_nothing(owner):
    add(owner, "deny", HOME)
    assert coming_from(owner, HOME, token="a.b.c").get("/v1/vaults").status_code == 401


def test_a_forged_header_helps_nobody(daemon, account):
    """Here the peer is no trusted proxy: it is the client, whatever it says."""
    add(account, "deny", HOME)
    add(account, "allow", LOOPBACK)
    for forged in (HOME, "::1", "nonsense", "127.0.0.1, " + HOME):
        headers = {"X-Forwarded-For": forged, "Forwarded": f"for={HOME}", "X-Real-IP": HOME}
        assert account.get("/v1/vaults", headers=headers).status_code == 200, forged
    assert {event["ip_address"] for event in events(account, action="vault.list")} == {LOOPBACK}


def test_a_client_in_front_of_the_proxy_cannot_choose_its_address(owner):
    """The proxy appends; what the client sent stands to the left."""
    add(owner, "allow", OFFICE)
    assert refused(coming_from(owner, f"{OFFICE}, {HOME}").get("/v1/vaults"))
    assert coming_from(owner, f"{HOME}, {OFFICE}").get("/v1/vaults").status_code == 200
    assert coming_from(owner, f"{OFFICE}, nonsense").get("/v1/vaults").status_code == 400


# -- requests that are answered many at a time

def test_requests_in_batches_obey_from_the_moment_the_rule_is_made(owner):
    """Reads are answered together while they come fast; a rule binds every one that begins after its answer."""
    home = coming_from(owner, HOME)
    vault = home.post("/v1/vaults", json={"name": "batch"}).json()["id"]
    path = f"/v1/vaults/{vault}/secrets/a"
    assert home.put(path, json={"value": "canary"}).status_code == 201
    made, stop, late, before = threading.Event(), threading.Event(), [], []

    def read():
        client = coming_from(owner, HOME)
        while not stop.is_set():
            after_the_rule = made.is_set()
            response = client.get(path)
            (late if after_the_rule else before).append(response)

    readers = [threading.Thread(target=read) for _ in range(16)]
    for reader in readers:
        reader.start()
    wait.until(lambda: len(before) > 200, "reads to be answered")
    add(owner, "deny", HOME)
    made.set()
    wait.until(lambda: len(late) > 200, "reads to be refused")
    stop.set()
    for reader in readers:
        reader.join()
    assert {response.status_code for response in before} <= {200, 403}
    assert {response.status_code for response in late} == {403}
    assert coming_from(owner, OFFICE).get(path).json()["value"] == "canary"


# -- nobody shuts themselves out

@pytest.mark.parametrize("rule_type,cidr,applies_to", [
    ("deny", OFFICE, "all"), ("block", "203.0.113.0/24", "users"), ("deny", "0.0.0.0/0", "all"), ("allow", HOME, "all"),
    ("allow", "::/0", "users"), ("deny", f"::ffff:{OFFICE}", "all")])
def test_a_rule_that_would_exclude_its_author_is_refused(owner, rule_type, cidr, applies_to):
    response = owner.post(RULES, json={"rule_type": rule_type, "cidr": cidr, "applies_to": applies_to})
    assert response.status_code == 400
    assert "exclude" in response.json()["detail"]
    assert list_of(owner) == []


def test_a_removal_that_would_exclude_its_author_is_refused(owner):
    office = add(owner, "allow", OFFICE)
    home = add(owner, "allow", HOME)
    assert owner.delete(f"{RULES}/{office['id']}").status_code == 400
    assert list_of(owner) == [office, home]
    assert coming_from(owner, HOME).delete(f"{RULES}/{office['id']}").status_code == 204
    assert refused(owner.get(RULES))


def test_removals_that_meet_do_not_exclude_their_author_together(owner):
    wide, narrow = add(owner, "allow", "203.0.113.0/24"), add(owner, "allow", OFFICE)
    add(owner, "allow", HOME)
    statuses = []

    def remove(rule):
        statuses.append(coming_from(owner, OFFICE).delete(f"{RULES}/{rule['id']}").status_code)
    threads = [threading.Thread(target=remove, args=(rule,)) for rule in (wide, narrow)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [204, 400]


def test_an_owner_on_the_servers_machine_finds_the_way_back(proxied, owner):
    """Shut out by a change of their own address, say."""
    rules = [add(owner, "allow", OFFICE), add(owner, "deny", "127.0.0.0/8")]
    local = owner.with_token(owner.token)  # no proxy speaks for it
    assert refused(local.get("/v1/vaults"))
    assert [rule["id"] for rule in local.get(RULES).json()["rules"]] == [rule["id"] for rule in rules]
    # What a proxy calls loopback is not this machine.
    assert refused(coming_from(owner, LOOPBACK).get(RULES))
    for rule in rules:
        assert local.delete(f"{RULES}/{rule['id']}").status_code == 204
    assert local.get("/v1/vaults").status_code == 200


@pytest.mark.parametrize("role", ["member", "admin"])
def test_the_way_back_is_for_owners(proxied, owner, role):
    newcomer = people.join(proxied, proxied.api().signup(), owner_of(owner), role)
    add(owner, "allow", OFFICE)
    assert refused(newcomer.get(RULES))


# -- who may

def owner_of(client):
    """people.join() asks its host who they are."""
    class Host:
        def me(self):
            return client.get("/v1/auth/me").json()
    return Host()


def test_members_see_rules_and_do_not_change_them(proxied, owner):
    rule = add(owner, "deny", "192.0.2.1")
    member = people.join(proxied, proxied.api().signup(), owner_of(owner))
    assert list_of(member) == [rule]
    assert member.post(RULES, json={"rule_type": "deny", "cidr": "192.0.2.2"}).status_code == 403
    assert member.delete(f"{RULES}/{rule['id']}").status_code == 403
    assert list_of(owner) == [rule]


def test_admins_change_rules(proxied, owner):
    admin = people.join(proxied, proxied.api().signup(), owner_of(owner), "admin")
    rule = add(admin, "deny", "192.0.2.1")
    assert admin.delete(f"{RULES}/{rule['id']}").status_code == 204


def test_foreign_absent_and_malformed_ids_get_the_same_404(proxied, owner):
    foreign = coming_from(proxied.api().signup(), OFFICE)
    rule = add(foreign, "deny", "192.0.2.1")
    answers = set()
    for rule_id in (rule["id"], ABSENT, "1", "x" * 36, ABSENT[:-1]):
        response = owner.delete(f"{RULES}/{rule_id}")
        assert response.status_code == 404
        answers.add(response.content)
    assert len(answers) == 1
    assert list_of(foreign) == [rule]


@pytest.mark.parametrize("method,path", [("GET", RULES), ("POST", RULES), ("DELETE", f"{RULES}/{ABSENT}")])
@pytest.mark.parametrize("token", [None, "x", "a.b.c"])
def test_without_a_valid_token_there_is_nothing(proxied, method, path, token):
    assert proxied.api().request(method, path, token=token).status_code == 401


# -- audit

def test_making_and_removing_a_rule_is_on_record(owner):
    rule = add(owner, "deny", "192.0.2.0/24")
    owner.delete(f"{RULES}/{rule['id']}")
    recorded = events(owner, resource_id=rule["id"])
    assert [event["action"] for event in recorded] == ["ip_rule.delete", "ip_rule.create"]
    assert {event["details"]["outcome"] for event in recorded} == {"success"}
    assert recorded[1]["details"]["cidr"] == "192.0.2.0/24"
    assert {event["ip_address"] for event in recorded} == {OFFICE}


def test_a_refused_address_is_on_record_with_the_address(owner):
    add(owner, "deny", HOME)
    assert refused(coming_from(owner, HOME).get("/v1/vaults"))
    denied, = events(owner, action="vault.list")
    assert denied["details"]["outcome"] == "denied" and denied["details"]["reason"] == "ip_rule"
    assert denied["ip_address"] == HOME
    assert denied["actor_id"] == owner.get("/v1/auth/me").json()["id"]


def test_a_refused_change_is_on_record(owner):
    owner.post(RULES, json={"rule_type": "deny", "cidr": OFFICE})
    event, = events(owner, action="ip_rule.create")
    assert event["details"]["outcome"] == "failed"
