"""A browser as plain HTTP: keeps the cookie, reads a page's form, sends it. And what holds of every page."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import requests

from . import openapi
from .api import TIMEOUT

COOKIE = "__Host-claviger"
CSP = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;'"


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action = None
        self.fields = {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action", "")  # to where the page is
        if tag == "input" and attributes.get("type") != "checkbox":
            self.fields[attributes["name"]] = attributes.get("value", "")


class Browser:
    def __init__(self, daemon):
        self.daemon = daemon
        self.cookie = None
        self.page = None
        self.headers = {"Sec-Fetch-Site": "same-origin", "User-Agent": "Test/1"}

    def _take(self, method, response):
        openapi.check(method, response)
        if set_cookie := response.headers.get("Set-Cookie"):
            name, _, rest = set_cookie.partition("=")
            assert name == COOKIE
            self.cookie = rest.partition(";")[0] or None
        self.page = response
        return response

    def _request(self, method, path, **arguments):
        headers = self.headers | arguments.pop("headers", {})
        if self.cookie:
            headers["Cookie"] = f"{COOKIE}={self.cookie}"
        response = requests.request(method, self.daemon.base_url + path, headers=headers, timeout=TIMEOUT,
                                    allow_redirects=False, verify=str(self.daemon.ca), **arguments)
        return self._take(method, response)

    def open(self, path="/device"):
        return self._request("GET", path)

    def form(self):
        """Action and fields of the form on the page."""
        forms = _Forms()
        forms.feed(self.page.text)
        here = urlsplit(self.page.request.url).path
        return here if forms.action == "" else forms.action, forms.fields

    def send(self, follow=True, headers=None, leave_out=(), **fields):
        """Sends the form of the page with these fields; follows where it leads."""
        action, given = self.form()
        data = {name: value for name, value in (given | fields).items() if name not in leave_out}
        response = self._request("POST", action, data=data, headers=headers or {})
        if follow and response.status_code == 303:
            return self.open(response.headers["Location"])
        return response

    def sign_in(self, account, path="/device", code=None):
        self.open(path)
        self.send(email=account.email, password=account.password)
        if code:
            self.send(code=code)
        assert "Signed in as" in self.page.text, self.page.text
        return self


def alert(page):
    found = re.search(r'<p role="alert" class="problem"><strong>Error:</strong> (.*)</p>', page.text)
    return found and found.group(1)


def at_confirmation(browser, account, login, **arguments):
    browser.sign_in(account, f"/device?code={login.user_code}", **arguments)
    page = browser.send()
    assert page.status_code == 200 and "Let this device log in?" in page.text, page.text
    return browser


def assert_hardened(page, shows=""):
    headers = page.headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Security-Policy"] == CSP
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    text = page.text.replace(shows, "") if shows else page.text
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|javascript:|https?://", text)
    assert re.search(r'<html lang="en">', text) and "width=device-width" in text
    assert ("<title>Error: " in text) == (page.status_code >= 400)
    named = set(re.findall(r'<label for="([\w-]+)"', text))
    assert named == set(re.findall(r'<input id="([\w-]+)"', text))
