"""createShare, accessShare, revokeShare and revokeListedShare, listOutboundShares and listInboundShares, acceptShare,
declineShare. The page at a link has a file of its own."""

import json
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.mail import MailServer
from support.people import join
from support.sharing import LINK, Agent, accept, ask, inbound, open_share, outbound, share, time_in

ABSENT = "4f9a1c52-7f0e-4d1b-9a55-0123456789ab"
VALUE = "the-shared-value"


@pytest.fixture
def secret(vault):
    return vault.put("db/password", VALUE).json()["id"]


@pytest.fixture
def colleague(account, api, daemon):
    """A plain member of the same organisation."""
    return join(daemon, api.signup(), account)


@pytest.fixture
def link(account, secret):
    return share(account, secret)


def person(client):
    return client.get("/v1/auth/me").json()


def events(client, action):
    return client.get("/v1/audit/events", params={"action": action}).json()["events"]


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
    assert ask(Agent(account).client, secret).status_code == 403
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
    stranger = person(other_account)["id"] if kind == "user" else Agent(other_account).id
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


# -- to somebody

def targeted(account, secret, recipient, kind="user", **members):
    return share(account, secret, kind, recipient_id=recipient, **members)["id"]


def test_a_person_accepts_and_opens(account, colleague, secret):
    name = targeted(account, secret, person(colleague)["id"])
    early = open_share(colleague, name)
    assert (early.status_code, early.json()["detail"]) == (403, "The share has not been accepted yet")
    assert accept(colleague, name).status_code == 204
    assert accept(colleague, name).status_code == 204
    body = open_share(colleague, name).json()
    assert (body["value"], body["access_count"]) == (VALUE, 1)


def test_nobody_else_opens_it(account, colleague, other_account, api, secret):
    name = targeted(account, secret, person(colleague)["id"])
    assert accept(colleague, name).status_code == 204
    assert open_share(api, name).status_code == 401
    assert open_share(api.with_token("nonsense"), name).status_code == 401
    for client in (account, other_account, Agent(account).client):
        assert open_share(client, name).status_code == 403
    for client in (account, other_account, Agent(account).client):
        assert accept(client, name).status_code == 404
        assert client.post(f"/v1/shares/{name}/decline").status_code == 404
    assert outbound(account)[0]["access_count"] == 0


def test_a_declined_share_is_gone(account, colleague, secret):
    name = targeted(account, secret, person(colleague)["id"])
    assert colleague.post(f"/v1/shares/{name}/decline").status_code == 204
    assert open_share(colleague, name).status_code == 404
    assert accept(colleague, name).status_code == 404
    assert colleague.post(f"/v1/shares/{name}/decline").status_code == 404
    assert inbound(colleague) == outbound(account) == []


def test_an_agent_opens_with_its_key_and_its_token(account, api, secret):
    agent = Agent(account)
    name = targeted(account, secret, agent.id, "agent")
    assert accept(agent.client, name).status_code == 204
    token = api.post("/v1/auth/agent-token", json={"api_key": agent.client.token}).json()["access_token"]
    assert [open_share(client, name).json()["access_count"] for client in (agent.client, api.with_token(token))] == [1, 2]
    assert account.delete(agent.path).status_code == 204
    assert open_share(agent.client, name).status_code == 401


def test_an_id_is_of_one_kind(account, secret):
    """A person's id among the agents is nobody's."""
    assert ask(account, secret, "agent", recipient_id=person(account)["id"]).status_code == 404


def test_an_agent_shares_with_its_creator(account, colleague):
    agent = Agent(account)
    made = share(agent.client, agent.put_secret(), "creator")
    assert [item["id"] for item in inbound(account)] == [made["id"]]
    assert inbound(account)[0]["created_by"] == f"agent:{agent.id}"
    assert inbound(colleague) == []
    assert accept(account, made["id"]).status_code == 204
    assert open_share(account, made["id"]).json()["value"] == "agents-value"


def test_an_agent_without_a_creator_cannot(account, colleague, api, daemon):
    agent = Agent(colleague)
    secret = agent.put_secret()
    assert colleague.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert ask(agent.client, secret, "creator").status_code == 400


def test_an_agent_shares_with_no_address(account):
    agent = Agent(account)
    assert ask(agent.client, agent.put_secret(), "external_email", email="a@example.org").status_code == 403


def test_ip_rules_of_the_recipient_hold(installation):
    node = installation.daemon("proxied-shares", http__trusted_proxies="127.0.0.1")
    account = node.api().signup()
    secret = account.create_vault().put("a", VALUE).json()["id"]
    name = targeted(account, secret, person(account)["id"])
    anyone = share(account, secret)["id"]
    assert accept(account, name).status_code == 204
    rule = {"rule_type": "allow", "cidr": "203.0.113.9"}
    office, elsewhere = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.7"}
    assert account.post("/v1/security/ip-rules", json=rule, headers=office).status_code == 201
    assert open_share(account, name, headers=elsewhere).status_code == 403
    assert open_share(account, name, headers=office).status_code == 200
    assert open_share(account, anyone, headers=elsewhere).status_code == 200
    assert node.stop() == 0


# -- to an address

@pytest.fixture(scope="module")
def mail(installation):
    server = MailServer(installation)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mailing(installation, mail):
    node = installation.daemon("mailing-shares", **mail.settings(installation.directory))
    yield node
    assert node.stop() == 0, node.log_text()[-3000:]


@pytest.fixture
def address():
    return f"{secrets.token_hex(8)}@example.org"


def sign_up(node, mail, email):
    """An account whose address is proven."""
    def code():
        words = " ".join(message.get_payload() for message in mail.to(email)).split()
        return next((word for word in words if word.startswith("vfy_")), None)

    body = {"email": email, "password": "Gr0und-Water-Runs-Deep!"}
    assert node.api().post("/v1/auth/signup", json=body).status_code == 200
    answer = node.api().post("/v1/auth/verify-email", json={"token": wait.until(code, "the code", 20)})
    assert answer.status_code == 200
    return node.api(answer.json()["access_token"])


@pytest.fixture
def sharer(mailing, mail):
    """A person who has proven their address."""
    email = f"{secrets.token_hex(8)}@example.org"
    client = sign_up(mailing, mail, email)
    client.email = email
    vault = client.post("/v1/vaults", json={"name": "v"}).json()["id"]
    client.secret = client.put(f"/v1/vaults/{vault}/secrets/a/b", json={"value": VALUE}).json()["id"]
    return client


def test_an_address_is_invited_and_has_the_share_once_it_signs_up(mailing, mail, sharer, address):
    made = share(sharer, sharer.secret, "external_email", email=address.upper())
    assert made["recipient_email"] == address
    invitation = mail.wait_for(address)
    assert invitation["Subject"] == "A secret is shared with you"
    text = invitation.get_payload()
    assert sharer.email in text and address in text and made["id"] not in text and "a/b" not in text
    recipient = sign_up(mailing, mail, address)
    listed = inbound(recipient)
    assert [(item["id"], item["recipient_email"], item["is_accepted"]) for item in listed] == [(made["id"], address, False)]
    assert accept(recipient, made["id"]).status_code == 204
    assert open_share(recipient, made["id"]).json()["value"] == VALUE


def test_the_recipients_member_may_be_called_as_the_command_line_calls_it(sharer, address):
    assert share(sharer, sharer.secret, "external_email", recipient_email=address)["recipient_email"] == address


def test_an_address_that_nobody_has_proven_gets_nothing(api, account, secret, address):
    """Where accounts are made at once, anybody could make one with any address."""
    made = share(account, secret, "external_email", email=address)
    impostor = api.signup(email=address)
    assert inbound(impostor) == []
    assert accept(impostor, made["id"]).status_code == 404
    assert open_share(impostor, made["id"]).status_code == 403


def test_an_account_that_was_there_before_gets_what_is_sent_to_its_address(mailing, mail, sharer, address):
    recipient = sign_up(mailing, mail, address)
    made = share(sharer, sharer.secret, "external_email", email=address)
    assert [item["id"] for item in inbound(recipient)] == [made["id"]]
    colleague_id = person(recipient)["id"]
    assert ask(sharer, sharer.secret, "user", recipient_id=colleague_id).status_code == 404


def test_an_address_gets_few_mails(mailing, mail, sharer, address):
    for _ in range(5):
        share(sharer, sharer.secret, "external_email", email=address)
    wait.until(lambda: mailing.psql_owner(f"SELECT count(*) FROM outbox WHERE recipient = '{address}'")[0][0] == 0,
               "the outbox to be empty", 20)
    assert len(mail.to(address)) == 3
    assert len(outbound(sharer)) == 5


def test_an_organisation_writes_to_few_strangers(installation, mail):
    node = installation.daemon("few-mails", limits__invitations_per_organisation=2, **mail.settings(installation.directory))
    account = sign_up(node, mail, f"{secrets.token_hex(8)}@example.org")
    vault = account.post("/v1/vaults", json={"name": "v"}).json()["id"]
    secret = account.put(f"/v1/vaults/{vault}/secrets/a", json={"value": VALUE}).json()["id"]
    addresses = [f"{secrets.token_hex(8)}@example.org" for _ in range(4)]
    for email in addresses:
        share(account, secret, "external_email", email=email)
    wait.until(lambda: node.psql_owner(f"SELECT count(*) FROM outbox WHERE recipient IN {tuple(addresses)}")[0][0] == 0,
               "the outbox to be empty", 20)
    assert [len(mail.to(email)) for email in addresses] == [1, 1, 0, 0]
    assert [event["details"].get("mail") for event in events(account, "share.create")] == ["too many"] * 2 + [None] * 2
    assert node.stop() == 0


def test_who_shares_is_told_once_an_hour(mailing, mail, sharer):
    def told():
        return [message for message in mail.to(sharer.email) if message["Subject"] == "A secret that you share was read"]

    made = share(sharer, sharer.secret)
    for _ in range(3):
        assert open_share(mailing.api(), made["id"]).status_code == 200
    wait.until(told, "the mail", 20)
    wait.until(lambda: mailing.psql_owner(f"SELECT count(*) FROM outbox WHERE recipient = '{sharer.email}'")[0][0] == 0,
               "the outbox to be empty", 20)
    assert len(told()) == 1
    text = told()[0].get_payload()
    assert "127.0.0.1" in text and made["id"] not in text and "a/b" not in text


# -- conditions

def test_a_passphrase_opens(account, api, secret):
    name = share(account, secret, passphrase="Größe 🔑")["id"]
    for passphrase in (None, "", "wrong", "größe 🔑".encode()):
        refused = open_share(api, name, passphrase)
        assert (refused.status_code, refused.json()["detail"]) == (401, "Missing or wrong passphrase")
    assert open_share(api, name, "Größe 🔑".encode()).json()["access_count"] == 1
    assert api.get(f"/v1/share/{name}", params={"passphrase": "Größe 🔑"}).status_code == 401


def test_a_passphrase_that_nobody_asked_for_does_no_harm(api, link):
    assert open_share(api, link["id"], "something").status_code == 200


def test_a_passphrase_is_asked_of_recipients_too(account, secret):
    name = targeted(account, secret, person(account)["id"], passphrase="open-sesame")
    assert accept(account, name).status_code == 204
    assert open_share(account, name).status_code == 401
    assert open_share(account, name, "open-sesame").status_code == 200


def test_guesses_at_a_passphrase_have_a_budget(installation):
    node = installation.daemon("guessed-shares", limits__guesses_per_account=4)
    account = node.api().signup()
    secret = account.create_vault().put("a", VALUE).json()["id"]
    name, other = (share(account, secret, passphrase="open-sesame", ip_allowlist=["127.0.0.0/8"])["id"] for _ in range(2))
    closed = share(account, secret, passphrase="open-sesame", ip_allowlist=["192.0.2.1"])["id"]
    guesser, owner = node.api().from_address("127.7.0.1"), node.api().from_address("127.7.0.2")
    assert open_share(owner, name, "open-sesame").status_code == 200
    assert [open_share(guesser, name, f"guess-{n}").status_code for n in range(6)] == [401] * 4 + [429] * 2
    assert open_share(guesser, name, "open-sesame").status_code == 429
    assert open_share(owner, name, "open-sesame").status_code == 200, "its address is familiar to the share"
    assert open_share(guesser, other, "open-sesame").status_code == 200
    # Who may not open it at all uses up nobody's guesses.
    assert [open_share(guesser, closed, "guess").status_code for _ in range(6)] == [403] * 6
    assert node.stop() == 0


def test_of_parallel_guesses_no_more_are_looked_at_than_the_budget_has(installation):
    node = installation.daemon("parallel-guesses", limits__guesses_per_account=4)
    account = node.api().signup()
    name = share(account, account.create_vault().put("a", VALUE).json()["id"], passphrase="open-sesame")["id"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: open_share(node.api(), name, f"guess-{n}").status_code, range(32)))
    assert (answers.count(401), answers.count(429)) == (4, 28)
    assert node.stop() == 0


def test_whoever_tries_links_is_stopped_and_keeps_nobody_from_theirs(installation):
    node = installation.daemon("tried-links", limits__guesses_per_address=5)
    account = node.api().signup()
    name = share(account, account.create_vault().put("a", VALUE).json()["id"])["id"]
    guesser = node.api().from_address("127.7.0.3")
    tried = [open_share(guesser, str(uuid.uuid4())) for _ in range(7)]
    assert [answer.status_code for answer in tried] == [404] * 5 + [429] * 2
    assert int(tried[-1].headers["Retry-After"]) >= 1
    assert open_share(guesser, name).status_code == 200
    assert node.stop() == 0


@pytest.mark.parametrize("networks, inside, outside", [
    (["203.0.113.9"], "203.0.113.9", "203.0.113.8"),
    (["198.51.100.0/24", "2001:db8::/32"], "2001:db8::7", "2001:db9::7"),
    (["::ffff:203.0.113.0/120"], "203.0.113.200", "203.0.114.1")])
def test_an_allow_list_holds(account, secret, proxied, networks, inside, outside):
    name = share(account, secret, ip_allowlist=networks)["id"]
    client = proxied.api()
    refused = open_share(client, name, headers={"X-Forwarded-For": outside})
    assert (refused.status_code, refused.json()["detail"]) == (403, "The share does not open for this address")
    assert open_share(client, name, headers={"X-Forwarded-For": f"{inside}, {outside}"}).status_code == 403
    assert open_share(client, name, headers={"X-Forwarded-For": f"{outside}, {inside}"}).json()["access_count"] == 1


@pytest.fixture(scope="module")
def proxied(installation):
    node = installation.daemon("proxied-links", http__trusted_proxies="127.0.0.1")
    yield node
    assert node.stop() == 0


def test_a_share_ends(account, colleague, api, secret):
    name = share(account, secret, seconds=2)["id"]
    other = targeted(account, secret, person(colleague)["id"], seconds=2)
    assert not outbound(account)[0]["is_expired"]
    wait.until(lambda: open_share(api, name).status_code == 410, "the share to end", 20)
    wait.until(lambda: accept(colleague, other).status_code == 410, "the share to end", 20)
    assert [item["is_expired"] for item in outbound(account)] == [True, True]
    assert [item["is_expired"] for item in inbound(colleague)] == [True]
    assert colleague.post(f"/v1/shares/{other}/decline").status_code == 204


# -- counters

def test_a_share_opens_as_often_as_it_says(account, api, secret):
    name = share(account, secret, max_access_count=2)["id"]
    assert [open_share(api, name).status_code for _ in range(4)] == [200, 200, 410, 410]
    assert outbound(account)[0]["access_count"] == 2


def test_of_a_hundred_at_once_exactly_so_many_read(account, daemon, vault):
    secret = vault.put("raced", VALUE, max_access_count=60).json()["id"]
    one, other = (share(account, secret, max_access_count=most)["id"] for most in (20, 50))
    clients = [daemon.api() for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: (n % 2, open_share(clients[n % 20], (one, other)[n % 2])), range(100)))
    opened = [(which, answer.json()["access_count"]) for which, answer in answers if answer.status_code == 200]
    assert {answer.status_code for _, answer in answers} == {200, 410}
    assert len(opened) == 60
    counts = [item["access_count"] for item in outbound(account)]
    for which in (0, 1):
        mine = sorted(count for share_of, count in opened if share_of == which)
        assert mine == list(range(1, len(mine) + 1)) and len(mine) == counts[which]
    assert counts == [20, 40], "one by its own limit, the other by the secret's"
    assert vault.get("raced").status_code == 410


def test_both_counters_move_or_neither(account, api, vault, daemon):
    secret = vault.put("few", VALUE, max_access_count=3).json()["id"]
    name, spent = share(account, secret)["id"], share(account, secret, max_access_count=1)["id"]
    assert open_share(api, spent).status_code == 200
    assert open_share(api, spent).status_code == 410
    assert [open_share(api, name).status_code for _ in range(3)] == [200, 200, 410]
    assert [item["access_count"] for item in outbound(account)] == [2, 1]
    assert daemon.psql_owner(f"SELECT access_count FROM secret_versions WHERE secret_id = '{secret}'") == [(3,)]


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
    assert account.delete(f"/v1/org/members/{person(colleague)['id']}").status_code == 204
    assert open_share(api, name).status_code == 404


def test_an_auditor_neither_opens_nor_shares(account, colleague, api, vault, secret):
    them = person(colleague)["id"]
    grant(account, vault, colleague)
    given, taken = share(colleague, secret)["id"], targeted(account, secret, them)
    assert accept(colleague, taken).status_code == 204
    assert account.patch(f"/v1/org/members/{them}", json={"role": "auditor"}).status_code == 200
    assert open_share(colleague, taken).status_code == 403
    assert open_share(api, given).status_code == 410
    assert ask(colleague, secret).status_code == 403


def test_what_an_agent_shares_depends_on_the_agent(account, api):
    agent = Agent(account)
    name = share(agent.client, agent.put_secret())["id"]
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
    daemon.psql_owner(f"UPDATE vaults SET created_by = '{person(colleague)['id']}' WHERE id = '{vault.id}'")
    assert open_share(api, link["id"]).status_code == 410
    daemon.psql_owner(f"UPDATE vaults SET created_by = '{person(account)['id']}' WHERE id = '{vault.id}'")
    assert open_share(api, link["id"]).json()["access_count"] == 1


def grant(account, vault, client, **members):
    """A policy that lets that person read what lies below "db"; its path."""
    body = {"secret_path_pattern": "db/**", "principal_type": "user", "principal_id": person(client)["id"],
            "permissions": ["read"], **members}
    made = account.post(vault.path() + "/policies", json=body)
    assert made.status_code == 201, made.text
    return f"{vault.path()}/policies/{made.json()['id']}"


def test_a_share_is_as_good_as_its_makers_policy(account, colleague, api, vault, secret):
    policy = grant(account, vault, colleague)
    name = share(colleague, secret)["id"]
    assert ask(colleague, vault.put("other", VALUE).json()["id"]).status_code == 403
    assert open_share(api, name).status_code == 200
    assert account.delete(policy).status_code == 204
    gone = open_share(api, name)
    assert (gone.status_code, gone.json()["detail"]) == (410, "The secret is no longer shared")
    grant(account, vault, colleague)
    assert open_share(api, name).json()["access_count"] == 2


def test_the_conditions_of_a_policy_hold_where_the_share_is_opened(account, colleague, vault, secret, proxied):
    grant(account, vault, colleague, conditions={"ip_allowlist": ["203.0.113.0/24"]})
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
    assert ask(agent.client, vault.put("other", VALUE).json()["id"]).status_code == 403
    name = share(agent.client, secret)["id"]
    assert open_share(api, name).status_code == 200
    assert account.patch(agent.path, json={"scopes": ["other/*"]}).status_code == 200
    assert open_share(api, name).status_code == 410


@pytest.mark.parametrize("kind", ["private_key", "ssh_key", "password"])
def test_agents_that_sign_transactions_get_no_keys_by_shares(account, vault, kind):
    agent = Agent(account, intents_api_enabled=True)
    secret = vault.put("key", VALUE, type=kind).json()["id"]
    name = targeted(account, secret, agent.id, "agent")
    assert accept(agent.client, name).status_code == 204
    withheld = kind != "password"
    assert open_share(agent.client, name).status_code == (403 if withheld else 200)
    own = agent.put_secret(type=kind)
    assert ask(agent.client, own).status_code == (403 if withheld else 201)
    assert outbound(account)[0]["access_count"] == (0 if withheld else 1)


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


# -- lists

def test_lists_show_each_side_its_shares(account, colleague, other_account, secret):
    me, them = person(account)["id"], person(colleague)["id"]
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
    me = person(account)["id"]
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
    name = targeted(account, secret, person(colleague)["id"], passphrase="open-sesame", ip_allowlist=["127.0.0.1"],
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
    them = person(colleague)["id"]
    name = targeted(account, secret, them)
    link = share(account, secret)["id"]
    open_share(colleague, name)
    accept(colleague, name)
    open_share(colleague, name)
    open_share(api, link)
    account.delete(f"/v1/share/{link}")
    colleague.post(f"/v1/shares/{name}/decline")
    created = wait.until(lambda: events(account, "share.create"), "the records")
    assert [event["details"]["recipient_type"] for event in created] == [LINK, "user"]
    assert created[1]["details"]["recipient"] == them and created[1]["details"]["path"] == "db/password"
    ids = [event["resource_id"] for event in created]
    accesses = wait.until(lambda: len(events(account, "share.access")) == 3 and events(account, "share.access"), "the records")
    assert [(event["actor_type"], event["details"]["outcome"]) for event in accesses] == [
        ("anonymous", "success"), ("user", "success"), ("user", "denied")]
    assert [event["details"]["share"] for event in accesses[:2]] == ids
    assert {event["resource_id"] for event in accesses[:2]} == {secret}
    for action, actor in (("share.accept", them), ("share.decline", them), ("share.revoke", person(account)["id"])):
        recorded = events(account, action)
        assert [(event["actor_id"], event["resource_type"]) for event in recorded] == [(actor, "share")]
    log = json.dumps(created + accesses)
    assert name not in log and link not in log
