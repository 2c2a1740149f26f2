"""The site in a real browser: it fits phones and screens, asks the network for nothing, and its search finds words."""

import chromium
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

# One page of each kind: written, with wide tables, with long code, generated from each source.
PAGES = (
    "index",
    "readme",
    "cluster",
    "design",
    "tutorials/new_estimator",
    "reference/settings",
    "reference/commands",
    "reference/make",
    "reference/rooms/learning",
    "claims/index",
    "claims/C11",
    "source/pipeline/learning/gate.py",
)
SECONDS = 20
TEXTS = "article p, article li, article td, article th, article a, article pre span, .sidebar-tree a"


@pytest.fixture
def open_page(browser, site):
    """A function that shows a page of the site and says what was asked for meanwhile."""

    def show(name, *, width=1280, mode="light"):
        chromium.asked(browser)
        chromium.show(browser, (site / "html" / f"{name}.html").as_uri(), width=width, mode=mode)
        return chromium.asked(browser)

    return show


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_can_be_read_and_asks_no_other_place(open_page, browser, name, width, mode):
    asked = open_page(name, width=width, mode=mode)
    assert asked
    assert all(address.startswith(("file://", "data:")) for address in asked)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ratio, text = chromium.least_contrast(browser, TEXTS, without=".headerlink")
    assert ratio >= chromium.READABLE, text
    assert chromium.faults(browser) == []


def found_by(browser, word):
    """Type a word into the search of the page, and return the titles of what is found."""
    box = browser.find_element(By.CSS_SELECTOR, ".sidebar-search")
    box.clear()
    box.send_keys(word, Keys.ENTER)
    ended = "return /found|did not match/.test(document.querySelector('.search-summary')?.innerText)"
    WebDriverWait(browser, SECONDS).until(lambda shown: "search.html" in shown.current_url)
    WebDriverWait(browser, SECONDS).until(lambda shown: shown.execute_script(ended))
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, "ul.search li a")]


@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("requeue", "On a cluster"),  # in the text of a written page
        ("log_points", "training.log_points"),  # a key
        ("kickback", "kickback"),  # a member
        ("procrustes", "procrustes"),
    ],
)
def test_the_search_finds_words_offline(open_page, browser, word, title):
    open_page("index")
    titles = found_by(browser, word)
    assert any(title in each for each in titles), titles
    assert all(address.startswith(("file://", "data:")) for address in chromium.asked(browser))
    assert browser.get_log("browser") == []


def test_the_search_finds_nothing_for_a_word_that_is_nowhere(open_page, browser):
    open_page("index")
    assert found_by(browser, "xyzzyplugh") == []


def test_on_a_phone_the_menu_opens_and_has_the_search(open_page, browser):
    open_page("index", width=390)
    box = browser.find_element(By.CSS_SELECTOR, ".sidebar-search")
    assert not box.is_displayed() or box.location["x"] < 0
    browser.find_element(By.CSS_SELECTOR, "label.nav-overlay-icon").click()
    WebDriverWait(browser, SECONDS).until(lambda _: box.is_displayed() and box.location["x"] >= 0)


def test_the_keyboard_reaches_the_content(open_page, browser):
    open_page("tutorials/first_hour")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    text = browser.execute_script("return document.activeElement.innerText")
    assert text == "Skip to content"
