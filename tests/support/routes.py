"""The program's own route table."""

import functools
import json
import subprocess

from .paths import CLAVIGERD


@functools.cache
def table():
    """A row for every route: method, pattern, operationId, auth ("none" or who must come), action."""
    printed = subprocess.run([str(CLAVIGERD), "routes", "--output", "json"], check=True, capture_output=True, text=True,
                             timeout=60, env={"PATH": "/usr/bin:/bin"})
    return json.loads(printed.stdout)


def authenticated():
    """(method, pattern) of every route that wants a token."""
    return [(route["method"], route["pattern"].replace("...}", "}")) for route in table() if route["auth"] != "none"]
