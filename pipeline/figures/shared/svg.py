"""Make matplotlib's SVG files smaller and always the same, without a visible change.

A figure with many markers loses a third of its bytes.

Coordinates keep two decimals (a hundredth of a point is 3.5 micrometres on paper), the markers of a line share one
style, text that isn't turned has no rotation, and lines are not indented. Clipping rectangles are named by their order:
matplotlib names them by a hash of their corners, whose last bits change with the place of its layout in memory.
"""

import re

DIGITS = 2
# Attributes with coordinates. Scales are left alone.
PLACES = re.compile(r'(?<= d=")[^"]*|(?<= x=")[^"]*|(?<= y=")[^"]*|(?<=translate\()[^)]*')
UNTURNED = re.compile(r' transform="rotate\(-?0 [^)]*\)"')
NUMBER = re.compile(r"-?\d+\.\d+")
CLIP = re.compile(r'(?<=url\(#)p[0-9a-f]{10}(?=\))|(?<=<clipPath id=")p[0-9a-f]{10}(?=")')
MARKERS = re.compile(r"<g([^>]*)>\s*((?:<use [^>]*/>\s*)+)</g>")
STYLE = re.compile(r' style="([^"]*)"')
NOT_INHERITED = re.compile(r"(?:^|;)\s*opacity:")  # on a group it would apply to the whole, including overlaps


def compact(text: str, name: str = "p") -> str:
    """The same SVG picture in fewer bytes; `name` begins the names of its clipping rectangles."""
    places = {clip: number for number, clip in enumerate(dict.fromkeys(CLIP.findall(text)), start=1)}
    text = CLIP.sub(lambda clip: f"{name}-clip{places[clip.group()]}", UNTURNED.sub("", text))
    text = PLACES.sub(lambda place: NUMBER.sub(_rounded, place.group()), text)
    return re.sub(r"\n\s+", "\n", MARKERS.sub(_style_once, text))


def _rounded(number: re.Match[str]) -> str:
    short = f"{float(number.group()):.{DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short


def _style_once(group: re.Match[str]) -> str:
    attributes, markers = group.groups()
    styles = set(STYLE.findall(markers))
    each_has_one = len(STYLE.findall(markers)) == markers.count("<use ")
    if len(styles) != 1 or not each_has_one or STYLE.search(attributes) or NOT_INHERITED.search(next(iter(styles))):
        return group.group()
    return f'<g{attributes} style="{styles.pop()}">\n{STYLE.sub("", markers)}</g>'
