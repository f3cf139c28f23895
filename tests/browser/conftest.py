"""Headless Chromium, which trusts the test installation's own authority and nothing is ignored for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from command import Cli  # noqa: E402


def trust(home, ca):
    """Chromium reads the authorities of its user from there."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "test", "-i", str(ca)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, capture_output=True, timeout=60)


def start(home, ca, width=1000, height=900):
    trust(home, ca)
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--no-proxy-server",
                     f"--user-data-dir={home / 'profile'}", f"--window-size={width},{height}"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own refuses to run as root
    service = Service("/usr/bin/chromedriver", log_path=str(home / "chromedriver.log"),
                      env=os.environ | {"HOME": str(home)})
    browser = webdriver.Chrome(service=service, options=options)
    browser.set_page_load_timeout(60)
    browser.implicitly_wait(10)
    return browser


@pytest.fixture
def browser(daemon, tmp_path):
    """At the end its console must be empty: a violation of the pages' policy would stand there."""
    browser = start(tmp_path / "browser", daemon.ca)
    browser.expected_console = 0
    yield browser
    console = browser.get_log("browser")
    browser.quit()
    assert len(console) == browser.expected_console, console


@pytest.fixture
def stranger(daemon, tmp_path):
    """A command line that knows the server, but is not logged in."""
    return Cli(tmp_path / "home", daemon.base_url, daemon.ca)
