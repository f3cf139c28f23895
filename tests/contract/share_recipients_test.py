"""Shares that are addressed to a person, an agent or an address: acceptShare, declineShare, listInboundShares."""

import secrets

import pytest
from support import wait
from support.audit import events
from support.rights import Agent
from support.sharing import VALUE, accept, ask, inbound, open_share, outbound, share, targeted


def test_a_person_accepts_and_opens(account, colleague, secret):
    name = targeted(account, secret, colleague.id)
    early = open_share(colleague, name)
    assert (early.status_code, early.json()["detail"]) == (403, "The share has not been accepted yet")
    assert accept(colleague, name).status_code == 204
    assert accept(colleague, name).status_code == 204
    body = open_share(colleague, name).json()
    assert (body["value"], body["access_count"]) == (VALUE, 1)


def test_nobody_else_opens_it(account, colleague, other_account, api, secret):
    name = targeted(account, secret, colleague.id)
    assert accept(colleague, name).status_code == 204
    assert open_share(api, name).status_code == 401
    assert open_share(api.with_token("nonsense"), name).status_code == 401
    for client in (account, other_account, Agent(account).key):
        assert open_share(client, name).status_code == 403
    for client in (account, other_account, Agent(account).key):
        assert accept(client, name).status_code == 404
        assert client.post(f"/v1/shares/{name}/decline").status_code == 404
    assert outbound(account)[0]["access_count"] == 0


def test_a_declined_share_is_gone(account, colleague, secret):
    name = targeted(account, secret, colleague.id)
    assert colleague.post(f"/v1/shares/{name}/decline").status_code == 204
    assert open_share(colleague, name).status_code == 404
    assert accept(colleague, name).status_code == 404
    assert colleague.post(f"/v1/shares/{name}/decline").status_code == 404
    assert inbound(colleague) == outbound(account) == []


def test_an_agent_opens_with_its_key_and_its_token(account, api, secret):
    agent = Agent(account)
    name = targeted(account, secret, agent.id, "agent")
    assert accept(agent.key, name).status_code == 204
    token = api.post("/v1/auth/agent-token", json={"api_key": agent.key.token}).json()["access_token"]
    assert [open_share(client, name).json()["access_count"] for client in (agent.key, api.with_token(token))] == [1, 2]
    assert account.delete(agent.path).status_code == 204
    assert open_share(agent.key, name).status_code == 401


def test_an_id_is_of_one_kind(account, secret):
    """A person's id among the agents is nobody's."""
    assert ask(account, secret, "agent", recipient_id=account.me()["id"]).status_code == 404


def test_an_agent_shares_with_its_creator(account, colleague):
    agent = Agent(account)
    made = share(agent.key, agent.put_secret(), "creator")
    assert [item["id"] for item in inbound(account)] == [made["id"]]
    assert inbound(account)[0]["created_by"] == f"agent:{agent.id}"
    assert inbound(colleague) == []
    assert accept(account, made["id"]).status_code == 204
    assert open_share(account, made["id"]).json()["value"] == "agents-value"


def test_an_agent_without_a_creator_cannot(account, colleague, api, daemon):
    agent = Agent(colleague)
    secret = agent.put_secret()
    assert colleague.delete("/v1/auth/me", json={"confirmation": "DELETE MY ACCOUNT"}).status_code == 204
    assert ask(agent.key, secret, "creator").status_code == 400


def test_an_agent_shares_with_no_address(account):
    agent = Agent(account)
    assert ask(agent.key, agent.put_secret(), "external_email", email="a@example.org").status_code == 403


def test_ip_rules_of_the_recipient_hold(installation):
    node = installation.daemon("proxied-shares", http__trusted_proxies="127.0.0.1")
    account = node.api().signup()
    secret = account.create_vault().put("a", VALUE).json()["id"]
    name = targeted(account, secret, account.me()["id"])
    anyone = share(account, secret)["id"]
    assert accept(account, name).status_code == 204
    rule = {"rule_type": "allow", "cidr": "203.0.113.9"}
    office, elsewhere = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.7"}
    assert account.post("/v1/security/ip-rules", json=rule, headers=office).status_code == 201
    assert open_share(account, name, headers=elsewhere).status_code == 403
    assert open_share(account, name, headers=office).status_code == 200
    assert open_share(account, anyone, headers=elsewhere).status_code == 200
    assert node.stop() == 0


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
    colleague_id = recipient.me()["id"]
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
    assert [event["details"].get("mail") for event in events(account, action="share.create")] == ["too many"] * 2 + [None] * 2
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
