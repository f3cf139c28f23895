"""A person with a browser lets a device log in: the real pages in a real browser, with the real command line."""

import http.server
import os
import re
import ssl
import threading

import pytest
from screen import await_heading, become_a_phone, become_dark, fill, heading, inspect, keys, look, press
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from support.device import Login
from support.totp import Factor
from terminal import Terminal

CODE = re.compile(rb"\b([BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4})\b")
EVIL = "\"><script>document.title='x'</script><img src=x onerror=alert(1)>"[:64]


def sign_in(browser, account, factor=None):
    fill(browser, "email", account.email)
    fill(browser, "password", account.password)
    press(browser, "Sign in")
    if factor:
        await_heading(browser, "Second factor")
        fill(browser, "code", factor.code())
        press(browser, "Sign in")
    await_heading(browser, "Enter the code")


def approve(browser):
    browser.find_element(By.ID, "matches").click()
    press(browser, "Approve")
    await_heading(browser, "The device may log in")


@pytest.mark.parametrize("second_factor", [False, True])
def test_the_command_line_logs_in(browser, stranger, account, daemon, second_factor):
    factor = Factor(account, daemon) if second_factor else None
    terminal = Terminal(stranger, "login")
    terminal.wait_for(b"Ctrl-C")
    code = CODE.search(terminal.output).group(1).decode()
    browser.get(re.search(rb"(https://\S+\?code=\S+)", terminal.output).group(1).decode())
    sign_in(browser, account, factor)
    assert browser.find_element(By.ID, "user-code").get_attribute("value") == code
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    page = browser.find_element(By.TAG_NAME, "main").text
    for fact in (code, account.email, "127.0.0.1", "claviger", os.uname().nodename, "90 days"):
        assert fact in page, fact
    approve(browser)
    assert terminal.end() == 0, terminal.output
    assert account.email.encode() in stranger.ok("whoami")


def test_a_denial_reaches_the_command_line(browser, stranger, account):
    terminal = Terminal(stranger, "login", "--no-qr")
    terminal.wait_for(b"Ctrl-C")
    browser.get(re.search(rb"(https://\S+/device)\s", terminal.output).group(1).decode())
    sign_in(browser, account)
    fill(browser, "user_code", CODE.search(terminal.output).group(1).decode().lower().replace("-", ""))
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    press(browser, "Deny")
    await_heading(browser, "The device may not log in")
    assert terminal.end() == 5
    assert b"denied" in terminal.output


def test_keys_alone_are_enough(browser, api, daemon, account):
    """Tab, space and return, beginning where the page puts the focus; nothing is clicked."""
    login = Login(api, daemon)
    browser.get(f"{daemon.base_url}/device")
    keys(browser, account.email, Keys.TAB, account.password, Keys.TAB, Keys.RETURN)
    await_heading(browser, "Enter the code")
    keys(browser, login.user_code, Keys.RETURN)
    await_heading(browser, "Let this device log in?")
    keys(browser, Keys.TAB, Keys.SPACE, Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.text == "Approve"
    assert focused.value_of_css_property("outline-style") == "solid", "the focus is to be seen"
    keys(browser, Keys.RETURN)
    await_heading(browser, "The device may log in")
    assert "access_token" in login.poll()


def test_return_without_the_tick_approves_nothing(browser, api, daemon, account):
    login = Login(api, daemon)
    browser.get(f"{daemon.base_url}/device?code={login.user_code}")
    sign_in(browser, account)
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    press(browser, "Approve")
    assert heading(browser) == "Let this device log in?"
    assert login.poll() == {"error": "authorization_pending"}


def test_errors_are_announced_and_everything_has_a_name(browser, api, daemon, account):
    login = Login(api, daemon)
    browser.get(f"{daemon.base_url}/device?code={login.user_code}")
    inspect(browser)
    fill(browser, "email", account.email)
    fill(browser, "password", "Wrong-Password-1!")
    browser.expected_console += 1  # the refusal itself: a browser notes every 403
    press(browser, "Sign in")
    alert = browser.find_element(By.CSS_SELECTOR, "[role=alert]")
    assert (alert.aria_role, alert.text) == ("alert", "Error: Wrong e-mail address or password.")
    assert browser.title.startswith("Error: ")
    inspect(browser)
    assert browser.find_element(By.NAME, "email").get_attribute("value") == account.email
    sign_in(browser, account)
    inspect(browser)
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    inspect(browser)


def test_what_a_device_says_of_itself_does_nothing(browser, api, daemon, account):
    session = api.session
    session.headers["User-Agent"] = EVIL
    response = session.post(daemon.base_url + "/v1/auth/device/code", json={"client_id": "cli", "device_name": EVIL})
    browser.get(f"{daemon.base_url}/device?code={response.json()['user_code']}")
    sign_in(browser, account)
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    assert browser.title == "Let this device log in? - Claviger"
    assert not browser.find_elements(By.CSS_SELECTOR, "script, img, iframe")
    assert browser.find_element(By.TAG_NAME, "main").text.count(EVIL) == 2


class _Site:
    """Another origin of the same site, so that even a strict cookie goes along: a page on another port."""

    def __init__(self, daemon, page):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(daemon.installation.tls / "server.crt", daemon.installation.tls / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_port}/"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def test_another_origin_cannot_send_a_form_nor_show_the_page_in_a_frame(browser, api, daemon, account):
    login = Login(api, daemon)
    browser.get(f"{daemon.base_url}/device?code={login.user_code}")
    sign_in(browser, account)
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    token = browser.find_element(By.NAME, "form_token").get_attribute("value")
    # It even knows the token.
    site = _Site(daemon, f"""<h1>Evil</h1><form id=f method=post action={daemon.base_url}/device/decision>
        <input name=form_token value={token}><input name=user_code value={login.user_code}>
        <input name=matches value=yes><input name=decision value=approve></form>
        <iframe src={daemon.base_url}/device></iframe>""")
    try:
        browser.get(site.url)
        browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
        assert not browser.find_elements(By.NAME, "email") and not browser.find_elements(By.NAME, "user_code")
        browser.switch_to.default_content()
        browser.execute_script("document.getElementById('f').submit()")
        await_heading(browser, "This did not work")
        assert login.poll() == {"error": "authorization_pending"}
    finally:
        browser.get_log("browser")  # where it complains of the frame and the refusal
        site.close()


def test_it_fits_a_phone(browser, api, daemon, account, tmp_path):
    become_a_phone(browser)
    login = Login(api, daemon, device_name="x" * 64)
    browser.get(f"{daemon.base_url}/device?code={login.user_code}")
    look(browser, "sign-in", tmp_path)
    sign_in(browser, account)
    look(browser, "code", tmp_path)
    press(browser, "Continue")
    await_heading(browser, "Let this device log in?")
    look(browser, "confirm", tmp_path)
    become_dark(browser)
    look(browser, "confirm-dark", tmp_path)
    approve(browser)
    look(browser, "approved", tmp_path)
