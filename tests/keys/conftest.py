"""Tests of what holds the keys: the HSM and its faults, the processes in front of it and what shuts them in."""

from support.paths import SANITIZED

# A build with a sanitizer has no sandbox.
collect_ignore = ["test_sandbox.py" if SANITIZED else "test_no_sandbox.py"]
