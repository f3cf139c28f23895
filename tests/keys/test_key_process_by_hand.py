"""A key process that somebody else than the daemon starts, or that is told nonsense."""

import fcntl
import os
import re
import socket
import subprocess

import pytest
from support.daemon import ROOT_FLAGS
from support.paths import CLAVIGERD


def test_by_hand_it_does_not_start(own_installation, tmp_path):
    config = own_installation.write_config(tmp_path / "by-hand.conf")
    words = [str(CLAVIGERD), "key-process", "--config", str(config), *ROOT_FLAGS]
    result = subprocess.run(words, capture_output=True, text=True, timeout=60, env=own_installation.environment())
    assert result.returncode == 2 and "clavigerd run" in result.stderr

    # A stranger's socket with no ledger beside it.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs.fileno()}', "bash", *words], pass_fds=[theirs.fileno()],
            env=own_installation.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        theirs.close()
        ours.settimeout(30)
        assert ours.recv(200)[0] == 65  # hello
        told = ours.recv(4096)
        while told and told[0] == 68:
            told = ours.recv(4096)
        assert told[0] == 67 and b"ledger" in told
        assert process.wait(timeout=30) == 0


def pair_of(uid, gid):
    """Two ends of a channel that a process of that account has made."""
    here, there = socket.socketpair()
    maker = os.fork()
    if maker == 0:
        os.setgid(gid)
        os.setuid(uid)
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(there, [b"x"], [end.fileno() for end in ends])
        os._exit(0)
    os.waitpid(maker, 0)
    _, ends, _, _ = socket.recv_fds(here, 1, 2)
    return [socket.socket(fileno=end) for end in ends]


@pytest.mark.parametrize("foreign", ["user", "group"])
def test_it_serves_nobody_of_another_account(own_installation, tmp_path, foreign):
    """Only root can make such a channel; the check is the same for whoever runs it."""
    config = own_installation.write_config(tmp_path / "stranger.conf")
    root = os.geteuid() == 0
    ours, theirs = pair_of(65534 if root and foreign == "user" else os.geteuid(),
                           65534 if root and foreign == "group" else os.getegid())
    with ours:
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs.fileno()}', "bash", str(CLAVIGERD), "key-process", "--config", str(config),
             *ROOT_FLAGS], pass_fds=[theirs.fileno()], env=own_installation.environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        theirs.close()
        ours.settimeout(60)
        first = ours.recv(4096)
        _, errors = process.communicate(timeout=60)
    if root:
        assert first == b"" and process.returncode == 2 and "another account" in errors
    else:
        assert first[0] == 65


def test_nobody_may_talk_nonsense_to_it(own_installation, tmp_path):
    """With a ledger of ours it starts, and ends at the first thing that is no request; no answer comes."""
    config = own_installation.write_config(tmp_path / "nonsense.conf")
    ledger = os.memfd_create("claviger-ledger", os.MFD_ALLOW_SEALING)
    os.ftruncate(ledger, 4096)
    seal, seals = 1033, 1 | 2 | 4  # F_ADD_SEALS; SEAL, SHRINK, GROW
    fcntl.fcntl(ledger, seal, seals)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [str(CLAVIGERD), "key-process", "--config", str(config), *ROOT_FLAGS]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{theirs.fileno()} 4<>/proc/self/fd/{ledger}', "bash", *words],
        pass_fds=[theirs.fileno(), ledger], env=own_installation.environment(), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    theirs.close()
    with ours:
        ours.settimeout(60)
        kinds = []
        while 66 not in kinds:
            kinds.append(ours.recv(4096)[0])
        assert kinds[0] == 65 and set(kinds) <= {65, 66, 68}
        ours.send(bytes([3]) + bytes(24) + b"no data key")
        rest = []
        while message := ours.recv(4096):
            rest.append(message[0])
        assert 64 not in rest
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search("key_protocol_violated", errors)
