"""Limits with numbers small enough to reach. Every test comes from addresses of its own."""

import itertools
import secrets

PER_ADDRESS = 12
PER_ACCOUNT = 4
PER_FAMILIAR = 3

_numbers = itertools.count(10)


def address():
    """A loopback address that no test has used."""
    number = next(_numbers)
    return f"127.9.{number // 200}.{number % 200 + 1}"


def unknown_email():
    return f"{secrets.token_hex(8)}@example.org"


def statuses(responses):
    return [response.status_code for response in responses]


def assert_refused(response):
    assert response.status_code == 429
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"].isdecimal() and int(response.headers["Retry-After"]) >= 1
    body = response.json()
    assert (body["type"], body["title"], body["status"]) == ("about:blank", "Too Many Requests", 429)
