"""A mail server on loopback that keeps what it is sent, and fails as it is told."""

import asyncio
import email
import re
import ssl
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from . import wait
from .ports import free_port

USER, PASSWORD = "claviger", "mail-Pa55-canary"


class MailServer:
    """STARTTLS with the installation's certificate, and a login, unless told otherwise."""

    def __init__(self, installation, starttls=True, tls=False, login=True):
        self.installation = installation
        self.port = free_port()
        self.accepted = []  # (recipient, message)
        self.attempts = 0
        self.answers = []  # to the next messages, in place of 250
        self.rcpt_answers = []  # likewise to the next recipients
        self.logins = 0
        self.hostname = "127.0.0.1"
        self._free = threading.Event()  # cleared: mail is kept, but its acknowledgement held back
        self._free.set()
        self._lock = threading.Lock()
        self._login = login
        self._security = "tls" if tls else "starttls"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(installation.tls / "server.crt", installation.tls / "server.key")
        self._options = {"ssl_context": context} if tls else {}
        if starttls and not tls:
            self._options |= {"tls_context": context, "require_starttls": True}
        if login:
            self._options |= {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": not tls}
        self._controller = None
        self.start()

    def settings(self, directory, **overrides):
        """Of a daemon that sends its mail here. Retries come soon."""
        values = {
            "auth__signup": "mail", "mail__server": "127.0.0.1", "mail__port": self.port,
            "mail__security": self._security, "mail__ca_file": self.installation.ca,
            "mail__from": "vault@example.org", "mail__timeout": "5s", "mail__retry": "100ms",
            "http__public_url": "https://vault.example.org",
        }
        if self._login:
            password = directory / "mail-password"
            password.write_text(PASSWORD + "\n")
            password.chmod(0o600)
            values |= {"mail__user": USER, "mail__password_file": password}
        return values | overrides

    def start(self):
        self._controller = Controller(self, hostname=self.hostname, port=self.port, **self._options)
        self._controller.start()

    def stop(self):
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def hold(self):
        self._free.clear()

    def release(self):
        self._free.set()

    def _authenticate(self, server, session, envelope, mechanism, data):
        self.logins += 1
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        with self._lock:
            if self.rcpt_answers:
                return self.rcpt_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        with self._lock:
            self.attempts += 1
            if self.answers:
                return self.answers.pop(0)
            for recipient in envelope.rcpt_tos:
                self.accepted.append((recipient, envelope.content))
        while not self._free.is_set():
            await asyncio.sleep(0.05)
        return "250 OK"

    def to(self, recipient):
        """The mails that this address was sent, parsed, oldest first."""
        with self._lock:
            return [email.message_from_bytes(content) for address, content in self.accepted if address == recipient]

    def wait_for(self, recipient, count=1, timeout=20):
        """The newest of at least `count` mails."""
        return wait.until(lambda: self.to(recipient) if len(self.to(recipient)) >= count else None,
                          f"{count} mails to {recipient}", timeout)[-1]

    def token(self, recipient, count=1):
        """The code in the newest mail."""
        return re.search(r"\bvfy_[\w-]{43}\b", self.wait_for(recipient, count).get_payload()).group()
