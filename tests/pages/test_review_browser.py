"""The review in a real browser: its content, no requests to the network, readable on phones and screens."""

import chromium
import made_up_study as made_up
import pytest
from made_up_study import NAME, PLANTED

from pipeline.results import paths

WIDTHS, MODES = (390, 1280), ("light", "dark")
GROUND = {"light": "rgb(253, 253, 252)", "dark": "rgb(21, 24, 28)"}
TEXTS = "p, td, th, a, small, dt, dd, span, h2, h3, caption, summary"


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


@pytest.fixture(params=[(width, mode) for width in WIDTHS for mode in MODES], ids=lambda p: f"{p[0]}-{p[1]}")
def shown(request, browser, address):
    """The browser showing the page, at a width and in a colour mode."""
    width, mode = request.param
    chromium.asked(browser)
    chromium.show(browser, address, width=width, mode=mode)
    return browser, width, mode


def test_it_fits_and_can_be_read(shown):
    browser, width, mode = shown
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == GROUND[mode]
    ratio, text = chromium.least_contrast(browser, TEXTS, without=".skip")
    assert ratio >= chromium.READABLE, text
    assert chromium.faults(browser) == []
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
    asked = chromium.asked(browser)
    assert asked
    assert all(url.startswith(("file://", "data:")) for url in asked)


def test_the_keyboard_reaches_the_content(shown):
    browser, *_ = shown
    chromium.press(browser, "Tab", 9)
    assert chromium.focused(browser) == ["#content", "solid"]


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
