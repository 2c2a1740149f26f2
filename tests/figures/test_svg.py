"""A smaller SVG is the same picture: parsed, every coordinate is where it was, and every marker has its style."""

import io
import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from pipeline.figures.shared import svg
from pipeline.figures.shared.style import RC

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UNTURNED = re.compile(r"^rotate\(-?0 .*\)$")  # text that isn't turned


@pytest.fixture(scope="module")
def drawn():
    """A figure with lines, markers (some half transparent), an image and text, as matplotlib writes it."""
    with mpl.rc_context({**RC, "svg.hashsalt": "test"}):
        figure, (left, right) = plt.subplots(1, 2)
        left.plot(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2, "o-", label="$x^2$ — a line")
        left.scatter([0.1, 0.2], [0.7, 0.8], alpha=0.5, c=["red", "blue"])
        left.plot([0.5, 0.6, 0.7], [0.1, 0.1, 0.1], "s", alpha=0.5)
        right.set_title("a title")
        right.imshow(np.arange(9).reshape(3, 3))
        figure.legend()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        plt.close(figure)
    return text.getvalue()


def placed(text):
    """Every element with its numbers; a marker's style is its own or that of the group around it."""
    found = []

    def walk(element, outer):
        style = element.get("style") or outer
        name = element.tag.rpartition("}")[2]
        numbers = [
            float(number)
            for attribute in ("d", "x", "y", "transform", "width", "height")
            for number in NUMBER.findall(UNTURNED.sub("", element.get(attribute, "")))
        ]
        keys = {
            key: value for key, value in element.attrib.items() if key.rpartition("}")[2] in ("href", "id", "clip-path")
        }
        found.append((name, keys, style if name in ("use", "path", "image") else "", numbers))
        for child in element:
            walk(child, style)

    walk(ElementTree.fromstring(text), "")
    return found


def by_order(found):
    """The elements with their clipping rectangles numbered by order, whatever their names are."""
    names = {}

    def numbered(text):
        return re.sub(
            r"(?:p[0-9a-f]{10}|\bp-clip\d+)\b", lambda name: names.setdefault(name[0], f"clip {len(names)}"), text
        )

    return [(tag, {key: numbered(value) for key, value in keys.items()}, *rest) for tag, keys, *rest in found]


def test_clipping_rectangles_are_named_by_their_order_and_not_by_their_last_bits(drawn):
    small, names = svg.compact(drawn, "norms"), re.findall(r'<clipPath id="(p[0-9a-f]{10})"', drawn)
    assert len(names) > 1
    assert set(re.findall(r"url\(#([^)]*)\)", small)) == set(re.findall(r'<clipPath id="([^"]*)"', small))
    assert re.findall(r"url\(#([^)]*)\)", small)[0] == "norms-clip1"
    assert not any(name in small for name in names)
    assert svg.compact(drawn.replace(names[0], "p0123456789"), "norms") == small


def test_the_picture_is_the_same_and_smaller(drawn):
    small = svg.compact(drawn)
    assert len(small) < 0.9 * len(drawn)
    before, after = by_order(placed(drawn)), by_order(placed(small))
    assert [each[:3] for each in after] == [each[:3] for each in before]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new[3], old[3], rtol=0, atol=0.5 * 10**-svg.DIGITS + 1e-9, err_msg=old[0])


def test_letters_stay_text_which_only_turns_if_it_has_to(drawn):
    small = svg.compact(drawn)
    assert "a title" in re.sub(r"<[^>]*>", "", small)
    assert "rotate(-0" in drawn
    assert "rotate(-0" not in small


def test_scales_keep_all_their_digits():
    assert svg.compact('<use transform="translate(1.23456 2) scale(0.015625)"/>') == (
        '<use transform="translate(1.23 2) scale(0.015625)"/>'
    )


def test_opacity_stays_with_each_marker():
    text = '<g>\n <use href="#a" style="opacity: 0.5"/>\n <use href="#a" style="opacity: 0.5"/>\n</g>'
    assert svg.compact(text).count("opacity") == 2
    assert svg.compact(text.replace("opacity", "fill-opacity")).count("opacity") == 1


def test_different_styles_stay_apart():
    text = '<g>\n <use href="#a" style="fill: red"/>\n <use href="#a" style="fill: blue"/>\n</g>'
    assert svg.compact(text) == text.replace("\n ", "\n")


@pytest.mark.parametrize(
    ("number", "expected"), [("1.005", "1"), ("-0.001", "0"), ("2.50", "2.5"), ("10.0", "10"), ("3", "3")]
)
def test_numbers_lose_what_is_below_a_hundredth(number, expected):
    assert svg.compact(f'<use x="{number}"/>') == f'<use x="{expected}"/>'


def test_twice_is_as_good_as_once(drawn):
    assert svg.compact(svg.compact(drawn)) == svg.compact(drawn)
