"""The network of these tests itself: what is cut is silent, and nothing of it stays."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from support import network as networks
from support import wait
from support.paths import SOURCE

PORT = 7


@pytest.fixture
def echo(network):
    """Ours on the database's link: answers each line."""
    server = socket.create_server((network.addresses["database"], PORT))

    def serve(connection):
        with connection, connection.makefile("rwb", buffering=0) as lines:
            for line in lines:
                lines.write(line)

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield
    server.shutdown(socket.SHUT_RDWR)
    server.close()


SPEAKER = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30)
for line in sys.stdin.buffer:
    connection.sendall(line)
    connection.settimeout(60)
    sys.stdout.buffer.write(connection.recv(100))
    sys.stdout.buffer.flush()
"""


class Speaker:
    """A process on a host with a connection to the echo."""

    def __init__(self, network, host):
        self.process = subprocess.Popen(
            [*host.enter(), sys.executable, "-c", SPEAKER, network.addresses["database"], str(PORT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.heard = []
        threading.Thread(target=lambda: self.heard.extend(self.process.stdout), daemon=True).start()

    def say(self, word):
        self.process.stdin.write(word + b"\n")
        self.process.stdin.flush()

    def close(self):
        self.process.kill()
        self.process.wait(timeout=30)


def test_a_cut_link_is_silent_and_heals(network, echo):
    speakers = [Speaker(network, host) for host in network.hosts[:2]]
    try:
        for speaker in speakers:
            speaker.say(b"one")
            wait.until(lambda: speaker.heard == [b"one\n"], "an echo")
        network.hosts[0].cut("database")
        for speaker in speakers:
            speaker.say(b"two")
        wait.until(lambda: speakers[1].heard == [b"one\n", b"two\n"], "an echo at the host that is not cut off")
        assert speakers[0].heard == [b"one\n"] and speakers[0].process.poll() is None
        network.hosts[0].heal("database")
        wait.until(lambda: speakers[0].heard == [b"one\n", b"two\n"], "what was said to come through", timeout=30)
    finally:
        network.hosts[0].heal("database")
        for speaker in speakers:
            speaker.close()


MAKER = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from support.network import Network
network = Network(1)
inside = subprocess.Popen([*network.hosts[0].enter(), "sleep", "1000"])
print(network.prefix, inside.pid, flush=True)
sys.stdin.read()
"""


def test_what_a_killed_run_leaves_is_removed_and_what_lives_is_not(network):
    run = subprocess.Popen([sys.executable, "-c", MAKER, str(SOURCE / "tests")], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
    try:
        prefix, inside = run.stdout.readline().split()
        networks.remove_leftovers()
        assert networks.namespaces(prefix) and networks.interfaces(prefix), "a living run lost its network"
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait(timeout=30)
    assert networks.namespaces(prefix) and networks.interfaces(prefix), "nothing was left behind"
    networks.remove_leftovers()
    assert not networks.namespaces(prefix) and not networks.interfaces(prefix)
    wait.until(lambda: not os.path.exists(f"/proc/{inside}"), "the process inside to end")
    assert len(networks.namespaces(network.prefix)) == len(network.hosts)


def test_without_the_right_to_make_it_the_reason_is_plain(monkeypatch):
    monkeypatch.setattr(networks.os, "geteuid", lambda: 1000)
    with pytest.raises(AssertionError, match="need network namespaces, hence root"):
        networks.Network(1)
