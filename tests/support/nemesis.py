"""Whoever makes nodes fail, by a plan that a seed determines."""

import os
import random
import time
from typing import NamedTuple

SEED = "CLAVIGER_NEMESIS_SEED"
FAULTS = ("kill", "stop", "cut database", "cut clients")


class Blow(NamedTuple):
    """`hold` and `rest` in seconds: how long the fault lasts, and how long all is well afterwards."""

    fault: str
    node: int
    hold: float
    rest: float
    # Another node falls at the same time.
    second: tuple | None = None


def seed():
    """That of the environment, to see a failure again, or a new one."""
    return int(os.environ.get(SEED) or random.randrange(2**32))


def plan(number, nodes, blows):
    """Each fault comes at least once if there are blows enough; one node at least is always well."""
    chance = random.Random(number)
    faults = list(FAULTS) + [chance.choice(FAULTS) for _ in range(blows - len(FAULTS))]
    chance.shuffle(faults)
    made = []
    for fault in faults[:blows]:
        first, other = chance.sample(range(nodes), 2)
        second = (chance.choice(FAULTS), other) if nodes > 2 and chance.random() < 0.3 else None
        made.append(Blow(fault, first, chance.uniform(0.5, 3.0), chance.uniform(0.2, 1.0), second))
    return made


class Nemesis:
    """Carries out a plan on daemons that have hosts of their own."""

    def __init__(self, nodes):
        self._nodes = nodes

    def strike(self, fault, node):
        node = self._nodes[node]
        if fault == "kill":
            node.kill9()
        elif fault == "stop":
            node.pause()
        else:
            node.host.cut(fault.removeprefix("cut "))

    def undo(self, fault, node):
        node = self._nodes[node]
        if fault == "kill":
            node.start(ready=False)
        elif fault == "stop":
            node.resume()
        else:
            node.host.heal(fault.removeprefix("cut "))

    def run(self, blows):
        """Returns when all is well again; that nodes are ready is for the caller to await."""
        for blow in blows:
            struck = [(blow.fault, blow.node), *([blow.second] if blow.second else [])]
            for each in struck:
                self.strike(*each)
            time.sleep(blow.hold)
            for each in struck:
                self.undo(*each)
            time.sleep(blow.rest)
