"""A person with a browser opens a link: the real page in a real browser."""

import pytest
from screen import await_heading, become_a_phone, become_dark, fill, inspect, keys, look, press
from selenium.webdriver.common.keys import Keys
from support import wait
from support.sharing import outbound, share

OFFER, SHOWN, NOTHING = "A secret is shared with you", "The secret", "This link shows nothing"
VALUE = "line one\n  line <two> & three"


@pytest.fixture
def secret(account):
    return account.create_vault().put("db/password", VALUE).json()["id"]


def value_on(browser):
    return browser.execute_script("return document.querySelector('pre.value').textContent")


def test_a_press_of_the_button_shows_the_secret_once(browser, account, secret):
    made = share(account, secret, max_access_count=1)
    browser.get(made["share_url"])
    await_heading(browser, OFFER)
    inspect(browser)
    browser.refresh()
    assert outbound(account)[0]["access_count"] == 0
    press(browser, "Show the secret")
    await_heading(browser, SHOWN)
    inspect(browser)
    assert value_on(browser) == VALUE
    assert outbound(account)[0]["access_count"] == 1
    browser.expected_console = 1  # the status of the next page
    browser.get(made["share_url"])
    await_heading(browser, NOTHING)


def test_keys_alone_are_enough(browser, account, secret):
    browser.get(share(account, secret, passphrase="Sesame, open")["share_url"])
    await_heading(browser, OFFER)
    inspect(browser)
    keys(browser, "Sesame, open", Keys.RETURN)
    await_heading(browser, SHOWN)


def test_a_wrong_passphrase_can_be_mended(browser, account, secret):
    browser.get(share(account, secret, passphrase="Sesame, open", max_access_count=1)["share_url"])
    await_heading(browser, OFFER)
    browser.expected_console = 1
    fill(browser, "passphrase", "Sesame")
    press(browser, "Show the secret")
    # In one step: an element that was found may be gone with its page before it is read.
    wait.until(lambda: "Wrong passphrase" in browser.execute_script("return document.body?.innerText ?? ''"), "the refusal", 30)
    fill(browser, "passphrase", "Sesame, open")
    press(browser, "Show the secret")
    await_heading(browser, SHOWN)


def test_going_back_does_not_show_it_again(browser, account, secret):
    browser.get(share(account, secret, max_access_count=1)["share_url"])
    await_heading(browser, OFFER)
    press(browser, "Show the secret")
    await_heading(browser, SHOWN)
    browser.get("about:blank")
    browser.back()
    wait.until(lambda: browser.execute_script("return document.readyState") == "complete", "the page before", 30)
    assert VALUE not in browser.page_source and "line one" not in browser.page_source
    assert outbound(account)[0]["access_count"] == 1


def test_a_share_for_somebody_in_particular_shows_no_button(browser, account, secret):
    browser.get(share(account, secret, "user", recipient_id=account.me()["id"])["share_url"])
    await_heading(browser, "This secret is for somebody in particular")
    assert not browser.execute_script("return document.querySelector('button')")


def test_a_phone_shows_all_of_every_page_in_the_dark_too(browser, account, vault, tmp_path):
    """Even of a value without a place to break it."""
    become_a_phone(browser)
    secret = vault.put("a" * 80, "x" * 300).json()["id"]
    made = share(account, secret, passphrase="Sesame, open", max_access_count=2)
    for scheme, name in ((lambda: None, "share"), (lambda: become_dark(browser), "share-dark")):
        scheme()
        browser.get(made["share_url"])
        await_heading(browser, OFFER)
        look(browser, f"{name}-offer", tmp_path)
        keys(browser, "Sesame, open", Keys.RETURN)
        await_heading(browser, SHOWN)
        look(browser, f"{name}-value", tmp_path)
    browser.expected_console = 1
    browser.get(made["share_url"])
    await_heading(browser, NOTHING)
    look(browser, "share-nothing", tmp_path)
    browser.get(share(account, secret, "user", recipient_id=account.me()["id"])["share_url"])
    await_heading(browser, "This secret is for somebody in particular")
    look(browser, "share-addressed", tmp_path)
