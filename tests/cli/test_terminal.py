"""Questions asked on a terminal."""

import signal

from terminal import Terminal


def test_the_password_is_asked_for_and_not_shown(stranger, account):
    terminal = Terminal(stranger, "login", "--password", "--email", account.email)
    terminal.wait_for(b"Password: ")
    assert not terminal.echoes()
    terminal.type(account.password + "\n")
    assert terminal.end() == 0, terminal.output
    assert account.password.encode() not in terminal.output
    stranger.ok("whoami")


def test_signup_asks_twice(stranger):
    terminal = Terminal(stranger, "signup", "--email", "twice@example.org")
    terminal.wait_for(b"Password: ")
    terminal.type("Gr0und-water-Level!\n")
    terminal.wait_for(b"again: ")
    terminal.type("Gr0und-water-Other!\n")
    assert terminal.end() == 1
    assert b"differ" in terminal.output and b"Gr0und" not in terminal.output


def test_an_interrupted_question_leaves_the_terminal_as_it_was(stranger):
    terminal = Terminal(stranger, "login", "--password", "--email", "a@example.org")
    terminal.wait_for(b"Password: ")
    assert not terminal.echoes()
    with terminal.kept_open():
        terminal.type("\x03")
        assert terminal.wait() == -signal.SIGINT
        assert terminal.echoes()


def test_a_value_is_asked_for_and_not_shown(cli, vault):
    terminal = Terminal(cli, "secret", "put", vault.name, "typed")
    terminal.wait_for(b"Value: ")
    terminal.type("typed-value\n")
    assert terminal.end() == 0, terminal.output
    assert b"typed-value" not in terminal.output
    assert cli.ok("secret", "get", vault.name, "typed") == b"typed-value"


def test_a_value_shown_on_a_terminal_ends_its_line(cli, vault):
    vault.put("shown", "the-value")
    terminal = Terminal(cli, "secret", "get", vault.name, "shown")
    assert terminal.end() == 0
    assert terminal.output == b"the-value\r\n"


def test_deletion_asks_first(cli):
    cli.ok("vault", "create", "asked")
    for answer, status in (("n", 1), ("", 1), ("yeah", 1), ("y", 0)):
        terminal = Terminal(cli, "vault", "delete", "asked")
        terminal.wait_for(b"[y/N] ")
        terminal.type(answer + "\n")
        assert terminal.end() == status, terminal.output
    assert cli.ok("vault", "list", "--names-only") == b""
