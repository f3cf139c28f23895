"""Waiting for a condition, never for a time."""

import time


def until(condition, what, timeout=20.0, interval=0.05):
    """Returns the condition's first true value; fails after the timeout, naming what was awaited."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(interval)
