"""What `cmake --install` puts on a machine."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from sources import ROOT, read


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The root of a machine on which only `cmake --install --prefix /usr` was run."""
    root = tmp_path_factory.mktemp("machine")
    build = os.environ.get("CLAVIGER_BUILD_DIR", str(ROOT / "build" / "release"))
    subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], check=True, capture_output=True, timeout=60,
                   env={**os.environ, "DESTDIR": str(root)})
    return root


def test_the_programs_run(installed):
    for program in ("usr/sbin/clavigerd", "usr/bin/claviger"):
        version = subprocess.run([str(installed / program), "--version"], check=True, capture_output=True, text=True,
                                 timeout=60).stdout
        assert re.fullmatch(rf"{Path(program).name} \d+\.\d+\.\d+\n", version)


def test_every_page_completion_and_document_is_there(installed):
    names = {path.name for path in installed.rglob("*") if path.is_file()}
    for folder in ("docs", "docs/man", "packaging/postgresql", "packaging/systemd", "packaging/sysusers.d", "packaging/tmpfiles.d"):
        missing = {path.name for path in (ROOT / folder).iterdir() if path.is_file() and path.name != "CMakeLists.txt"}
        assert not missing - names
    for completion in ("bash-completion/completions/claviger", "bash-completion/completions/clavigerd", "zsh/vendor-completions/_claviger",
                       "fish/vendor_completions.d/claviger.fish"):
        assert (installed / "usr/share" / completion).is_file()


SERVICES = ("clavigerd.service", "clavigerd-keys.service", "clavigerd-rotate@.service")


@pytest.mark.parametrize("service", SERVICES)
def test_the_unit_starts_what_was_installed_under_the_account_that_is_made(installed, service):
    unit = (installed / "usr/lib/systemd/system" / service).read_text()
    program = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE).group(1)
    assert os.access(installed / program.lstrip("/"), os.X_OK)
    account = re.search(r"^User=(\S+)", unit, re.MULTILINE).group(1)
    made = re.findall(r"^u (\S+)", (installed / "usr/lib/sysusers.d/claviger.conf").read_text(), re.MULTILINE)
    assert account in made


@pytest.mark.parametrize("service", SERVICES)
def test_the_sandbox_of_the_unit_stays_tight(service):
    result = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15",
                             str(ROOT / "packaging/systemd" / service)], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout[-600:]


@pytest.mark.parametrize("unit", [*SERVICES, "clavigerd-keys.socket"])
def test_systemd_understands_every_line_of_the_unit(unit, tmp_path):
    """With a program that is there, for the one it names is not installed on this machine."""
    for path in (ROOT / "packaging/systemd").iterdir():
        text = re.sub(r"(?m)^Documentation=.*\n", "", path.read_text())
        (tmp_path / path.name).write_text(re.sub(r"(?m)^(ExecStart=)\S+", r"\1/bin/true", text))
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                             str(tmp_path / unit.replace("@.", "@token-key."))], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr, result.stderr


def _members(name):
    """A set of system calls, as systemd has it."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True, timeout=60)
    words = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(_members(word) if word.startswith("@") else {word} for word in words))


def _allowed_by(service):
    allowed = _members("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", read(f"packaging/systemd/{service}"), re.MULTILINE):
        for word in line.removeprefix("~").split():
            calls = _members(word) if word.startswith("@") else {word}
            allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


@pytest.mark.parametrize("service", ["clavigerd.service", "clavigerd-keys.service"])
def test_the_unit_allows_what_the_processes_allow_themselves(service):
    """Their own filters are narrower; a call that the unit forbids would kill them where they do not expect it."""
    own = set(re.findall(r'(?:[{(]|Where\()"(\w+)"', read("daemon/sandbox/system_calls.cc")))
    assert {"execve", "futex", "landlock_restrict_self", "sched_setscheduler", "accept4"} <= own
    assert not own - _allowed_by(service) - {"capset"}  # which is called only where there is something to drop


def test_what_the_timers_start_is_a_rotation_that_the_daemon_knows(installed):
    units = installed / "usr/lib/systemd/system"
    commands = subprocess.run([str(installed / "usr/sbin/clavigerd"), "--help"], check=True, capture_output=True, text=True,
                              timeout=60).stdout
    named = re.findall(r"clavigerd-rotate@([\w-]+)", (units / "clavigerd-rotate@.service").read_text())
    assert named == ["token-key", "audit-key"]
    command = re.search(r"^ExecStart=\S+ (.*?) --", (units / "clavigerd-rotate@.service").read_text(), re.MULTILINE).group(1)
    for name in named:
        assert re.search(rf"^\s*{command.replace('%i', name)}\b", commands, re.MULTILINE)
    calendar = re.search(r"^OnCalendar=(.*)$", (units / "clavigerd-rotate@.timer").read_text(), re.MULTILINE).group(1)
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_the_manual_of_operations_names_what_the_unit_reads(service):
    read_by_unit = set(re.findall(r"^[^#\n]*(/etc/claviger(?:-keys)?/[\w.-]+)", read(f"packaging/systemd/{service}"), re.MULTILINE))
    assert read_by_unit
    assert not [path for path in read_by_unit if path not in read("docs/OPERATIONS.md")]
