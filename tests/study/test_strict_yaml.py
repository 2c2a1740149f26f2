"""Settings are read as YAML 1.2 means them."""

import pytest

from pipeline.study import strict_yaml
from pipeline.study.errors import ConfigError
from pipeline.study.load import load_study, parse_study


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("+12", 12), ("-7", -7), ("1e-3", 0.001), ("1E5", 1e5), ("1.", 1.0),
        (".5", 0.5), ("-.inf", float("-inf")), ("+.INF", float("inf")), ("1:30", "1:30"), ("1_000", "1_000"), ("no", "no"),
        ("on", "on"), ("True", True), ("FALSE", False), ("~", None), ("", None), ("2020-01-01", "2020-01-01"), ("1e", "1e"),
        ("'010'", "010"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_says(text, value):
    found = strict_yaml.parse(f"key: {text}", source="x")["key"]
    assert (type(found), found) == (type(value), value)


def test_not_a_number_is_one():
    found = strict_yaml.parse(".NaN", source="x")
    assert found != found


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.getcwd []",
        "!!timestamp 2020",
        "a: 1\na: 2",
        "a: [",
        "\t- a",
        "!!int x",
        "? [1]\n: 2",
        "1: a",
        "true: a",
        "a: {~: 1}",
    ],
)
def test_what_is_no_plain_content_is_refused_with_its_source(text):
    with pytest.raises(ConfigError, match=r"^x: not YAML: "):
        strict_yaml.parse(text, source="x")


def test_a_study_in_latin_1_is_refused_with_its_name_and_what_to_do(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_bytes("title: x\n# Lernkurve für alle\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"configs/mine\.yaml: found byte 0xfc in line 2, .*: save the file as UTF-8"):
        load_study("mine", tmp_path)


def test_a_loop_is_refused():
    with pytest.raises(ConfigError, match="recursive"):
        parse_study("&a {title: *a}", source="x")
