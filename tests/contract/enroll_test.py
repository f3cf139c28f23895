"""enrollAgent, and what comes of it by mail."""

import re

import pytest
from support import wait
from support.agents import AGENTS, exchange, path_of
from support.audit import events

ENROLL = "/v1/agents/enroll"
NOBODY = "00000000-0000-0000-0000-000000000000"
EVIL = "Visit http://evil.example now"


def enroll(node, email, name="deploy", **members):
    return node.api().post(ENROLL, json={"human_email": email, "name": name, **members})


def enroll_again(node, email):
    """As if ten minutes had passed."""
    node.psql_owner("DELETE FROM guess_budgets")
    assert enroll(node, email).status_code == 201


def wait_served(node, email):
    wait.until(lambda: node.psql_owner(f"SELECT count(*) FROM enrollments WHERE email = '{email}'") == [(0,)],
               "the enrollment to be served")


def credential(message):
    """Id and key of the agent."""
    text = message.get_payload()
    return re.search(r"agent +([0-9a-f-]{36})\b", text).group(1), re.search(r"\bocv_[\w-]{43}\b", text).group()


def copies(node, agent_id, count, members="enrolled, NULL"):
    """So many more agents like this one; `members`: whether they were enrolled, and when they were used."""
    node.psql_owner(
        "INSERT INTO agents (org_id, id, name, description, auth_method, mac, tokens_valid_from, scopes, vault_ids,"
        " is_active, intents_api_enabled, tx_to_allowlist, tx_allowed_chains, ssh_public_key, ecdh_public_key, created_by,"
        " created_at, enrolled, last_active_at) SELECT org_id, gen_random_uuid(), name, '', auth_method,"
        " sha256((random()::text || n)::bytea), now(), '[]', '[]', true, false, '[]', '[]', ssh_public_key,"
        f" ecdh_public_key, created_by, now(), {members} FROM agents, generate_series(1, {count}) n WHERE id = '{agent_id}'")


def test_the_person_gets_an_agent_by_mail_and_the_asker_nothing(mailing, mail, account, vault):
    vault.put("a", "canary")
    answer = enroll(mailing, account.email.upper(), description="ships")
    assert answer.status_code == 201
    assert answer.json().keys() == {"agent_id", "message"} and answer.json()["agent_id"] == NOBODY
    agent_id, key = credential(mail.wait_for(account.email))
    [agent] = account.get(AGENTS).json()["agents"]
    assert (agent["id"], agent["name"], agent["description"]) == (agent_id, "deploy", "ships")
    assert (agent["auth_method"], agent["is_active"], agent["scopes"], agent["vault_ids"]) == ("api_key", True, [], [])
    me = account.get("/v1/agents/me", token=key).json()
    assert (me["id"], me["org_id"], me["created_by"]) == (agent_id, account.me()["org_id"], account.me()["id"])
    assert exchange(account, agent_id=agent_id, api_key=key).status_code == 200
    assert account.get(vault.path("a"), token=key).status_code == 403
    assert key not in answer.text


def test_an_address_that_is_nobodys_gets_the_same_answer_and_no_mail(mailing, mail, account, address):
    known, unknown = enroll(mailing, account.email), enroll(mailing, address)
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert {name.lower() for name in known.headers} == {name.lower() for name in unknown.headers}
    mail.wait_for(account.email)
    wait_served(mailing, address)
    assert mail.to(address) == []


def test_the_mail_says_who_asked_and_holds_no_word_of_theirs(mailing, mail, account):
    enroll(mailing, account.email, EVIL, description=EVIL)
    message = mail.wait_for(account.email)
    agent_id, _ = credential(message)
    text = message.get_payload()
    assert message["Subject"] == "An agent in your name" and not message.defects
    assert "127.0.0.1" in text and "https://vault.example.org" in text and "evil" not in message.as_string()
    assert max(len(line) for line in text.splitlines()) <= 120
    assert account.get(f"{AGENTS}/{agent_id}").json()["name"] == EVIL


def test_an_address_can_be_asked_for_once_in_ten_minutes_whether_or_not_it_is_anybodys(mailing, mail, account, address):
    for email in (account.email, address):
        assert enroll(mailing, email).status_code == 201
        name, domain = email.split("@")
        for spelling, place in ((email, "127.0.0.1"), (email.upper(), "127.8.8.8"), (f"{name}@{domain.title()}", "127.8.8.9")):
            client = mailing.api().from_address(place)
            refused = client.post(ENROLL, json={"human_email": spelling, "name": "again"})
            assert refused.status_code == 429
            assert 590 <= int(refused.headers["Retry-After"]) <= 600
    mail.wait_for(account.email)
    wait_served(mailing, address)
    assert len(account.get(AGENTS).json()["agents"]) == 1


def test_few_agents_wait_for_their_first_use(mailing, mail, account):
    enroll(mailing, account.email)
    agent_id, key = credential(mail.wait_for(account.email))
    copies(mailing, agent_id, 9)
    enroll_again(mailing, account.email)
    told = mail.wait_for(account.email, 2)
    assert told["Subject"] == "No room for an agent" and "ocv_" not in told.get_payload()
    assert len(account.get(AGENTS).json()["agents"]) == 10

    # One that is ended makes room, and so does one that is used.
    [first, *_] = account.get(AGENTS).json()["agents"]
    assert account.delete(path_of({"agent": first})).status_code == 204
    enroll_again(mailing, account.email)
    _, key = credential(mail.wait_for(account.email, 3))
    assert account.get("/v1/agents/me", token=key).status_code == 200
    wait.until(lambda: mailing.psql_owner("SELECT count(*) FROM agents WHERE enrolled AND is_active AND last_active_at"
                                          f" IS NULL AND created_by = '{account.me()['id']}'") == [(9,)], "the use to be written")
    enroll_again(mailing, account.email)
    credential(mail.wait_for(account.email, 4))


def test_an_organisation_that_has_all_its_agents_gets_no_more(mailing, mail, account):
    made = account.post(AGENTS, json={"name": "first"}).json()
    copies(mailing, made["agent"]["id"], 9999, "false, now()")
    enroll(mailing, account.email)
    assert mail.wait_for(account.email)["Subject"] == "No room for an agent"
    assert mailing.psql_owner(f"SELECT count(*) FROM agents WHERE org_id = '{account.me()['org_id']}'") == [(10000,)]


@pytest.mark.parametrize("body", [
    {}, {"name": "n"}, {"human_email": "a@example.org"}, {"human_email": "a@example.org", "name": ""},
    {"human_email": "a@example.org", "name": "n" * 256}, {"human_email": "a@example.org", "name": "a\nb"},
    {"human_email": "a@example.org", "name": 7}, {"human_email": 7, "name": "n"}, {"human_email": "a", "name": "n"},
    {"human_email": "ä@example.org", "name": "n"}, {"human_email": "a" * 250 + "@b.c", "name": "n"},
    {"human_email": "a@b.c\r\nBcc: eve@example.org", "name": "n"}, {"human_email": "a@b.c, d@e.f", "name": "n"},
    {"human_email": "a@example.org", "name": "n", "description": "d" * 1025}], ids=lambda body: str(body)[:60])
def test_what_is_malformed_asks_for_nothing(mailing, body):
    assert mailing.api().post(ENROLL, json=body).status_code == 400
    assert mailing.psql_owner("SELECT count(*) FROM enrollments WHERE email LIKE '%@example.org'") == [(0,)]


def test_without_mail_nobody_enrolls(api, account, address):
    answers = [api.post(ENROLL, json={"human_email": email, "name": "n"}) for email in (account.email, address)]
    assert [answer.status_code for answer in answers] == [400] * 2
    assert answers[0].content == answers[1].content and "mail" in answers[0].json()["detail"]
    assert account.get(AGENTS).json() == {"agents": []}


def test_both_asking_and_making_are_on_record(mailing, mail, account):
    enroll(mailing, account.email)
    agent_id, key = credential(mail.wait_for(account.email))
    [made] = events(account, resource_id=agent_id)
    assert (made["action"], made["actor_type"], made["ip_address"]) == ("agent.enroll", "anonymous", "127.0.0.1")
    recorded = mailing.psql_owner(
        "SELECT org_id::text, action, resource_id, outcome FROM audit_events WHERE request_id ="
        f" (SELECT request_id FROM audit_events WHERE resource_id = '{agent_id}') AND action = 'agent.enroll' ORDER BY id")
    assert recorded == [(NOBODY, "agent.enroll", "", "success"),
                        (account.me()["org_id"], "agent.enroll", agent_id, "success")]
    assert mailing.psql_owner(f"SELECT count(*) FROM audit_events e WHERE e::text LIKE '%{key[4:]}%'") == [(0,)]
