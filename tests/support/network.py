"""Hosts of a network of our own: namespaces on two bridges, one to clients and one to the database.

    198.18.N.0/24  clients:   we are .1, host i is .(11 + i)
    198.19.N.0/24  database:  we are .1, host i is .(11 + i)

N is claimed by a lock that lives as long as this process. What a run left behind that was killed is removed by the next.
"""

import fcntl
import ipaddress
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from . import wait

LINKS = ("clients", "database")
NUMBERS = range(256)
# States of a port of a bridge (if_bridge.h).
DISABLED, FORWARDING = "0", "3"

NEED = "these tests need network namespaces, hence root with CAP_SYS_ADMIN and CAP_NET_ADMIN"

_claims = []


def _run(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout


def _try(*command):
    subprocess.run(command, capture_output=True, timeout=30)


def _claim(number):
    place = Path(tempfile.gettempdir()) / f"claviger-test-networks-{os.geteuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    claim = open(place / str(number), "w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        return None
    return claim


def prefix_of(number):
    """Begins the names of all that a network has. Names of interfaces have 15 characters at most."""
    return f"clv{number}-"


def namespaces(prefix=""):
    return [line.split()[0] for line in _run("ip", "netns", "list").splitlines() if line.startswith(prefix)]


def interfaces(prefix=""):
    names = (path.name for path in Path("/sys/class/net").iterdir())
    return sorted(name for name in names if name.startswith(prefix))


def _remove(number):
    """All that bears the names of a network, and the processes in it."""
    prefix = prefix_of(number)
    for name in namespaces(prefix):
        for pid in _run("ip", "netns", "pids", name).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        _try("ip", "netns", "delete", name)
    for name in interfaces(prefix):
        _try("ip", "link", "delete", name)


def remove_leftovers():
    """Of runs that are no more."""
    ours = "clv"
    names = {name.partition("-")[0] for name in (*namespaces(ours), *interfaces(ours)) if "-" in name}
    for number in (int(name[len(ours):]) for name in names if name[len(ours):].isdigit()):
        if (claim := _claim(number)) is not None:
            _remove(number)
            claim.close()


class Host:
    """A namespace with an address on each link. Nothing is routed between the two."""

    def __init__(self, network, index):
        self.name = f"{network.prefix}{index}"
        self._ports = {link: f"{self.name}{link[0]}" for link in LINKS}
        self.addresses = {link: str(network.subnets[link][11 + index]) for link in LINKS}
        self.address = self.addresses["clients"]
        _run("ip", "netns", "add", self.name)
        _run("ip", "-n", self.name, "link", "set", "lo", "up")
        for link in LINKS:
            port = self._ports[link]
            _run("ip", "link", "add", port, "type", "veth", "peer", "name", link, "netns", self.name)
            _run("ip", "link", "set", port, "master", network.bridges[link], "up")
            _run("ip", "-n", self.name, "address", "add", f"{self.addresses[link]}/24", "dev", link)
            _run("ip", "-n", self.name, "link", "set", link, "up")
        # The kernel takes a moment to see that both ends of a cable are there.
        for link in LINKS:
            wait.until(lambda: self._state(link) == FORWARDING, f"{self._ports[link]} to forward")

    def enter(self):
        """What stands before a command that is to run here, in the same process."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def cut(self, link):
        """No packet passes any more, in either direction, and nobody is told."""
        _run("bridge", "link", "set", "dev", self._ports[link], "state", DISABLED)

    def _state(self, link):
        return Path(f"/sys/class/net/{self._ports[link]}/brport/state").read_text().strip()

    def heal(self, link):
        _run("bridge", "link", "set", "dev", self._ports[link], "state", FORWARDING)

    def heal_all(self):
        for link in LINKS:
            self.heal(link)


class Network:
    """Made at once; close() removes it."""

    def __init__(self, hosts):
        if os.geteuid() != 0:
            raise AssertionError(NEED)
        remove_leftovers()
        for self.number in NUMBERS:
            if (claim := _claim(self.number)) is not None:
                break
        else:
            raise AssertionError("no network is free")
        _claims.append(claim)
        self._claim = claim
        self.prefix = prefix_of(self.number)
        self.bridges = {link: f"{self.prefix}{link[0]}" for link in LINKS}
        self.subnets = {link: ipaddress.ip_network(f"198.{18 + i}.{self.number}.0/24") for i, link in enumerate(LINKS)}
        # Ours, on each link.
        self.addresses = {link: str(subnet[1]) for link, subnet in self.subnets.items()}
        try:
            for link in LINKS:
                _run("ip", "link", "add", self.bridges[link], "type", "bridge")
                _run("ip", "address", "add", f"{self.addresses[link]}/24", "dev", self.bridges[link])
                _run("ip", "link", "set", self.bridges[link], "up")
            self.hosts = [Host(self, index) for index in range(hosts)]
        except AssertionError as fault:
            self.close()
            raise AssertionError(f"{NEED}: {fault}") from fault

    def close(self):
        _remove(self.number)
        _claims.remove(self._claim)
        self._claim.close()
