"""The processes that hold a daemon's keys, seen from outside."""

import os
import signal
import struct
from pathlib import Path

from . import wait


def _children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _name(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except FileNotFoundError:
        return ""


def starter(daemon):
    """The one process that the daemon has forked."""
    return next((pid for pid in _children(daemon.process.pid) if _name(pid) == "clavigerd-start"), None)


def key_processes(daemon):
    """Those that have begun, in the order of their start; a dead one that nobody has asked for yet is left out."""
    parent = starter(daemon)
    return named("clavigerd-keys", parent) if parent else []


def named(name, parent):
    """The living children of that name."""
    return sorted(pid for pid in _children(parent) if _name(pid) == name and _state(pid) != "Z")


def beside(daemon):
    """All processes of a daemon but the one that serves."""
    return [pid for pid in (starter(daemon), *key_processes(daemon)) if pid]


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def open_files(pid):
    """{what it is open at: its link}, of what was not closed while we looked."""
    targets = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets[os.readlink(link)] = link
        except FileNotFoundError:
            pass
    return targets


def unended_logins(daemon):
    """What the ledger has of the first token that somebody logged in to (daemon/key_process/ledger.h)."""
    ledger = next(link for target, link in open_files(starter(daemon)).items() if "claviger-ledger" in target)
    with open(ledger, "rb") as page:
        _, unended, _ = struct.unpack("@QII", page.read(24)[8:])
    return unended


def mapped_files(pid):
    return {line.split(maxsplit=5)[5].strip() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
            if len(line.split(maxsplit=5)) == 6}


class Stopped:
    """with Stopped(pid): it does nothing. Afterwards it goes on, if it is still there."""

    def __init__(self, pid):
        self._pid = pid

    def __enter__(self):
        os.kill(self._pid, signal.SIGSTOP)
        wait.until(lambda: _state(self._pid) == "T", "it to stop")

    def __exit__(self, *_):
        try:
            os.kill(self._pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def gone(pid):
    return not Path(f"/proc/{pid}").exists() or _state(pid) == "Z"
