"""Completion in bash, zsh and fish: it loads, offers what exists, and nothing in a name can run."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.paths import CLAVIGER, SOURCE

DIRECTORY = SOURCE / "packaging" / "completion"
FILES = {"bash": "claviger.bash", "zsh": "_claviger", "fish": "claviger.fish"}
TYPES = ["generic", "password", "api_key", "private_key", "certificate", "file", "note", "ssh_key", "env_bundle", "env"]

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_claviger
printf '%s\\n' "${COMPREPLY[@]}"
"""

# A shell on a pseudo-terminal in which a line is typed and completed, and then echoed instead of run: zsh has no
# other way to ask for completions.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; PATH='$PATH'; unsetopt zle_bracketed_paste 2>/dev/null"
zpty -w shell "autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' list-colors ''; LISTMAX=0; COLUMNS=200"
zpty -w shell "zstyle ':completion:*' list-prompt ''; zstyle ':completion:*' menu no; source '$1'; bindkey '^I' complete-word"
zpty -w shell "echo ready-\${:-now}"
typeset text all
while zpty -r shell text; do [[ $text == *ready-now* ]] && break; done
zpty -n -w shell "$2"$'\t\x01'"echo 'line-end' #"$'\n'
while zpty -r shell text; do all+=$text; [[ $text == *line-end*$'\n'* && $text != *echo* ]] && break; done
print -r -- "$all"
zpty -d shell
"""


def environment(cli):
    return cli.environment | {"PATH": f"{Path(CLAVIGER).parent}:{os.environ['PATH']}"}


def bash(cli, *words):
    result = subprocess.run(["bash", "-c", BASH, "bash", str(DIRECTORY / "claviger.bash"), *words],
                            capture_output=True, text=True, timeout=60, env=environment(cli), cwd=cli.home)
    assert result.returncode == 0 and result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


def fish(cli, line):
    script = f"source {DIRECTORY / 'claviger.fish'}; complete -C {json.dumps(line)}"
    result = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, timeout=60,
                            env=environment(cli), cwd=cli.home)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return [row.split("\t")[0] for row in result.stdout.splitlines()]


def zsh(cli, line):
    result = subprocess.run(["zsh", "-f", "-c", ZSH, "zsh", str(DIRECTORY / "_claviger"), line],
                            capture_output=True, text=True, timeout=60, env=environment(cli) | {"TERM": "dumb"},
                            cwd=cli.home)
    return result.stdout


@pytest.mark.parametrize("shell", FILES)
def test_the_command_prints_the_packaged_file(offline, shell):
    assert offline.ok("completion", shell) == (DIRECTORY / FILES[shell]).read_bytes()


@pytest.mark.parametrize("shell", FILES)
def test_the_file_is_well_formed(shell):
    subprocess.run([shell, "-n", str(DIRECTORY / FILES[shell])], check=True, timeout=60)


def test_bash_loads_where_errors_and_unset_names_are_fatal():
    subprocess.run(["bash", "-euc", 'source "$1"', "bash", str(DIRECTORY / "claviger.bash")], check=True, timeout=60)
    subprocess.run(["shellcheck", "-s", "bash", str(DIRECTORY / "claviger.bash")], check=True, timeout=60)


@pytest.mark.parametrize("shell", FILES)
def test_every_option_of_the_help_can_be_completed(offline, shell):
    from test_usage import COMMANDS, help_of, options_in
    text = (DIRECTORY / FILES[shell]).read_text()
    for command in COMMANDS:
        for option in options_in(help_of(offline, command)) - {"--help"}:
            spelling = rf"-l {option[2:]}\b" if shell == "fish" else rf"{option}\b"
            assert re.search(spelling, text), f"{option} of '{command}'"


def test_bash_offers_commands_and_options(offline):
    assert {"vault", "secret", "run", "audit"} <= set(bash(offline, "claviger", ""))
    assert bash(offline, "claviger", "va") == ["vault"]
    assert bash(offline, "claviger", "mfa", "") == ["status", "setup", "confirm", "disable"]
    assert bash(offline, "claviger", "mfa", "disable", "--with") == ["--with-password"]
    assert bash(offline, "claviger", "--output", "json", "vault", "cr") == ["create"]
    assert bash(offline, "claviger", "secret", "put", "--exp") == ["--expires-at", "--expires-in"]
    assert bash(offline, "claviger", "secret", "put", "--type", "") == TYPES
    assert bash(offline, "claviger", "--output", "") == ["text", "json"]
    assert "printf" in bash(offline, "claviger", "run", "--vault", "v", "--", "print")
    (offline.home / "export file").write_text("")
    assert "export file" in bash(offline, "claviger", "audit", "verify", "exp")


def test_fish_offers_commands_and_options(offline):
    assert {"vault", "secret", "run", "audit"} <= set(fish(offline, "claviger "))
    assert fish(offline, "claviger va") == ["vault"]
    assert fish(offline, "claviger mfa se") == ["setup"]
    assert fish(offline, "claviger mfa confirm --code-s") == ["--code-stdin"]
    assert fish(offline, "claviger --output json vault cr") == ["create"]
    assert fish(offline, "claviger secret put v p --exp") == ["--expires-at", "--expires-in"]
    assert set(fish(offline, "claviger secret put v p --type ")) == set(TYPES)


def test_zsh_offers_commands(offline):
    assert "vault" in zsh(offline, "claviger va")
    assert "--expires-at" in zsh(offline, "claviger secret put v p --expires-a")
    assert "--with-password" in zsh(offline, "claviger mfa disable --with")
    assert "describe" in zsh(offline, "claviger secret des")


@pytest.mark.parametrize("complete", [
    lambda cli: bash(cli, "claviger", "vault", "show", ""),
    lambda cli: bash(cli, "claviger", "secret", "get", "v", ""),
    lambda cli: fish(cli, "claviger vault show "),
], ids=["bash vaults", "bash secrets", "fish vaults"])
def test_without_a_session_nothing_is_offered_and_nothing_is_said(offline, complete):
    assert complete(offline) == []


HOSTILE = ["$(touch ran)", "`touch ran`", "; touch ran", "a b", "it's", '"q"', "*", "-rf", "\\", "$HOME", "ü"]


@pytest.fixture
def named(cli, account):
    for name in HOSTILE:
        account.create_vault(name)
    vault = account.create_vault("plain")
    vault.put("db/password", "x")
    vault.put("db/user", "x")
    return cli


def test_bash_offers_names_quoted(named):
    offered = bash(named, "claviger", "vault", "show", "")
    unquoted = subprocess.run(["bash", "-c", "eval printf \"'%s\\n'\" " + '"$1"', "bash", " ".join(offered)],
                              capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert set(unquoted) == {*HOSTILE, "plain"}
    assert bash(named, "claviger", "run", "--vault", "pl") == ["plain"]
    assert bash(named, "claviger", "secret", "get", "plain", "db/p") == ["db/password"]
    assert bash(named, "claviger", "secret", "list", "a") == ["a\\ b"]
    assert not (named.home / "ran").exists()


def test_fish_offers_names(named):
    assert {*HOSTILE, "plain"} >= set(fish(named, "claviger vault show "))
    assert fish(named, "claviger secret get pl") == ["plain"]
    assert fish(named, "claviger run --vault pl") == ["plain"]
    assert fish(named, "claviger secret get plain db/p") == ["db/password"]
    assert not (named.home / "ran").exists()


def test_zsh_offers_names(named):
    assert "plain" in zsh(named, "claviger vault show pl")
    assert "plain" in zsh(named, "claviger secret get pl")
    assert "password" in zsh(named, "claviger secret get plain db/p")
    assert not (named.home / "ran").exists()
