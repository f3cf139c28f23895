"""The program's own route table."""

import functools
import json
import re
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


def fill(pattern, some_id):
    """A path that the pattern matches: every id in it is this one."""
    return re.sub(r"\{\w+_id\}", some_id, pattern).replace("{path}", "a")
