"""Requests that no HTTP library would send: targets and bodies go out byte for byte."""

import json
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def parse(received):
    """The one answer in the bytes that a connection gave until it closed."""
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in headers:
        assert len(body) == int(headers["content-length"]), "the answer's length is not what it says"
    return Answer(int(status_line.split()[1]), headers, body)


def send(account, method, target, body=b""):
    """`target` is bytes or ASCII text; the account's token goes along."""
    target = target if isinstance(target, bytes) else target.encode("ascii")
    head = (f"Host: claviger.test\r\nAuthorization: Bearer {account.token}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    request = method.encode() + b" " + target + b" HTTP/1.1\r\n" + head.encode() + body
    answer = parse(account.exchange(request))
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json", answer
        assert answer.json()["status"] == answer.status
    return answer
