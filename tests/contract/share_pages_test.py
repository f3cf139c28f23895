"""accessShare and revealShare as a browser without scripts meets them, and programs that look at links."""

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.browser_form import CSP, Browser, alert
from support.sharing import VALUE, inbound, open_share, outbound, share

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
OFFER, SHOWN, NOTHING = "A secret is shared with you", "The secret", "This link shows nothing"


@pytest.fixture
def browser(daemon):
    browser = Browser(daemon)
    browser.headers |= {"Accept": ACCEPT}
    return browser


def path_of(made):
    return f"/v1/share/{made['id']}"


def heading(page):
    return html.unescape(re.search("<h1>(.*)</h1>", page.text).group(1))


def value_on(page):
    return html.unescape(re.search(r'<pre class="value"[^>]*>\n(.*?)</pre>', page.text, re.S).group(1))


def count_of(account):
    return outbound(account)[0]["access_count"]


# -- looking shows nothing

def test_a_page_at_the_link_shows_nothing_until_somebody_asks(browser, account, secret):
    made = share(account, secret, max_access_count=1)
    for _ in range(3):
        page = browser.open(path_of(made))
        assert (page.status_code, heading(page)) == (200, OFFER)
        assert VALUE not in page.text and "db/password" not in page.text
        assert "shown once" in page.text
    assert count_of(account) == 0
    assert open_share(account.anonymous(), made["id"]).status_code == 200


@pytest.mark.parametrize("headers", [
    {"Accept": ACCEPT}, {"Accept": "text/html"}, {"Accept": "application/json;q=0.1, TEXT/HTML"},
    {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}, {"User-Agent": "Twitterbot/1.0"},
    {"User-Agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
    {"User-Agent": "WhatsApp/2.23.20.0"}, {"User-Agent": "TelegramBot (like TwitterBot)"},
    {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"},
    {"User-Agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
    {"User-Agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0)"}, {"User-Agent": "Mattermost-Bot/1.1"},
    {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {"X-Purpose": "preview"}],
    ids=lambda headers: str(headers)[:50])
def test_whoever_only_looks_gets_the_page(api, account, secret, headers):
    made = share(account, secret, max_access_count=1)
    response = api.get(path_of(made), headers={"Accept": "*/*"} | headers)
    assert (response.status_code, heading(response)) == (200, OFFER)
    assert VALUE not in response.text and count_of(account) == 0


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"Content-Type": "application/json"},
                                     {"Authorization": "Bearer x"}, {"X-Share-Passphrase": "x"}], ids=str)
def test_a_bot_that_speaks_the_api_gets_the_value(api, account, secret, headers):
    response = api.get(path_of(share(account, secret)), headers={"User-Agent": "deploy-bot/1.0"} | headers)
    assert (response.status_code, response.json()["value"]) == (200, VALUE)


def test_a_look_is_recorded_as_one(browser, account, secret):
    browser.open(path_of(share(account, secret)))
    browser.open(path_of(share(account, secret, ip_allowlist=["192.0.2.1"])))
    recorded = account.get("/v1/audit/events", params={"action": "share.look"}).json()["events"]
    assert [(event["actor_type"], event["resource_type"], event["details"].get("reason")) for event in recorded] == [
        ("anonymous", "share", "The share does not open for this address"), ("anonymous", "share", None)]


def test_the_page_keeps_to_the_rules_of_pages(browser, account, secret):
    page = browser.open(path_of(share(account, secret)))
    for name, value in (("Content-Security-Policy", CSP), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
                        ("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff")):
        assert page.headers[name] == value
    assert page.headers["Set-Cookie"].endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")
    assert "<script" not in page.text


# -- asking shows it

def test_the_button_shows_it_and_counts(browser, account, secret):
    made = share(account, secret, max_access_count=2)
    assert "2 times more" in browser.open(path_of(made)).text
    page = browser.send()
    assert (page.status_code, heading(page), value_on(page)) == (200, SHOWN, VALUE)
    assert "db/password" in page.text and page.headers["Cache-Control"] == "no-store"
    assert count_of(account) == 1
    browser.open(path_of(made))
    assert value_on(browser.send()) == VALUE
    page = browser.open(path_of(made))
    assert (page.status_code, heading(page)) == (410, NOTHING) and "as often as allowed" in alert(page)


@pytest.mark.parametrize("value", ["\n\nbegins with lines\n", "<b>&amp;</b>\"'</pre><script>alert(1)</script>", "a\tb\r\nc",
                                   "Größe 🔑", " spaces "], ids=repr)
def test_a_value_is_shown_as_it_is(browser, account, vault, value):
    browser.open(path_of(share(account, vault.put("odd", value).json()["id"])))
    page = browser.send()
    assert value_on(page) == value and "<script" not in page.text


def test_a_value_that_is_not_text_says_so(browser, account, vault):
    secret = vault.put("key", "AAEC", metadata={"claviger_encoding": "base64"}).json()["id"]
    browser.open(path_of(share(account, secret)))
    assert "Base64" in browser.send().text


def test_two_who_press_at_the_same_moment_are_not_both_shown_the_last_one(daemon, account, secret):
    made = share(account, secret, max_access_count=1)
    browsers = [Browser(daemon) for _ in range(6)]
    for one in browsers:
        one.headers |= {"Accept": ACCEPT}
        one.open(path_of(made))
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(lambda one: one.send().status_code, browsers)) == [200] + [410] * 5


def test_a_passphrase_is_asked_for(browser, account, secret):
    made = share(account, secret, passphrase="Größe 🔑", max_access_count=1)
    assert 'name="passphrase" type="password"' in browser.open(path_of(made)).text
    for passphrase in ("", "wrong"):
        page = browser.send(passphrase=passphrase)
        assert (page.status_code, heading(page), alert(page)) == (403, OFFER, "Wrong passphrase.")
    assert count_of(account) == 0
    assert value_on(browser.send(passphrase="Größe 🔑")) == VALUE


def test_guesses_at_the_page_have_the_budget_of_the_route(installation):
    node = installation.daemon("guessed-pages", limits__guesses_per_account=3)
    account = node.api().signup()
    made = share(account, account.create_vault().put("a", VALUE).json()["id"], passphrase="open-sesame")
    browser = Browser(node)
    browser.headers |= {"Accept": ACCEPT}
    assert open_share(node.api(), made["id"], "wrong").status_code == 401
    browser.open(path_of(made))
    assert [browser.send(passphrase="wrong").status_code for _ in range(2)] == [403] * 2
    refused = browser.send(passphrase="wrong")
    assert (refused.status_code, heading(refused)) == (429, NOTHING) and int(refused.headers["Retry-After"]) >= 1
    assert node.stop() == 0


# -- who else might ask

@pytest.mark.parametrize("change", [
    {"leave_out": ["form_token"], "passphrase": "x"}, {"form_token": "x"}, {"headers": {"Sec-Fetch-Site": "cross-site"}},
    {"headers": {"Sec-Fetch-Site": "same-site"}}, {"headers": {"Origin": "https://evil.example", "Sec-Fetch-Site": None}}],
    ids=str)
def test_no_other_site_can_press_the_button(browser, account, secret, change):
    made = share(account, secret, max_access_count=1)
    browser.open(path_of(made))
    page = browser.send(**change)
    assert (page.status_code, heading(page)) == (403, NOTHING)
    assert count_of(account) == 0


def test_a_form_of_one_browser_is_of_no_use_in_another(daemon, browser, account, secret):
    made = share(account, secret)
    browser.open(path_of(made))
    other = Browser(daemon)
    other.headers |= {"Accept": ACCEPT}
    other.open(path_of(made))
    other.cookie, browser.cookie = browser.cookie, None
    assert browser.send().status_code == 403
    assert other.send().status_code == 403


@pytest.mark.parametrize("body, kind", [("{}", "application/json"), ("a=1&a=2", "application/x-www-form-urlencoded"),
                                        ("a=%", "application/x-www-form-urlencoded"), ("", "text/plain")])
def test_what_is_no_form(api, account, secret, body, kind):
    made = share(account, secret)
    response = api.post(path_of(made), data=body, headers={"Content-Type": kind})
    assert response.status_code == 400 and count_of(account) == 0


# -- what shows nothing

def test_a_share_that_is_addressed_to_somebody_leads_to_the_command_line(browser, account, secret):
    me = account.me()["id"]
    made = share(account, secret, "user", recipient_id=me)
    page = browser.open(path_of(made))
    assert page.status_code == 200 and "claviger share open" in page.text and VALUE not in page.text
    assert "<form" not in page.text
    assert [item["id"] for item in inbound(account)] == [made["id"]]


def test_a_share_that_is_addressed_to_somebody_opens_for_no_form(browser, account, secret):
    made, other = share(account, secret, "user", recipient_id=account.me()["id"]), share(account, secret)
    browser.open(path_of(other))
    action, fields = browser.form()
    assert browser._request("POST", path_of(made), data=fields).status_code == 401
    assert browser._request("POST", path_of(made), data=fields,
                            headers={"Authorization": f"Bearer {account.token}"}).status_code == 403
    assert browser._request("POST", action, data=fields).status_code == 200


@pytest.mark.parametrize("name", ["4f9a1c52-7f0e-4d1b-9a55-0123456789ab", "no-uuid"])
def test_an_unknown_link(browser, name):
    page = browser.open(f"/v1/share/{name}")
    assert (page.status_code, heading(page), alert(page)) == (404, NOTHING, "Share not found.")


def test_a_link_that_is_not_for_this_address(browser, account, secret):
    page = browser.open(path_of(share(account, secret, ip_allowlist=["192.0.2.1"])))
    assert (page.status_code, heading(page)) == (403, NOTHING)


def test_a_revoked_link_between_the_page_and_the_button(browser, account, secret):
    made = share(account, secret)
    browser.open(path_of(made))
    assert account.delete(path_of(made)).status_code == 204
    page = browser.send()
    assert (page.status_code, heading(page)) == (404, NOTHING)
