"""Files that are read never run code, names never leave their folder or reach a shell, secrets are never written.

Tested elsewhere: archives with planted paths and links (`test_sources.py`), secrets in a workflow's folder
(`test_faults.py`), secrets in messages (`test_client_faults.py`).
"""

import ast
import collections.abc
import dataclasses
import html.parser
import json
import pickle
import re
import shutil
import types
import typing
from pathlib import Path

import pandas as pd
import pytest
import small_ledger
import small_study
import yaml
from forks import Forks
from small_study import BLOCK, PAIRS, ROOT, SECRETS, STUDY

from pipeline.pages import render, report_model
from pipeline.results import store
from pipeline.study import strict_yaml
from pipeline.study.errors import ConfigError
from pipeline.study.load import load_study, parse_study
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.judge import judge_claim

CODE = sorted((ROOT / "pipeline").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]

# --- the code

UNPICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
RUNNING = {"eval", "exec", "compile", "__import__"}
LOADING = {
    ("torch", "load"),
    ("torch", "save"),
    ("pd", "read_pickle"),
    ("np", "fromfile"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("yaml", "load_all"),
    ("os", "system"),
    ("os", "popen"),
    ("subprocess", "getoutput"),
    ("subprocess", "getstatusoutput"),
}
NOTED = {("pipeline/study/strict_yaml.py", "yaml.load")}  # with a SafeLoader


def dangers(tree):
    """Everything in a module that could run code from a file or pass text to a shell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLING)
        elif isinstance(node, ast.ImportFrom):
            yield from [node.module] if (node.module or "").split(".")[0] in UNPICKLING else []
        elif isinstance(node, ast.Call):
            yield from _call(node)


def _call(node):
    called, given = node.func, {keyword.arg: keyword.value for keyword in node.keywords}
    if isinstance(called, ast.Name) and called.id in RUNNING:
        yield called.id
    if isinstance(called, ast.Attribute):
        name = ast.unparse(called)
        if tuple(name.rsplit(".", 1)) in LOADING or called.attr == "to_pickle" or name == "yaml.load":
            yield name
    for name in ("shell", "allow_pickle"):
        if name in given and not (isinstance(given[name], ast.Constant) and given[name].value is False):
            yield f"{name}="


def test_no_code_unpickles_evaluates_or_passes_text_to_a_shell():
    found = {
        (path.relative_to(ROOT).as_posix(), danger)
        for path in CODE
        for danger in dangers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == NOTED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(p)",
        "yaml.load(t, Loader=yaml.Loader)",
        "yaml.unsafe_load(t)",
        "eval(t)",
        "subprocess.run(t, shell=True)",
        "np.load(p, allow_pickle=True)",
        "os.system(t)",
        "table.to_pickle(p)",
    ],
)
def test_dangerous_lines_would_be_found(line):
    assert list(dangers(ast.parse(line)))


def test_configs_are_read_by_a_safe_loader(tmp_path):
    assert issubclass(strict_yaml.StrictLoader, yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    planted = f"title: !!python/object/apply:os.system ['touch {tmp_path}/x']\n"
    with pytest.raises(ConfigError, match="could not determine a constructor"):
        parse_study(planted, source="x")
    (tmp_path / "claims.yaml").write_text(planted)
    with pytest.raises((ConfigError, yaml.YAMLError), match="could not determine a constructor"):
        load_claims(tmp_path / "claims.yaml")
    assert not (tmp_path / "x").exists()


def test_rules_pass_only_constrained_words_and_logs_to_the_shell():
    """And how many runs train at once, which only the user's own profile or command line sets."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in RULES)
    assert not re.search(r"^\s*(run|script|notebook):", text, re.MULTILINE), "a rule only calls a stage"
    assert not re.search(r"\b(pickle|eval|exec|os\.system)\b", text)
    commands = re.findall(r"shell:\n((?: +\"[^\n]*\"\n)+)", text + "\n")
    assert len(commands) == len(re.findall(r"^rule (?!all|reproduce)\w+:", text, re.MULTILINE))
    words = {word for command in commands for word in re.findall(r"{(.*?)}", command)}
    constraints = dict(re.findall(r'^    (\w+)="(\[.*\][+*])",$', text, re.MULTILINE))
    assert words == {"log", "resources.at_once", *(f"wildcards.{name}" for name in constraints)}
    for pattern in constraints.values():
        for bad in PLANTED:
            assert not re.fullmatch(pattern, bad)


# --- files

MARK = "touched"


class Planted:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path(MARK),)


def test_a_planted_pickle_would_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Planted()))
    assert Path(MARK).exists()


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    place = small_study.write(tmp_path_factory.mktemp("forks") / "place")
    with Forks(place, small_study.environment(**SECRETS)) as process:
        yield process


@pytest.fixture(scope="module")
def made(forks, tmp_path_factory):
    """A finished study, made with secrets in the environment, its training recorded by W&B."""
    place = small_study.write(tmp_path_factory.mktemp("made") / "place")
    small_study.everything(forks, place)
    code, said = forks.run(place, "train", "--study", STUDY, "--block", BLOCK, variables={"WANDB_MODE": "offline"})
    assert code == 0, said
    return place


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        (f"train/{BLOCK}/history.parquet", ("analyse", "--analysis", "learning", "--job", "runs")),
        (f"checkpoints/{BLOCK}.safetensors", ("represent", "--block", BLOCK)),
        (f"represent/{BLOCK}.safetensors", ("analyse", "--analysis", "similarity", "--job", PAIRS)),
        (f"train/{BLOCK}/summary.json", ("analyse", "--analysis", "similarity", "--job", PAIRS)),
        (f"analyse/similarity/{PAIRS}.parquet", ("summarise",)),
        ("metrics.json", ("judge",)),
    ],
)
def test_a_planted_pickle_is_refused_by_the_stage_that_reads_it(forks, made, tmp_path, file, reader):
    place = shutil.copytree(made, tmp_path / "place")
    path = place / "results" / STUDY / file
    path.write_bytes(pickle.dumps(Planted()))
    code, said = forks.run(place, reader[0], "--study", STUDY, *reader[1:])
    assert code == 1
    assert f"results/{STUDY}/{file}: expected " in said
    assert not list(tmp_path.rglob(MARK))


def test_a_pickle_in_place_of_a_checkpoint_is_set_aside(forks, made, tmp_path):
    place = shutil.copytree(made, tmp_path / "place")
    path = place / "resume" / STUDY / f"{BLOCK}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(Planted()))
    code, said = forks.run(place, "train", "--study", STUDY, "--block", BLOCK)
    assert code == 0, said
    assert "damaged, set aside as" in said
    assert small_study.final(place) == small_study.final(made)
    assert not list(tmp_path.rglob(MARK))


def test_a_pickled_column_stays_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.write_table("t.parquet", pd.DataFrame({"a": [pickle.dumps(Planted())]}), {})
    assert store.read_table("t.parquet")["a"][0] == pickle.dumps(Planted())
    assert not Path(MARK).exists()


# --- names in configs

PLANTED = ("$(touch x)", "a; touch x", "a\ntouch x", "../../x", "-x", "'\"")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def places(content, path=()):
    """Every key and every text of a config: its path, and whether it is a key."""
    for name, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(content, dict):
            yield (*path, name), True
        if isinstance(value, str):
            yield (*path, name), False
        elif isinstance(value, dict | list):
            yield from places(value, (*path, name))


def plant(path, key, text):
    """The small study with `text` at a path."""
    settings = rich()
    *folders, last = path
    place = settings
    for folder in folders:
        place = place[folder]
    if key:
        place[text] = place.pop(last)
    else:
        place[last] = text
    return settings


def rich():
    """The small study with every kind of key."""
    settings = small_study.content()
    settings["methods"]["one_sg"] |= {"sweeps": ["depth", "short"], "set": {"gates.update": "simultaneous"}}
    settings["sweeps"] = {name: settings["sweeps"][name] for name in ("depth", "tuned", "short")}
    settings["sweeps"]["short"] |= {"set": {"loss": "mse"}, "vary": {"network.activation": ["relu", "sigmoid"]}}
    settings["analyses"]["again"] = {
        "analysis": "learning",
        "sweep": ["depth", "short"],
        "where": {"method": ["one_sg"]},
        "settings": {},
    }
    settings["figures"]["more"] = {
        "figure": "learning_curves",
        "title": "More",
        "note": "Again.",
        "tables": {"learning": "again"},
        "settings": {},
    }
    return settings


def words(study):
    """Every name in a study that becomes a file name or a word of a command."""
    plan = Plan(study, "small")
    yield from (*plan.runs, *plan.cells, *study.analyses, *study.figures, *plan.datasets())
    for name in study.analyses:
        yield from plan.groups(name)


FREE = {"title", "label", "note"}  # only shown to readers; `title` also in entries under `figures`


@pytest.mark.parametrize("text", PLANTED)
def test_text_planted_anywhere_in_a_config_is_refused_or_only_shown(text):
    accepted = set()
    assert len(list(places(rich()))) > 140
    for path, key in places(rich()):
        try:
            study = parse_study(json.dumps(plant(path, key, text)), source="x")  # YAML, and quick to write
        except ConfigError:
            continue
        accepted.add(path[-1])
        for word in words(study):
            assert WORD.fullmatch(word), (path, word)
    assert accepted <= FREE


def test_a_study_is_a_file_in_configs_and_its_name_a_word(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(rich()))
    for name in ("../x", str(tmp_path / "x"), "$(touch x)", "a b", "a;b", "A"):
        with pytest.raises(ConfigError, match="no study"):
            load_study(name, tmp_path)
    for name in ("$(touch x)", "a b", "a;b", "A"):
        (tmp_path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(rich()))
        with pytest.raises(ConfigError, match="a study's name has lower-case letters, digits and underscores"):
            load_study(name, tmp_path)


def test_snakemake_runs_nothing_from_a_planted_label(tmp_path):
    settings = rich()
    settings["title"] = settings["figures"]["more"]["note"] = "$(touch x); `touch x`"
    settings["methods"]["one_sg"]["label"] = "; `touch x`"  # a label with $ is refused with the config
    place = small_study.tree(tmp_path / "place", settings)
    code, said = small_study.ended(small_study.snakemake(place, "--dry-run", "--printshellcmds"))
    assert code == 0, said
    assert "touch x" not in "\n".join(line for line in said.splitlines() if "python -m" in line)
    assert not list(tmp_path.rglob("x"))


# --- the report

SCRIPT = "<script>alert('x')</script>\"' onload=\"alert(1)"


def planted(kind):
    """A value of a type with a script in every text."""
    whole, inside = typing.get_origin(kind) or kind, typing.get_args(kind)
    if whole in (types.UnionType, typing.Union):
        return planted(inside[0])
    if dataclasses.is_dataclass(whole):
        return whole(**{name: planted(each) for name, each in typing.get_type_hints(whole).items()})
    if whole is tuple:
        return tuple(planted(part) for part in inside if part is not Ellipsis)
    if whole in (list, typing.Sequence, collections.abc.Sequence):
        return [planted(inside[0])]
    if whole in (dict, collections.abc.Mapping):
        return {planted(inside[0]): planted(inside[1])}
    return {str: SCRIPT, int: 2, float: 0.5, bool: True}[whole]


def scripted(value):
    """A row of verdicts.json with a script in every text but the ids and the words that the page chooses by."""
    kept = {"id", "primary", "role", "verdict"}
    if isinstance(value, dict):
        return {key: each if key in kept else scripted(each) for key, each in value.items()}
    return (
        [scripted(each) for each in value] if isinstance(value, list) else SCRIPT if isinstance(value, str) else value
    )


class Page(html.parser.HTMLParser):
    """The names of a page's tags and of their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


def test_the_report_escapes_everything_that_it_shows():
    hints = {name: kind for name, kind in typing.get_type_hints(report_model.Report).items() if name != "verdicts"}
    content = {name: planted(kind) for name, kind in hints.items()}
    parts = [small_ledger.part(), small_ledger.part("C1.b", metric="a/down", varies="rate", under=["learns"])]
    controls = {"learns": {"says": "x", "metric": "a/learns", "above": 0.9}}
    stated = small_ledger.claim(*parts, controls=controls, departs="x", tested_by="x")
    rows = scripted(judge_claim(stated, small_ledger.METRICS, []))
    diverged = dataclasses.replace(content["runs"][0], status="diverged")
    finished = dataclasses.replace(content["runs"][0], status="finished", final={"test_accuracy": 0.5})
    content["runs"] += [diverged, finished]
    planted_report = report_model.Report(**content, verdicts=rows)
    for text in (render.report(planted_report), render.appendix(planted_report)):
        found = Page(text)
        assert "script" not in found.tags
        assert not {name for name in found.attributes if name.startswith("on")}
        assert text.count("&lt;script&gt;alert") > 25
        assert "<script" not in text


def test_a_script_in_a_label_stays_text_in_a_figure(forks, made, tmp_path):
    settings = small_study.content()
    settings["methods"]["one_sg"]["label"] = SCRIPT
    place = small_study.write(tmp_path / "place", settings)
    shutil.copytree(made / "results", place / "results")
    code, said = forks.run(place, "draw", "--study", STUDY, "--figure", "learning_curves")
    assert code == 0, said
    drawn = Page((place / "results" / STUDY / "draw" / "learning_curves.svg").read_text())
    assert "svg" in drawn.tags
    assert "script" not in drawn.tags
    assert not {name for name in drawn.attributes if name.startswith("on")}


# --- secrets and installed packages


def test_a_study_leaves_no_secret_in_any_file(made):
    assert list((made / "wandb").glob("offline-run-*"))
    assert small_study.leaks(made, SECRETS.values()) == []
    (made / "leak.bin").write_bytes(b"\0" + SECRETS["WANDB_API_KEY"].encode() + b"\0")
    assert small_study.leaks(made, SECRETS.values()) == ["leak.bin"], "a secret would be found"
    (made / "leak.bin").unlink()


LOCKS = sorted(ROOT.glob("requirements*.lock"))
AT_LEAST = {"": 100, "-tools": 100, "-sites": 20, "-torch": 20, "-torch-cpu": 1}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_locked_to_one_version_and_by_hash(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    entries = re.split(r"\n(?=\S)", "\n".join(lines))
    assert len(entries) >= AT_LEAST[path.stem.removeprefix("requirements")]
    for entry in entries:
        assert re.match(r"[A-Za-z0-9_.\[\],-]+==\S+", entry), entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry[:80]


def test_installed_packages_are_checked_by_hash_and_have_one_version():
    installs = 0
    for script in (ROOT / "Makefile", *(ROOT / "tools").glob("*.sh")):
        code = "\n".join(
            line for line in script.read_text().splitlines() if "echo" not in line and "$wanted" not in line
        )
        for command in re.findall(r"pip install(?:[^\n]*\\\n)*[^\n]*", code):
            installs += 1
            assert "--require-hashes" in command, f"{script.name}: {command}"
    assert installs == 5
    locked: dict[tuple[str, str], set[str]] = {}
    for path in LOCKS:
        for name, version, marker in re.findall(r"^([\w.-]+)\S*==([^\s;+]+)\S*(.*)", path.read_text(), re.MULTILINE):
            locked.setdefault((name, marker.strip(" \\")), set()).add(version)
    assert {key: versions for key, versions in locked.items() if len(versions) > 1} == {}
    assert f'"torch=={next(iter(locked["torch", ""]))}"' in (ROOT / "pyproject.toml").read_text()
