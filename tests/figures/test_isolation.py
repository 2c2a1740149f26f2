"""A figure has the same bytes whatever settings, styles, fonts, backend and locale the user has."""

import itertools
import locale
import logging
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import small_study
from made_up_similarity import made_up
from matplotlib import font_manager

from pipeline.figures.shared.isolation import FONTS, isolated
from pipeline.figures.shared.style import RC
from pipeline.results import store
from pipeline.stages import draw
from pipeline.study.plan import Plan

FORMULAS = "formulas"  # a figure with an italic letter
SOME = ("similarity_maps", "rdm_structure", FORMULAS)
FIGURES = (*SOME, "similarity_by_layer", "similarity_over_time", "rdm_grid")
SETTINGS = b"""axes.facecolor: black
axes.formatter.limits: -1, 1
axes.formatter.use_locale: True
axes.prop_cycle: cycler(color=['red'])
axes.unicode_minus: False
backend: svg
figure.constrained_layout.h_pad: 0.2
figure.hooks: nowhere:nothing
font.family: serif
image.cmap: gray
mathtext.fontset: cm
path.simplify_threshold: 1.0
savefig.bbox: tight
savefig.format: pdf
svg.image_inline: False
text.antialiased: False
text.hinting: none
xtick.direction: in
"""
MALFORMED = b"no colon\naxes.facecolor: no colour\nno.such.key: 1\nbackend: nonsense\nlines.linewidth: wide\n"
LATIN = "# für Abbildungen\naxes.facecolor: black\n".encode("latin-1")
ALL = """
import sys
from pipeline import environment
environment.clean()
from pipeline.stages import draw
for name in sys.argv[1:]:
    draw.main(["--study", "small", "--figure", name])
"""


def settings():
    """A study with figures of several looks."""
    made = small_study.content()
    sweep = {"sweep": "depth", "where": {}}
    measures = {"settings": {"measures": ["cca", "cka"], "permutations": 1}}
    made["analyses"] = {"rdm": {**sweep, "settings": {}}}
    made["analyses"] |= {name: {**sweep, **measures} for name in ("similarity", "similarity_over_time")}
    made["analyses"]["implied_loss"] = {"sweep": None, "where": {}, "settings": {}}
    made["figures"] = {name: {"settings": {}} for name in FIGURES}
    made["figures"][FORMULAS] = {"figure": "implied_loss", "settings": {}}
    return made


def implied_loss():
    """A made-up table."""
    points = itertools.product(("r2", "rank"), ("mse", "cross_entropy"), (1, 10, 100), (0, 1))
    rows = [(quantity, loss, "separable", 1, step, seed, 0.1 + 0.5 * seed) for quantity, loss, step, seed in points]
    return pd.DataFrame(rows, columns=["quantity", "loss", "labels", "layer", "step", "seed", "value"])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with configs and tables; the first table of an analysis has all rows."""
    place = small_study.write(tmp_path_factory.mktemp("study"), settings())
    made = made_up(methods=small_study.METHODS) | {"implied_loss": implied_loss()}
    plan = Plan.load(small_study.STUDY, place)
    for name in plan.study.analyses:
        for number, path in enumerate(plan.tables(name)):
            store.write_table(place / path, made[name] if number == 0 else made[name][:0], {})
    return place


def copied(study, place):
    """A folder in which the study can be drawn."""
    for part in ("configs", "results/small/analyse"):
        link = place / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(study / part)
    return place


def run(place, *command, **variables):
    """Run Python there with a home folder of its own; what it said."""
    home = place / "home"
    home.mkdir(exist_ok=True)
    usual = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR"), "")
    environment = small_study.environment(**{**usual, "HOME": str(home), **variables})
    done = subprocess.run([sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def figures(place):
    """The bytes of all drawings and numbers."""
    return small_study.files(place / "results" / "small" / "draw")


@pytest.fixture(scope="module")
def plain(study, tmp_path_factory):
    """The figures as they should be."""
    place = copied(study, tmp_path_factory.mktemp("plain"))
    run(place, "-c", ALL, *FIGURES)
    found = figures(place)
    assert len(found) == 3 * len(FIGURES)
    return found


def compare(place, plain, *names):
    """Check that these figures were drawn, and are as they should be."""
    expected = {name: body for name, body in plain.items() if Path(name).stem in (names or SOME)}
    found = figures(place)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("content", [SETTINGS, MALFORMED, LATIN], ids=["settings", "malformed", "not UTF-8"])
def test_settings_files_change_nothing(study, plain, tmp_path, content):
    """In the working folder, where matplotlib looks first."""
    place = copied(study, tmp_path)
    write(place / "matplotlibrc", content)
    assert run(place, "-c", ALL, *SOME) == ""
    compare(place, plain)


@pytest.mark.parametrize("where", ["home/.config/matplotlib", "mine"])
def test_settings_and_styles_of_the_user_change_nothing(study, plain, tmp_path, where):
    place = copied(study, tmp_path)
    write(place / where / "matplotlibrc", SETTINGS)
    write(place / where / "stylelib" / "default.mplstyle", b"axes.facecolor: black\n")
    write(place / where / "stylelib" / "mine.mplstyle", LATIN)
    variables = {"MPLCONFIGDIR": str(place / where)} if where == "mine" else {}
    assert run(place, "-c", ALL, *SOME, **variables) == ""
    compare(place, plain)


@pytest.mark.parametrize("backend", ["nonsense", "module://matplotlib_inline.backend_inline", "svg"])
def test_the_command_is_not_changed_by_variables(study, plain, tmp_path, backend):
    place = copied(study, tmp_path)
    variables = {
        "MPLBACKEND": backend,
        "MATPLOTLIBRC": str(place / "planted"),
        "FREETYPE_PROPERTIES": "truetype:interpreter-version=35 autofitter:no-stem-darkening=0",
        "LC_ALL": "de_DE.UTF-8",
        "LANG": "tr_TR.ISO-8859-9",
        "SOURCE_DATE_EPOCH": "0",
        "TZ": "Asia/Kathmandu",
    }
    write(place / "planted", SETTINGS)
    run(place, "-m", "pipeline", "draw", "--study", "small", "--figure", FORMULAS, **variables)
    compare(place, plain, FORMULAS)


def test_other_fonts_of_the_same_name_are_not_taken(study, plain, tmp_path):
    """An italic is preferred to the oblique that matplotlib has."""
    tools = pytest.importorskip("fontTools.ttLib")
    place = copied(study, tmp_path)
    for style, weight in (("Regular", 400), ("Italic", 400), ("Bold", 700)):
        font = tools.TTFont(FONTS / "ttf" / "STIXGeneral.ttf")
        for number, text in ((1, "DejaVu Sans"), (2, style), (4, f"DejaVu Sans {style}"), (16, "DejaVu Sans")):
            font["name"].setName(text, number, 3, 1, 0x409)
            font["name"].setName(text, number, 1, 0, 0)
        font["OS/2"].usWeightClass = weight
        path = place / "home" / ".local" / "share" / "fonts" / f"{style}.ttf"
        path.parent.mkdir(parents=True, exist_ok=True)
        font.save(path)
    run(place, "-c", ALL, *SOME)
    known = next((place / "home").rglob("fontlist*.json")).read_text()
    assert "share/fonts/Italic.ttf" in known, "matplotlib has found the planted fonts"
    compare(place, plain)


@pytest.fixture
def german(monkeypatch):
    """A locale with decimal commas, whether or not the machine has one."""
    numbers = {**locale.localeconv(), "decimal_point": ",", "thousands_sep": "."}
    monkeypatch.setattr(locale, "localeconv", lambda: numbers)


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize("name", FIGURES)
def test_settings_of_the_process_change_nothing_and_stay(study, plain, tmp_path, monkeypatch, caplog, name):
    monkeypatch.chdir(copied(study, tmp_path))
    write(Path("matplotlibrc"), SETTINGS.replace(b"figure.hooks", b"#").replace(b"backend", b"#"))
    with mpl.rc_context(fname="matplotlibrc"), caplog.at_level(logging.WARNING):
        before = dict(mpl.rcParams)
        draw.main(["--study", "small", "--figure", name])
        assert dict(mpl.rcParams) == before
    compare(tmp_path, plain, name)
    assert not caplog.records
    assert not plt.get_fignums()


def test_the_fonts_are_those_that_come_with_matplotlib():
    with isolated(RC):
        pass
    for family, style, weight in itertools.product(
        ("sans-serif", "DejaVu Sans", "monospace"), ("normal", "italic"), (400, 700)
    ):
        wanted = font_manager.FontProperties(family=family, style=style, weight=weight)
        assert FONTS in Path(font_manager.findfont(wanted)).parents
