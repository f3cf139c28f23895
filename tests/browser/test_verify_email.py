"""A person confirms an address at the page that the mail names: the real page in a real browser."""

import pytest
from screen import await_heading, become_a_phone, become_dark, inspect, keys, look
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PASSWORD = "Gr0und-Water-Runs-Deep!"


@pytest.fixture
def code(mailing, mail, address):
    assert mailing.api().post("/v1/auth/signup", json={"email": address, "password": PASSWORD}).status_code == 200
    return mail.token(address)


def test_keys_alone_confirm_an_address(browser, mailing, address, code):
    """Beginning where the page puts the focus; first with a code that is wrong, which is announced."""
    browser.get(f"{mailing.base_url}/verify-email")
    inspect(browser)
    browser.expected_console += 1  # the refusal itself: a browser notes every 400
    keys(browser, "vfy_wrong", Keys.RETURN)
    alert = browser.find_element(By.CSS_SELECTOR, "[role=alert]")
    assert alert.text.startswith("Error: This code is unknown") and browser.title.startswith("Error: ")
    inspect(browser)
    keys(browser, code, Keys.TAB)
    assert browser.switch_to.active_element.text == "Confirm"
    keys(browser, Keys.RETURN)
    await_heading(browser, "Your account is ready")
    assert address in browser.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert browser.current_url == f"{mailing.base_url}/verify-email", "the code is in no address"
    login = mailing.api().post("/v1/auth/token", json={"email": address, "password": PASSWORD})
    assert login.status_code == 200


def test_it_fits_a_phone(browser, mailing, code, tmp_path):
    become_a_phone(browser)
    browser.get(f"{mailing.base_url}/verify-email")
    look(browser, "verify-email", tmp_path)
    browser.expected_console += 1
    keys(browser, "vfy_wrong", Keys.RETURN)
    await_heading(browser, "Confirm your e-mail address")
    browser.find_element(By.CSS_SELECTOR, "[role=alert]")
    look(browser, "verify-email-refused", tmp_path)
    keys(browser, code)
    become_dark(browser)
    look(browser, "verify-email-dark", tmp_path)
    keys(browser, Keys.RETURN)
    await_heading(browser, "Your account is ready")
    look(browser, "verify-email-done", tmp_path)
