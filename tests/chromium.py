"""A real browser for tests of pages: chromium without a screen, driven by selenium."""

import importlib.resources
import json
import shutil

import pytest

BINARY = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
READABLE = 4.5  # WCAG 2, level AA, of text
# The ratio of luminances of each text's colour and its ground's, by WCAG's formula; the lowest of all, and that text.
CONTRAST = """
const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b)
const numbers = colour => colour.match(/[0-9.]+/g).map(Number)
const ground = e => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor)
  if (c.length === 3 || c[3] > .9) return c } return [255, 255, 255] }
const found = [...document.querySelectorAll(arguments[0])]
  .filter(e => e.innerText && e.innerText.trim() && e.getClientRects().length && !e.closest(arguments[1])).map(e => {
  const [a, b] = [light(numbers(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x)
  return [(a + .05) / (b + .05), e.innerText.slice(0, 40)] })
return found.sort((x, y) => x[0] - y[0])[0]
"""


# What axe-core finds wrong with the page, a line for each rule: its name, how bad, and the first places.
RUN_AXE = """
const done = arguments[arguments.length - 1]
const told = v => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 4).map(n => n.target.join(' ')).join(' | ')}`
axe.run(document, {resultTypes: ['violations'], preload: false}).then(r => done(r.violations.map(told)), error => done([String(error)]))
"""


def start():
    """A browser that keeps what pages print and ask for; the test is skipped if there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra `browser`)")
    if not (BINARY and DRIVER):
        pytest.skip("no chromium or no chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = BINARY
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def show(browser, address, *, width, mode):
    """Open a page at a width (a phone's below 500 pixels), in light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chosen = [{"name": "prefers-color-scheme", "value": mode}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})
    browser.get(address)


def asked(browser):
    """The addresses that were asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"}


def faults(browser):
    """What axe-core finds wrong with the page that is shown, a line for each rule."""
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    browser.execute_script(axe)
    return browser.execute_async_script(RUN_AXE)


def press(browser, key, code):
    """Press and release a key, such as Tab (9)."""
    for kind in ("keyDown", "keyUp"):
        event = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def focused(browser):
    """Where the element that has the focus leads, and the style of its outline."""
    return browser.execute_script(
        "const e = document.activeElement; return [e.getAttribute('href'), getComputedStyle(e).outlineStyle]"
    )


def least_contrast(browser, texts, *, without):
    """The lowest contrast of the texts that a selector finds, but for those within another, and the text that has it."""
    return browser.execute_script(CONTRAST, texts, without)
