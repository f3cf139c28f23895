"""TCP ports for servers that take a number before they listen."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# As many as the longest run needs, many times over.
SPAN = 8000

_claims = []


def _span():
    """Below those that the kernel gives to connections: none of these is taken by a connection of somebody's."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return range(max(first_given - SPAN, 1024), first_given)


def _claim(port):
    """Whether the port is ours now, for as long as this process lives."""
    place = Path(tempfile.gettempdir()) / f"claviger-test-ports-{os.geteuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    claim = open(place / str(port), "w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_port():
    """A port that no other process of the tests is given while this one lives, and on which nobody listens."""
    for port in random.sample(_span(), 100):
        if _claim(port):
            return port
    raise AssertionError("none of 100 ports is free")
