"""The review in a real browser: its content, no requests to the network, readable on phones and screens."""

import json
import shutil

import made_up_study as made_up
import pytest
from made_up_study import NAME, PLANTED

from pipeline.results import paths

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra `browser`)")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium or no chromedriver on PATH")

WIDTHS, MODES = (390, 1280), ("light", "dark")
GROUND = {"light": "rgb(253, 253, 252)", "dark": "rgb(21, 24, 28)"}
READABLE = 4.5  # WCAG 2, level AA, of text
# The ratio of luminances of each text's colour and its ground's, by WCAG's formula; the lowest of all.
CONTRAST = """
const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
const light = rgb => { const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number).map(part); return .2126 * r + .7152 * g + .0722 * b }
const page = getComputedStyle(document.body).backgroundColor
return Math.min(...[...document.querySelectorAll('p, td, th, a, small, dt, dd, span, h2, h3, caption, summary')].map(e => {
  const [a, b] = [light(getComputedStyle(e).color), light(page)].sort((x, y) => y - x); return (a + .05) / (b + .05) }))
"""


@pytest.fixture(scope="module")
def address(pytestconfig, tmp_path_factory):
    """The address of the review of a small study."""
    place = tmp_path_factory.mktemp("review")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("WANDB_DIR", raising=False)
        made_up.make(pytestconfig.rootpath, place)
        made_up.page()
        return paths.review(NAME).resolve().as_uri()


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield found
    found.quit()


@pytest.fixture(params=[(width, mode) for width in WIDTHS for mode in MODES], ids=lambda p: f"{p[0]}-{p[1]}")
def shown(request, browser, address):
    """The browser showing the page, at a width and in a colour mode."""
    width, mode = request.param
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == WIDTHS[0]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chosen = [{"name": "prefers-color-scheme", "value": mode}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})
    browser.get(address)
    return browser, width, mode


def test_it_fits_and_can_be_read(shown):
    browser, width, mode = shown
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == GROUND[mode]
    assert browser.execute_script(CONTRAST) >= READABLE
    ground = "return getComputedStyle(document.querySelector('a.paper')).backgroundColor"
    assert browser.execute_script(ground) == "rgb(255, 255, 255)"  # figures are drawn for white paper


def test_what_it_shows(shown):
    browser, *_ = shown
    text = browser.execute_script("return document.body.innerText")
    assert PLANTED in text
    assert text.index("What was found") < text.index("Can it be trusted?") < text.index("Workflow and budget")
    loaded = """const images = [...document.images]; images.forEach(each => each.loading = 'eager')
    await Promise.all(images.map(each => each.decode())); return images.every(each => each.naturalWidth === 96)"""
    assert browser.execute_script(f"return (async () => {{ {loaded} }})()")


def test_nothing_leaves_it_and_nothing_is_wrong(shown):
    browser, *_ = shown
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert asked
    assert all(url.startswith(("file://", "data:")) for url in asked)


def test_the_keyboard_reaches_the_content(shown):
    browser, *_ = shown
    press = [{"type": kind, "key": "Tab", "windowsVirtualKeyCode": 9} for kind in ("keyDown", "keyUp")]
    for event in press:
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", event)
    first, outline = browser.execute_script(
        "const e = document.activeElement; return [e.getAttribute('href'), getComputedStyle(e).outlineStyle]"
    )
    assert (first, outline) == ("#content", "solid")


def test_the_filter_shows_the_claims_with_one_verdict(shown):
    browser, *_ = shown
    marks = browser.execute_script("return [...document.querySelectorAll('.filter input')].map(e => e.id.slice(5))")
    assert marks[0] == "all"
    assert len(marks) > 1
    visible = """document.getElementById('show-' + arguments[0]).click()
    return [...document.querySelectorAll('tbody tr[class^="is-"]')].filter(e => e.getClientRects().length).map(e => e.className)"""
    every = browser.execute_script(visible, "all")
    assert every
    for mark in marks[1:]:
        found = browser.execute_script(visible, mark)
        assert found == [name for name in every if name == f"is-{mark}"] != []
