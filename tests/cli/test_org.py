"""org members, invite, role and remove."""

import json

import pytest
from command import Cli
from support.people import join

PASSWORD = "Gr0und-Water-Runs-Deep!"


@pytest.fixture
def colleague(daemon, account):
    """Another member; returns their account."""
    newcomer = daemon.api().signup()
    join(daemon, newcomer, account)
    return newcomer


def listed(cli):
    return {member["email"]: member for member in json.loads(cli.ok("org", "members", "--output", "json"))["members"]}


def test_members_are_listed(cli, account, colleague):
    table = cli.ok("org", "members").decode().splitlines()
    assert table[0].split() == ["EMAIL", "ROLE", "NAME", "ID"] and len(table) == 3
    members = listed(cli)
    assert (members[account.email]["role"], members[colleague.email]["role"]) == ("owner", "member")


def test_a_role_is_changed_by_address_or_id(cli, colleague):
    changed = json.loads(cli.ok("org", "role", colleague.email, "admin", "--output", "json"))
    assert changed["role"] == "admin"
    assert b"auditor" in cli.ok("org", "role", changed["id"], "auditor")
    assert b"member" in cli.ok("org", "role", changed["id"], "member")
    assert listed(cli)[colleague.email]["role"] == "member"


def test_a_member_is_removed(cli, colleague):
    assert "--yes" in cli.fails(2, "org", "remove", colleague.email)
    user = listed(cli)[colleague.email]["id"]
    assert json.loads(cli.ok("org", "remove", colleague.email, "--yes", "--output", "json")) == {"removed": user}
    assert colleague.email not in listed(cli)
    cli.fails(4, "org", "remove", user, "--yes")


def test_what_is_refused(cli, account):
    assert "needs an owner" in cli.fails(1, "org", "role", account.email, "member")
    assert "no member" in cli.fails(4, "org", "role", "nobody@example.org", "member")
    assert "signup by mail" in cli.fails(1, "org", "invite", "new@example.org")
    for words in (["role", account.email, "king"], ["role", account.email], ["invite"],
                  ["invite", "a@b.c", "--role", "x"]):
        assert cli.run("org", *words).returncode == 2


@pytest.mark.parametrize("signup", ["mail", "closed"])
def test_somebody_is_invited_and_joins(installation, mailing, mail, address, tmp_path, signup):
    ann, bob = address, "bob" + address
    node = mailing if signup == "mail" else installation.daemon(
        "mailing-closed", **mail.settings(installation.directory, auth__signup=signup))
    owner, guest = (Cli(tmp_path / "owner", mailing.base_url, mailing.ca), Cli(tmp_path / "guest", node.base_url, node.ca))
    owner.ok("signup", "--email", ann, "--password-stdin", stdin=PASSWORD)
    owner.ok("verify-email", "--code-stdin", stdin=mail.token(ann))
    answer = json.loads(owner.ok("org", "invite", bob, "--role", "admin", "--output", "json"))
    assert answer["email"] == bob
    assert f"signup --email {bob}" in mail.wait_for(bob).get_payload()
    guest.ok("signup", "--email", bob, "--password-stdin", stdin=PASSWORD)
    guest.ok("verify-email", "--code-stdin", stdin=mail.token(bob, 2))
    assert {email: member["role"] for email, member in listed(guest).items()} == {ann: "owner", bob: "admin"}
    assert guest.run("org", "remove", ann, "--yes").returncode == 5
    if node is not mailing:
        assert node.stop() == 0
