"""Completion of clavigerd in bash: it offers what the program has."""

import subprocess

import pytest
from support.paths import CLAVIGERD, SOURCE

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_clavigerd
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(*words, cwd=SOURCE):
    result = subprocess.run(["bash", "-c", BASH, "bash", str(SOURCE / "packaging" / "completion" / "clavigerd.bash"),
                             str(CLAVIGERD), *words], capture_output=True, text=True, timeout=60, cwd=cwd)
    assert result.returncode == 0 and result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


def test_each_command_is_offered_word_by_word():
    commands = [line[2:].split("  ")[0].strip() for line in subprocess.run(
        [str(CLAVIGERD), "--help"], capture_output=True, text=True, timeout=60).stdout.splitlines()
        if line.startswith("  ")]
    assert "rotate root-key destroy-old" in commands
    for command in commands:
        words = command.split()
        for count in range(len(words)):
            assert words[count] in offered(*words[:count], words[count][:2]), command
    assert offered("rotate", "root-key", "") == ["destroy-old", "pause", "status"]


@pytest.mark.parametrize("words, some, none", [
    (("rekey", "--"), {"--to", "--nodes-ready", "--config", "--hsm.es256"}, {"--manifest"}),
    (("verify", "--"), {"--manifest", "--hsm.pin_file"}, {"--to"}),
    (("verify", "--config", "clavigerd.conf", "--man"), {"--manifest"}, {"--config"}),
])
def test_options_are_those_of_the_command(words, some, none):
    assert some <= set(offered(*words)) and not none & set(offered(*words))


def test_values_are_offered_where_they_are_known(tmp_path):
    (tmp_path / "clavigerd.conf").touch()
    assert offered("run", "--config", "clav", cwd=tmp_path) == ["clavigerd.conf"]
    assert offered("routes", "--output", "") == ["text", "json"]
    assert offered("rekey", "--to", "") == []
