"""What each process of a daemon has given up, seen from outside and tried from inside."""

import re
import signal
from pathlib import Path

import pytest
from support import wait
from support.key_process import key_processes, starter


@pytest.fixture(scope="module")
def daemon(own_installation):
    daemon = own_installation.faulty_daemon("sandboxed")
    yield daemon
    daemon.kill9()


def status(pid):
    """The facts of every thread of a process."""
    return [dict(re.findall(r"^(\w+):\s*(.*)$", (task / "status").read_text(), re.MULTILINE))
            for task in Path(f"/proc/{pid}/task").iterdir()]


def limits(pid):
    return {line[:26].strip(): line[26:].split()[0] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]}


def processes(daemon):
    return {"api": daemon.process.pid, "starter": starter(daemon), "key process": key_processes(daemon)[0]}


def try_in_key_process(daemon, act):
    """What became of it, which the next call to the module does."""
    before = len(daemon.faults.tried())
    daemon.faults.set(f"do try {act}")
    wait.until(lambda: len(daemon.faults.tried()) > before, "the act to be tried")
    daemon.faults.clear()
    return daemon.faults.tried()[-1][1]


def test_every_thread_of_each_process_is_shut_in(daemon):
    filters = {"api": 1, "starter": 1, "key process": 2}
    for name, pid in processes(daemon).items():
        # Of the capabilities, only what locked memory needs where it is limited.
        locks = 1 << 14 if limits(pid)["Max locked memory"] != "unlimited" else 0
        for thread in status(pid):
            assert (thread["NoNewPrivs"], thread["Seccomp"], thread["Seccomp_filters"]) == ("1", "2", str(filters[name])), name
            assert int(thread["CapEff"], 16) & ~locks == int(thread["CapPrm"], 16) & ~locks == 0, name
        assert limits(pid)["Max core file size"] == "0"
    told = {line["process"] for line in daemon.logs if line["message"] == "sandboxed"}
    assert told == set(processes(daemon))


def test_the_key_process_reaches_its_own_files_and_no_others(daemon, tmp_path):
    installation = daemon.installation
    outside = tmp_path / "outside"
    outside.write_text("")
    assert try_in_key_process(daemon, f"read {installation.token.pin_file}") == "done"
    assert try_in_key_process(daemon, f"write {installation.token.tokens}/file") == "done"
    for act in (f"read {outside}", f"read {daemon.config_path}", f"read {installation.tls}/server.key", "read /etc/shadow",
                f"write {tmp_path}/file", "write /usr/file"):
        assert try_in_key_process(daemon, act) == "EACCES", act
    assert try_in_key_process(daemon, "code") == "EACCES"
    assert try_in_key_process(daemon, "unix-socket") == "EACCES"  # for the system's log


@pytest.mark.parametrize("act", ["execve", "fork", "socket", "ptrace"])
def test_a_key_process_that_does_what_it_never_should_dies_of_it(daemon, act):
    before = key_processes(daemon)
    lines = len(daemon.logs)
    daemon.faults.set(f"do try {act}")
    wait.until(lambda: any(line["message"] == "key_process_lost" for line in daemon.logs[lines:]), "it to die")
    daemon.faults.clear()
    wait.until(lambda: any(line["message"] == "key_process_serves_again" for line in daemon.logs[lines:]), "the next one", 60)
    again = next(line for line in daemon.logs[lines:] if line["message"] == "key_process_serves_again")
    assert "SIGSYS" in again["before"]
    assert key_processes(daemon) not in ([], before)


@pytest.mark.parametrize("act", ["execve", "fork", "bind", "keyctl"])
def test_a_daemon_that_does_what_it_never_should_dies_of_it(own_installation, act):
    """With the module inside, so that it can be made to."""
    daemon = own_installation.faulty_daemon(f"alone-{act}", hsm__key_processes=0)
    daemon.faults.set(f"do try {act}")
    assert daemon.process.wait(timeout=30) == -signal.SIGSYS


def test_a_sandbox_that_only_logs_or_is_off_says_so_loudly(own_installation):
    for mode, word, seccomp in (("log", "the sandbox only logs", "2"), ("off", "NO SANDBOX", "0")):
        daemon = own_installation.faulty_daemon(f"mode-{mode}", process__sandbox=mode)
        try:
            assert {thread["Seccomp"] for pid in processes(daemon).values() for thread in status(pid)} == {seccomp}
            told = [line for line in daemon.logs if line["message"] == word]
            assert {line["process"] for line in told} == set(processes(daemon)) and {line["level"] for line in told} == {"warn"}
            assert try_in_key_process(daemon, "unix-socket") == "done"
        finally:
            daemon.kill9()


def test_a_pin_beside_the_certificate_is_told_of(own_installation):
    pin = own_installation.tls / "pin"
    pin.write_text(own_installation.token.pin)
    pin.chmod(0o600)
    for pin_file, told_of in ((pin, [str(own_installation.tls)]), (own_installation.token.pin_file, [])):
        daemon = own_installation.daemon(f"pin-{len(told_of)}", hsm__pin_file=pin_file)
        try:
            told = [line for line in daemon.logs if line["message"] == "the process that serves HTTP reaches a PIN"]
            assert [line["by"] for line in told] == told_of
        finally:
            daemon.kill9()


def test_a_module_gets_the_sockets_that_the_configuration_gives_it(own_installation):
    daemon = own_installation.faulty_daemon("networked", hsm__sockets="network")
    try:
        assert try_in_key_process(daemon, "socket") == "done"
        assert try_in_key_process(daemon, "read /etc/hosts") == "done"
    finally:
        daemon.kill9()


def test_a_module_that_may_write_nowhere_is_told_of(own_installation):
    """As a configuration is from before there was a sandbox, of a module that keeps its tokens in files."""
    result = own_installation.run("run", hsm__write_path=None, process__startup_wait="100ms")
    assert result.returncode == 4 and "hsm.write_path is not set" in result.stderr
