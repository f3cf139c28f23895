"""ip-rule list, add and remove."""

import json


def test_the_life_of_a_rule(cli):
    assert json.loads(cli.ok("ip-rule", "list", "--output", "json")) == {"rules": []}
    added = json.loads(cli.ok("ip-rule", "add", "deny", "192.0.2.0/24", "--label", "scanners", "--applies-to", "agents",
                              "--output", "json"))
    assert (added["rule_type"], added["cidr"], added["label"], added["applies_to"]) == (
        "deny", "192.0.2.0/24", "scanners", "agents")
    shown = cli.ok("ip-rule", "add", "block", "2001:db8::7").decode()
    assert "2001:db8::7" in shown and "block" in shown
    listed = json.loads(cli.ok("ip-rule", "list", "--output", "json"))["rules"]
    assert listed[0] == added and [rule["cidr"] for rule in listed] == ["192.0.2.0/24", "2001:db8::7"]
    table = cli.ok("ip-rule", "list").decode().splitlines()
    assert table[0].split()[:3] == ["ID", "TYPE", "NETWORK"] and added["id"] in table[1] and "scanners" in table[1]
    assert json.loads(cli.ok("ip-rule", "remove", added["id"], "--yes", "--output", "json")) == {"deleted": added["id"]}
    cli.fails(4, "ip-rule", "remove", added["id"], "--yes")


def test_removing_needs_a_confirmation(cli):
    added = json.loads(cli.ok("ip-rule", "add", "deny", "192.0.2.1", "--output", "json"))
    assert "--yes" in cli.fails(2, "ip-rule", "remove", added["id"])
    assert added["id"].encode() in cli.ok("ip-rule", "list")


def test_nobody_shuts_themselves_out(cli):
    assert "exclude" in cli.fails(1, "ip-rule", "add", "deny", "127.0.0.0/8")
    assert "exclude" in cli.fails(1, "ip-rule", "add", "allow", "192.0.2.0/24")


def test_what_is_no_rule(cli):
    cli.fails(1, "ip-rule", "add", "deny", "10.0.0.1/8")
    for words in (["add", "drop", "192.0.2.1"], ["add", "deny"], ["add", "deny", "192.0.2.1", "--applies-to", "cats"]):
        assert cli.run("ip-rule", *words).returncode == 2
    cli.fails(4, "ip-rule", "remove", "no-id", "--yes")
