"""A person with a browser opens a link: the real page in a real browser."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support import wait
from support.sharing import outbound, share

VALUE = "line one\n  line <two> & three"


def heading(browser):
    return browser.execute_script("return document.querySelector('h1')?.textContent")


def await_heading(browser, text):
    wait.until(lambda: heading(browser) == text, f"the page {text!r}; it is {heading(browser)!r}", 30)


@pytest.fixture
def secret(account):
    return account.create_vault().put("db/password", VALUE).json()["id"]


def test_a_press_of_the_button_shows_the_secret_once(browser, account, secret):
    made = share(account, secret, max_access_count=1)
    browser.get(made["share_url"])
    await_heading(browser, "A secret is shared with you")
    browser.refresh()
    assert outbound(account)[0]["access_count"] == 0
    browser.find_element(By.TAG_NAME, "button").click()
    await_heading(browser, "The secret")
    assert browser.execute_script("return document.querySelector('pre.value').textContent") == VALUE
    assert outbound(account)[0]["access_count"] == 1
    browser.expected_console = 1  # the status of the next page
    browser.get(made["share_url"])
    await_heading(browser, "This link shows nothing")


def test_keys_alone_are_enough(browser, account, secret):
    browser.get(share(account, secret, passphrase="Sesame, open")["share_url"])
    await_heading(browser, "A secret is shared with you")
    ActionChains(browser).send_keys("Sesame, open", Keys.RETURN).perform()
    await_heading(browser, "The secret")


def test_a_wrong_passphrase_can_be_mended(browser, account, secret):
    browser.get(share(account, secret, passphrase="Sesame, open", max_access_count=1)["share_url"])
    browser.expected_console = 1
    browser.find_element(By.NAME, "passphrase").send_keys("Sesame", Keys.RETURN)
    wait.until(lambda: "Wrong passphrase" in browser.find_element(By.TAG_NAME, "main").text, "the refusal", 30)
    browser.find_element(By.NAME, "passphrase").send_keys("Sesame, open", Keys.RETURN)
    await_heading(browser, "The secret")


def test_going_back_does_not_show_it_again(browser, account, secret):
    browser.get(share(account, secret, max_access_count=1)["share_url"])
    browser.find_element(By.TAG_NAME, "button").click()
    await_heading(browser, "The secret")
    browser.get("about:blank")
    browser.back()
    wait.until(lambda: browser.execute_script("return document.readyState") == "complete", "the page before", 30)
    assert VALUE not in browser.page_source and outbound(account)[0]["access_count"] == 1


def test_a_share_for_somebody_in_particular_shows_no_button(browser, account, secret):
    browser.get(share(account, secret, "user", recipient_id=account.me()["id"])["share_url"])
    await_heading(browser, "This secret is for somebody in particular")
    assert not browser.execute_script("return document.querySelector('button')")
