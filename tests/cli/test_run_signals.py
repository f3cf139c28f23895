"""run: signals reach the program once, and stopping it stops both."""

import contextlib
import signal
import subprocess
import sys

import pytest

from support import wait
from support.paths import BUILD
from terminal import Terminal

# Prints each signal it gets, until it reads a line; then how many it got.
LISTENER = """
import os, signal, sys
got = []
def note(number, frame):
    got.append(number)
    os.write(1, f"got {signal.Signals(number).name}\\n".encode())
for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"):
    signal.signal(getattr(signal, "SIG" + name), note)
print("ready", flush=True)
sys.stdin.readline()
print("total", len(got), flush=True)
"""
PYTHON = sys.executable


@pytest.fixture
def keyed(vault):
    vault.put("key", "value")
    return vault


def start(cli, vault, program, **options):
    return cli.popen("run", "--vault", vault.name, "--", PYTHON, "-c", program, stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, **options)


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH"])
def test_a_signal_sent_to_us_reaches_the_program(cli, keyed, name):
    process = start(cli, keyed, LISTENER)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.stdout.readline() == f"got SIG{name}\n".encode()
    rest, _ = process.communicate(b"\n", timeout=60)
    assert rest == b"total 1\n"
    assert process.returncode == 0


def test_a_signal_that_ends_the_program_ends_us_with_its_number(cli, keyed):
    process = start(cli, keyed, "print('ready', flush=True); import time; time.sleep(600)")
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    process.communicate()


def test_ctrl_c_on_the_terminal_reaches_the_program_once(cli, keyed):
    terminal = Terminal(cli, "run", "--vault", keyed.name, "--", PYTHON, "-c", LISTENER)
    terminal.wait_for(b"ready")
    terminal.type("\x03")
    terminal.wait_for(b"got SIGINT")
    terminal.type("\n")
    terminal.wait_for(b"total 1")
    assert terminal.end() == 0


def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def child_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return int(file.read().split()[0])


def test_stopping_and_continuing(cli, keyed):
    # In our session, in a group of its own: the kernel does not stop a group that nobody could continue.
    process = start(cli, keyed, LISTENER, start_new_session=False, process_group=0)
    assert process.stdout.readline() == b"ready\n"
    child = child_of(process.pid)
    process.send_signal(signal.SIGTSTP)
    wait.until(lambda: state(process.pid) == "T" and state(child) == "T", "both to stop")
    process.send_signal(signal.SIGCONT)
    wait.until(lambda: state(process.pid) != "T" and state(child) != "T", "both to go on")
    rest, _ = process.communicate(b"\n", timeout=60)
    assert rest == b"total 0\n" and process.returncode == 0


def test_the_program_starts_with_the_signals_we_were_given(cli, keyed):
    def ignore_hangup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    masks = cli.ok("run", "--vault", keyed.name, "--", "grep", "Sig", "/proc/self/status", preexec_fn=ignore_hangup)
    found = dict(line.split(":\t") for line in masks.decode().splitlines())
    assert int(found["SigBlk"], 16) == 0
    assert int(found["SigIgn"], 16) & (1 << (signal.SIGHUP - 1))


def test_no_secret_stays_in_our_memory_while_the_program_runs(cli, keyed):
    needle = "canary-" + "5c1d" * 8
    keyed.put("key", needle)
    process = start(cli, keyed, LISTENER)
    assert process.stdout.readline() == b"ready\n"
    assert memory_holds(child_of(process.pid), needle.encode())
    # The thread sanitizer's allocator, unlike the C library's, overwrites nothing that is freed. Without CAP_SYS_PTRACE
    # nobody may look at all, which keeps the promise as well.
    if BUILD.name != "tsan":
        with contextlib.suppress(PermissionError):
            assert not memory_holds(process.pid, needle.encode())
    process.communicate(b"\n", timeout=60)


def memory_holds(pid, needle):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            addresses, permissions, *_, = line.split()[:2]
            if "r" not in permissions or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            begin, end = (int(text, 16) for text in addresses.split("-"))
            if end - begin > 1 << 32:
                continue  # a sanitizer's shadow memory; nothing of a plain build is that large
            memory.seek(begin)
            try:
                if needle in memory.read(end - begin):
                    return True
            except OSError:
                continue
    return False
