"""Settings of members have bounds, and a config with a value out of range is refused with its path, whichever member."""

import copy
import math
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
import yaml
from annotated import constraints, parts
from pydantic import TypeAdapter, ValidationError

from pipeline import members, settings_types
from pipeline.study.errors import ConfigError
from pipeline.study.load import parse_study

CHOSEN = ("analyses", "datasets", "estimators", "figures")  # families whose members have settings in a config
SETTINGS = {
    (family, name): found
    for family in members.FAMILIES
    for name in members.members(family)
    if (found := members.settings(family, name))
}
BOUNDED = [member for member in SETTINGS if member[0] in CHOSEN]


@pytest.mark.parametrize(("family", "name"), SETTINGS, ids="-".join)
def test_types_are_read_from_the_source_as_python_sees_them(family, name):
    function = getattr(members.load(family, name), members.ENTRY[family])
    hints = get_type_hints(function, include_extras=True)
    for setting, read in SETTINGS[family, name].items():
        assert read.type == hints[setting], setting
        assert Any not in parts(read.type), f"{setting}: its annotation isn't understood"


@pytest.mark.parametrize(("family", "name"), SETTINGS, ids="-".join)
def test_defaults_are_in_range(family, name):
    for setting in SETTINGS[family, name].values():
        if not setting.required and setting.default is not members.UNKNOWN:
            TypeAdapter(setting.type).validate_python(setting.default)


@pytest.mark.parametrize(("family", "name"), BOUNDED, ids="-".join)
def test_every_number_of_a_config_has_a_bound(family, name):
    for setting, read in SETTINGS[family, name].items():
        bare = [part for part in parts(read.type) if part in (int, float)]
        bound = [
            part for part in parts(read.type) if get_origin(part) is Annotated and get_args(part)[0] in (int, float)
        ]
        assert len(bare) == len(bound), f"{setting}: a type of pipeline/settings_types.py says which values make sense"


def wrong(kind):
    """Values just out of a type's range, and of another type."""
    if get_origin(kind) is Literal:
        return ["nosuch"]
    if kind is bool:
        return ["perhaps", 1, 0.0, []]
    if get_origin(kind) is not Annotated:
        return [object] if kind is str else []
    base, bounds = get_args(kind)[0], constraints(kind)
    if base is int:
        return [bounds["ge"] - 1, bounds["le"] + 1, bounds["ge"] + 0.5, "many", True]
    if base is float:
        under = [bounds["gt"]] if "gt" in bounds else [bounds["ge"] - 0.5] if "ge" in bounds else []
        over = [math.nextafter(bounds["le"], math.inf)] if "le" in bounds else []
        return [*under, *over, math.inf, math.nan, "much"]
    return [] if base is str else lists(base, bounds)


def lists(base, bounds):
    """Lists that are too short, repeat a value, are no list, or have a wrong element."""
    (item,) = get_args(base)
    good = right(item)
    short = [[]] if bounds.get("min_length") else []
    repeated = [[good, good]] if "func" in bounds else []
    long = [[good] * (bounds["max_length"] + 1)] if "max_length" in bounds else []
    return [*short, *repeated, *long, "text", *([each] for each in wrong(item) if each is not object)]


def right(kind):
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    if constraints(kind).get("min_length") == 2:  # a pair
        return [right(get_args(get_args(kind)[0])[0])] * 2
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return {int: 3, float: 1.0, str: "linear_sg", bool: True}[base]


def planted(smoke, family, name, settings):
    """The smoke study, with these settings of a member, and the key under which they stand."""
    study = copy.deepcopy(smoke)
    match family:
        case "datasets":
            study["data"] |= {"dataset": name, "settings": settings}
            return study, "data.settings"
        case "estimators":
            study["methods"]["one_sg"] |= {"estimator": name, "settings": settings}
            return study, "methods.one_sg.settings"
        case "analyses":
            reads = members.constants(family, name)
            sweep = None if reads["SCOPE"] == "study" else "tuned" if reads["READS"] == "trials" else "depth"
            study["analyses"]["planted"] = {"analysis": name, "sweep": sweep, "settings": settings}
            return study, "analyses.planted.settings"
    study["figures"]["planted"] = {"figure": name, "settings": settings}
    return study, "figures.planted.settings"


@pytest.fixture(scope="module")
def smoke():
    return yaml.safe_load((members.PACKAGE.parent / "configs" / "smoke.yaml").read_text())


@pytest.mark.parametrize(("family", "name"), BOUNDED, ids="-".join)
def test_a_config_with_a_value_out_of_range_is_refused_with_its_path(smoke, family, name):
    """In each round one wrong value of every setting; all of them are named at once."""
    rounds = {setting: wrong(read.type) for setting, read in SETTINGS[family, name].items()}
    assert all(rounds.values())
    for number in range(max(map(len, rounds.values()))):
        settings = {setting: values[number % len(values)] for setting, values in rounds.items()}
        study, path = planted(smoke, family, name, settings)
        with pytest.raises(ConfigError) as caught:
            parse_study(yaml.safe_dump(study), source="x.yaml")
        for setting, value in settings.items():
            assert f"{path}.{setting}" in str(caught.value), value


def test_the_reasons_can_be_understood(smoke):
    settings = {"permutations": -1, "measures": ["cca", "cca"]}
    study, _ = planted(smoke, "analyses", "similarity", settings)
    with pytest.raises(ConfigError) as caught:
        parse_study(yaml.safe_dump(study), source="x.yaml")
    said = str(caught.value)
    assert 'analyses.planted.settings.measures: found ["cca", "cca"]: expected each value once' in said
    assert "analyses.planted.settings.permutations: found -1: Input should be greater than or equal to 1" in said


# --- reading annotations


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function that reads the settings of a member whose signature is given."""
    monkeypatch.setattr(members, "PACKAGE", tmp_path)
    (tmp_path / "datasets").mkdir()

    def settings(signature):
        path = tmp_path / "datasets" / "made_up.py"
        path.write_text(f"def load(root, *, {signature}): ...\n")
        members._parse.cache_clear()
        return members.settings("datasets", "made_up")

    yield settings
    members._parse.cache_clear()


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("int", int),
        ("float | None", float | None),
        ("Any", Any),
        ("tuple[int, ...]", tuple[int, ...]),
        ("tuple[int, str]", tuple[int, str]),
        ("tuple[()]", tuple[()]),
        ("dict[str, list[float]]", dict[str, list[float]]),
        ("Literal['a', 'b', 3, None]", Literal["a", "b", 3, None]),
        ("Literal['a'] | Count", Literal["a"] | settings_types.Count),
        ("Count | None", settings_types.Count | None),
        ("Distinct[tuple[Share, Share]]", settings_types.Distinct[tuple[settings_types.Share, settings_types.Share]]),
        ("DataFrame", Any),
        ("list[DataFrame]", list[Any]),
        ("int[3]", Any),
        ("Literal[x]", Any),
        ("np.float64", Any),
        ("T", Any),
        ("Field", Any),
    ],
)
def test_annotations_are_built_from_known_names(read, annotation, expected):
    assert read(f"a: {annotation} = 1")["a"].type == expected


def test_a_setting_without_annotation_takes_anything(read):
    found = read("a, b=2, c=unknown")
    assert [(each.type, each.required, each.default) for each in found.values()] == [
        (Any, True, members.UNKNOWN), (Any, False, 2), (Any, False, members.UNKNOWN)
    ]  # fmt: skip


@pytest.mark.parametrize("wrap", ["{}", "list[{}]", "Literal[{}]", "int | {}", "{}[int]"])
def test_no_annotation_is_run(read, tmp_path, wrap):
    trap = tmp_path / "run"
    read("a: " + wrap.format(f"open({str(trap)!r}, 'w')") + f" = open({str(trap)!r}, 'w')")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (settings_types.One[str], ["a"], ["a", "b"]),
        (settings_types.Several[int], [1, 1], []),
        (settings_types.Distinct[int], [1, 2], [1, 1]),
        (settings_types.DistinctOrNone[int], [], [1, 1]),
        (settings_types.Share, 1.0, 0.0),
        (settings_types.Fraction, 0.0, -0.1),
        (settings_types.Fraction, 1.0, 1.1),
        (settings_types.NotNegative, 0.0, -1e-9),
        (settings_types.ConditionNumber, 1.0, 0.999),
    ],
)
def test_bounds(kind, good, bad):
    assert TypeAdapter(kind).validate_python(good) == good
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(bad)
