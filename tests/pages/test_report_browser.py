"""The published report and its appendix in a real browser: short, readable on phones and screens, nothing from outside."""

import chromium
import published_results
import pytest

HIGHEST, MOST_WORDS, MOST_BYTES, FIRST_FINDING = 15_000, 4_000, 1_500_000, 700  # pixels at 1280, words, bytes, pixels
TEXTS = "p, li, td, th, a, h1, h2, h3, h4, dt, dd, summary, caption span"
SIDEWAYS = "return document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    """The published pages and figures."""
    place = tmp_path_factory.mktemp("pulled")
    published_results.lay_out(place, ("report.html", "appendix.html", "draw"), put=published_results.copy)
    return place


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["report", "appendix"])
def test_a_page_fits_can_be_read_and_asks_no_other_place(browser, pulled, name, width, mode):
    chromium.asked(browser)
    chromium.show(browser, (pulled / f"{name}.html").as_uri(), width=width, mode=mode)
    asked = chromium.asked(browser)
    assert asked
    assert all(address.startswith(("file://", "data:")) for address in asked)
    assert browser.get_log("browser") == []
    assert browser.execute_script(SIDEWAYS) <= width
    ratio, text = chromium.least_contrast(browser, TEXTS, without=".skip")
    assert ratio >= chromium.READABLE, text
    assert chromium.faults(browser) == []


def test_the_report_stays_short(browser, pulled):
    page = pulled / "report.html"
    assert page.stat().st_size <= MOST_BYTES
    chromium.show(browser, page.as_uri(), width=1280, mode="light")
    assert browser.execute_script("return document.documentElement.scrollHeight") <= HIGHEST
    assert (
        browser.execute_script("return document.querySelector('.found li').getBoundingClientRect().top") < FIRST_FINDING
    )
    assert len(browser.execute_script("return document.body.innerText").split()) <= MOST_WORDS


def test_every_claim_unfolds_without_leaving_the_page(browser, pulled):
    for width in (390, 1280):
        chromium.show(browser, (pulled / "report.html").as_uri(), width=width, mode="light")
        browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert browser.execute_script(SIDEWAYS) <= width


def test_every_picture_is_there(browser, pulled):
    loaded = """const images = [...document.images]; images.forEach(each => each.loading = 'eager')
    await Promise.all(images.map(each => each.decode())); return images.map(each => each.naturalWidth)"""
    for name in ("report", "appendix"):
        chromium.show(browser, (pulled / f"{name}.html").as_uri(), width=1280, mode="light")
        widths = browser.execute_script(f"return (async () => {{ {loaded} }})()")
        assert len(widths) > 10
        assert all(widths)


def test_the_keyboard_reaches_the_content(browser, pulled):
    chromium.show(browser, (pulled / "report.html").as_uri(), width=1280, mode="light")
    chromium.press(browser, "Tab", 9)
    assert chromium.focused(browser) == ["#content", "solid"]
