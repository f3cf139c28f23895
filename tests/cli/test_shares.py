"""share create, list, accept, decline, revoke and open."""

import json

import pytest
from command import Cli
from support.people import join
from support.rights import Agent
from support.sharing import inbound, outbound, share
from terminal import Terminal

VALUE = "the-shared-value"


@pytest.fixture
def secret(account):
    vault = account.create_vault("v")
    return vault.put("db/password", VALUE).json()["id"]


@pytest.fixture
def colleague(account, api, daemon, tmp_path):
    """A member of the same organisation, with a command line of their own."""
    newcomer = api.signup()
    client = join(daemon, newcomer, account)
    cli = Cli(tmp_path / "colleague", daemon.base_url, daemon.ca)
    cli.ok("login", "--password", "--email", newcomer.email, "--password-stdin", stdin=newcomer.password)
    cli.email, cli.client = newcomer.email, client
    return cli


def create(cli, *arguments, **options):
    return cli.ok("share", "create", "v", "db/password", *arguments, **options)


def test_a_link_is_printed_alone_and_opens_without_an_account(cli, stranger, tmp_path, daemon, secret, account):
    link = create(cli, "--link", "--max-reads", "3").decode().strip()
    assert link.startswith(f"{daemon.base_url}/v1/share/")
    nobody = Cli(tmp_path / "nobody", daemon.base_url, daemon.ca)
    assert nobody.ok("share", "open", link) == VALUE.encode()
    assert nobody.ok("share", "open", link.rpartition("/")[2]) == VALUE.encode()
    target = tmp_path / "value"
    about = json.loads(nobody.ok("share", "open", link, "--file", target, "--output", "json"))
    assert target.read_text() == VALUE and target.stat().st_mode & 0o777 == 0o600
    assert about["access_count"] == 3 and "value" not in about
    nobody.fails(4, "share", "open", link)


def test_json_has_the_whole_answer(cli, secret):
    made = json.loads(create(cli, "--link", "--output", "json"))
    assert made["recipient_type"] == "anyone_with_link" and made["max_access_count"] == 0
    opened = json.loads(cli.ok("share", "open", made["id"], "--output", "json"))
    assert (opened["value"], opened["path"]) == (VALUE, "db/password")


def test_bytes_come_back_as_they_were_put(cli, account):
    account.create_vault("v")
    value = bytes(range(256))
    cli.ok("secret", "put", "v", "db/password", stdin=value)
    assert cli.ok("share", "open", create(cli, "--link").decode().strip()) == value


def test_a_member_accepts_and_opens(cli, colleague, secret):
    created = create(cli, "--user", colleague.email).decode()
    assert "user" in created
    name = json.loads(colleague.ok("share", "list", "--inbound", "--output", "json"))["shares"][0]["id"]
    table = cli.ok("share", "list").decode().splitlines()
    assert table[0].split() == ["ID", "SECRET", "TO", "STATE", "READ", "EXPIRES"]
    assert name in table[1] and "db/password" in table[1] and "not accepted" in table[1]
    assert "accepted" in colleague.fails(5, "share", "open", name)
    assert json.loads(colleague.ok("share", "accept", name, "--output", "json")) == {"accepted": name}
    assert colleague.ok("share", "open", name) == VALUE.encode()
    assert "open" in cli.ok("share", "list").decode().splitlines()[1]
    cli.fails(5, "share", "open", name)
    inbound_table = colleague.ok("share", "list", "--inbound").decode().splitlines()
    assert "FROM" in inbound_table[0] and "user:" in inbound_table[1]


def test_declining_and_revoking_need_a_confirmation(cli, colleague, secret):
    for verb, client, done in (("decline", colleague, "declined"), ("revoke", cli, "revoked")):
        create(cli, "--user", colleague.email)
        name = json.loads(cli.ok("share", "list", "--output", "json"))["shares"][0]["id"]
        assert "--yes" in client.fails(2, "share", verb, name)
        assert json.loads(client.ok("share", verb, name, "--yes", "--output", "json")) == {done: name}
        client.fails(4, "share", verb, name, "--yes")
    assert json.loads(cli.ok("share", "list", "--output", "json")) == {"shares": []}


def test_an_owner_ends_what_a_member_shares_by_its_id_in_the_log(cli, colleague):
    colleague.ok("vault", "create", "theirs")
    colleague.ok("secret", "put", "theirs", "a", stdin=VALUE)
    link = colleague.ok("share", "create", "theirs", "a", "--link").decode().strip()
    row = json.loads(cli.ok("audit", "list", "--action", "share.create", "--output", "json"))["events"][0]["resource_id"]
    colleague.fails(4, "share", "revoke", row, "--yes")
    cli.ok("share", "revoke", row, "--yes")
    colleague.fails(4, "share", "open", link)
    assert json.loads(colleague.ok("share", "list", "--output", "json")) == {"shares": []}


def test_an_agent_is_named_and_shares_with_its_creator(cli, account, secret, daemon, tmp_path):
    agent = Agent(account, "sharer")
    create(cli, "--agent", "sharer")
    assert [item["id"] for item in inbound(agent.key)] == [item["id"] for item in outbound(account)]
    agent.put_secret("db/password")
    program = Cli(tmp_path / "agent", daemon.base_url, daemon.ca)
    key = {"CLAVIGER_API_KEY": agent.key.token}
    program.ok("share", "create", f"of-{agent.id}", "db/password", "--creator", env=key)
    assert len(inbound(account)) == 1


def test_a_passphrase_comes_from_a_file_from_stdin_or_from_the_terminal(cli, secret, tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("Größe 🔑\n")
    link = create(cli, "--link", "--passphrase-file", passphrase).decode().strip()
    assert "passphrase" in cli.fails(3, "share", "open", link)
    assert cli.ok("share", "open", link, "--passphrase-file", passphrase) == VALUE.encode()
    assert cli.ok("share", "open", link, "--passphrase-stdin", stdin="Größe 🔑\n") == VALUE.encode()
    cli.fails(3, "share", "open", link, "--passphrase-stdin", stdin="wrong")
    terminal = Terminal(cli, "share", "open", link)
    terminal.wait_for(b"Passphrase of the share: ")
    terminal.type("Größe 🔑\n")
    assert terminal.end() == 0 and VALUE.encode() in terminal.output


@pytest.mark.parametrize("passphrase", [b"", b"\n", b"a\nb", b"\xff"])
def test_what_is_no_passphrase(cli, secret, passphrase):
    cli.fails(1, "share", "create", "v", "db/password", "--link", "--passphrase-stdin", stdin=passphrase)


def test_an_address_a_network_and_an_end(cli, secret, account):
    create(cli, "--email", "someone@example.org", "--allow-ip", "192.0.2.0/24", "--allow-ip", "2001:db8::/32",
           "--expires-at", "2028-01-01T00:00:00Z")
    listed = outbound(account)[0]
    assert (listed["recipient_email"], listed["expires_at"]) == ("someone@example.org", "2028-01-01T00:00:00.000000Z")
    create(cli, "--link", "--allow-ip", "192.0.2.0/24")
    cli.fails(5, "share", "open", outbound(account)[1]["id"])


def test_a_link_of_another_server_is_not_followed(cli, secret):
    assert "--url" in cli.fails(1, "share", "open", "https://other.example/v1/share/4f9a1c52-7f0e-4d1b-9a55-0123456789ab")
    cli.fails(1, "share", "open", "http://127.0.0.1/v1/share/x")


def test_what_makes_no_sense(cli, secret, account):
    for words in (["create", "v", "db/password"], ["create", "v", "db/password", "--link", "--creator"],
                  ["create", "v", "db/password", "--link", "--max-reads", "0"], ["create", "v", "--link"], ["open"],
                  ["create", "v", "db/password", "--link", "--expires-in", "soon"], ["accept"], []):
        assert cli.run("share", *words).returncode == 2, words
    cli.fails(4, "share", "create", "v", "no/secret", "--link")
    cli.fails(4, "share", "create", "v", "db/password", "--user", "nobody@example.org")
    cli.fails(4, "share", "create", "v", "db/password", "--agent", "nobody")
    cli.fails(1, "share", "create", "v", "db/password", "--creator")
    assert outbound(account) == []
    cli.fails(4, "share", "accept", share(account, secret)["id"])
