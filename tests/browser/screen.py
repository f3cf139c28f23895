"""What a person sees and does at a page."""

import os
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from support import wait


def heading(browser):
    # In one step: the element may belong to a page that is just going.
    return browser.execute_script("return document.querySelector('h1')?.textContent")


def await_heading(browser, text):
    wait.until(lambda: heading(browser) == text, f"the page {text!r}; it is {heading(browser)!r}", 30)


def fill(browser, name, text):
    field = browser.find_element(By.NAME, name)
    field.clear()
    field.send_keys(text)


def press(browser, text):
    browser.find_element(By.XPATH, f"//button[text()='{text}']").click()


def keys(browser, *presses):
    """Typed wherever the focus is."""
    ActionChains(browser).send_keys(*presses).perform()


def inspect(browser):
    """What a page owes to everybody: a language, one heading, a name for every control, room for a thumb."""
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
    for element in browser.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), button"):
        assert element.accessible_name, element.get_attribute("outerHTML")
        box = element.rect if element.get_attribute("type") != "checkbox" else \
            element.find_element(By.XPATH, "..").rect
        assert box["height"] >= 44, element.get_attribute("outerHTML")


def become_a_phone(browser):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True})


def become_dark(browser):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                            {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})


def look(browser, name, tmp_path):
    """Keeps a picture, in CLAVIGER_SCREENSHOTS if that is set, and sees that a phone shows all of it."""
    pictures = Path(os.environ.get("CLAVIGER_SCREENSHOTS", tmp_path))
    browser.save_screenshot(str(pictures / f"{name}.png"))
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= 360, f"{name} is {wide} wide"
