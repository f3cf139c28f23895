"""What a share asks of whoever opens it, and how often it opens."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import wait
from support.sharing import VALUE, accept, inbound, open_share, outbound, share, targeted


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
    name = targeted(account, secret, account.me()["id"], passphrase="open-sesame")
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


def test_a_share_ends(account, colleague, api, secret):
    name = share(account, secret, seconds=2)["id"]
    other = targeted(account, secret, colleague.id, seconds=2)
    assert not outbound(account)[0]["is_expired"]
    wait.until(lambda: open_share(api, name).status_code == 410, "the share to end", 20)
    wait.until(lambda: accept(colleague, other).status_code == 410, "the share to end", 20)
    assert [item["is_expired"] for item in outbound(account)] == [True, True]
    assert [item["is_expired"] for item in inbound(colleague)] == [True]
    assert colleague.post(f"/v1/shares/{other}/decline").status_code == 410
    assert account.delete(f"/v1/share/{other}").status_code == 204


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
