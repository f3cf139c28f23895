"""Chromium connects to a daemon whose HTTPS key lives in the token."""

from conftest import start
from support.tls_key import TlsKey


def test_chromium_trusts_it(daemon, tmp_path):
    installation = daemon.installation
    served = installation.daemon("tls-key", **TlsKey(installation).certify().settings())
    browser = start(tmp_path / "browser", served.ca)
    try:
        browser.get(f"{served.base_url}/v1/health/live")
        assert "alive" in browser.page_source
        assert browser.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol") == "http/1.1"
        assert browser.execute_script("return window.isSecureContext")
    finally:
        browser.quit()
        served.kill9()
