"""The documents agree with the project: every setting, file, command and room that they name exists."""

import inspect
import re
import subprocess
import sys
import tomllib
import types
import typing
from pathlib import Path

import fault_page
import pytest
import torch
import tutorials
import yaml
from pydantic import BaseModel

from pipeline import __main__ as commands
from pipeline import members
from pipeline.learning.gate import Gate
from pipeline.pages import readme
from pipeline.study.schema import Study

ROOT = Path(__file__).parents[2]
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "configs/README.md", *PAGES)
GENERATED = (
    "dist",
    "results",
    "resume",
    "wandb",
    ".venv",
    ".snakemake",
    "data",
    "logs",
)  # folders that commands create
STAGES = ("train", "represent", "analyse", "draw", "checkpoints")  # folders of a study's results
MADE = {path for name in tutorials.NAMES for path in tutorials.files(name)} | {"published/values/smoke.json"}
NOT_FILES = {"nvidia.com/gpu", "__init__.py", "tables/headline_numbers", "sg/cosine/layer_07"}  # look like one
CHOSEN_BY = ("paper", "sister paper", "ours")


def nested_models(annotation):
    """The pydantic models in an annotation, each with what comes before its keys: nothing, or a name to choose."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [("", annotation)]
    if typing.get_origin(annotation) is dict:
        return [(".<name>", model) for _, model in nested_models(typing.get_args(annotation)[1])]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [found for part in typing.get_args(annotation) for found in nested_models(part)]
    return []


def takes_plain_values(annotation):
    """Whether a key takes values that aren't models, such as a word or null; such a key has a row of its own."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(not nested_models(part) for part in typing.get_args(annotation))
    return not nested_models(annotation)


def config_keys(model, prefix=""):
    """The path of every key that a config may have."""
    for name, field in model.model_fields.items():
        if takes_plain_values(field.annotation):
            yield prefix + name
        for between, inner in nested_models(field.annotation):
            yield from config_keys(inner, f"{prefix}{name}{between}.")


def table_rows(text, heading):
    """The cells of the table below a heading."""
    table = text.partition(heading)[2].partition("\n## ")[0]
    found = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return found[2:]


def test_the_table_explains_exactly_the_keys_of_a_study(root):
    found = table_rows((root / "configs" / "README.md").read_text(), "## Every key")
    named = [cells[0].strip("`") for cells in found]
    assert len(named) == len(set(named))
    assert sorted(named) == sorted(config_keys(Study))
    for key, meaning, unit, chosen_by in found:
        assert len(meaning) > 8, key
        assert unit, key
        assert re.match(rf"({'|'.join(CHOSEN_BY)})\b", chosen_by), key


def test_the_analyses_whose_settings_must_fit_each_other_are_listed(root):
    found = table_rows((root / "configs" / "README.md").read_text(), "## Settings of an analysis")
    bounded = [name for name in members.members("analyses") if "BOUNDS" in members.constants("analyses", name)]
    assert [cells[0].strip("`") for cells in found] == bounded


def test_a_key_with_a_few_valid_values_lists_them_all(root):
    found = {
        cells[0].strip("`"): cells[2]
        for cells in table_rows((root / "configs" / "README.md").read_text(), "## Every key")
    }
    seen = 0
    for key in config_keys(Study):
        model = Study
        for part in key.replace(".<name>", "").split("."):
            field = model.model_fields[part]
            model = next((inner for _, inner in nested_models(field.annotation)), model)
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if typing.get_origin(part) is typing.Literal:
                seen += 1
                assert all(f"`{choice}`" in found[key] for choice in typing.get_args(part)), key
    assert seen >= 6


def test_every_study_is_in_the_table_of_files(root):
    text = (root / "configs" / "README.md").read_text()
    studies = {path.name for path in (root / "configs").glob("*.yaml")} - {"claims.yaml"}
    assert studies == set(re.findall(r"^\| \[(\w+\.yaml)\]\(\1\)", text, re.MULTILINE))


def test_a_test_causes_every_fault_of_the_page(root):
    tests = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    named = re.findall(r"\btold\(\"([^\"]+)\"", tests)
    assert sorted(named) == sorted(fault_page.rows())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(root, document):
    text = without_code((root / document).read_text())
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith("https://"):
            assert ((root / document).parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(root, document):
    """Every word of code that looks like a file, except what commands and readers create."""
    text, folder = without_code((root / document).read_text()), (root / document).parent
    new = f"pipeline/estimators/{example(root)[0]}.py"
    words = {word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()}
    named = {
        word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|[\w-]+\.(yaml|toml|lock|cff|py)|\w+file", word)
    }
    assert named or document in {"docs/faults.md", "docs/index.md", "docs/wandb.md"}
    for word in named - {new} - MADE - NOT_FILES:
        if word.split("/")[0] not in (*GENERATED, *STAGES) and "NAME" not in word:
            assert (root / word).exists() or (folder / word).exists(), word


@pytest.mark.parametrize("document", [*DOCUMENTS, ".ci/run"])
def test_named_make_targets_exist(root, document):
    targets = set(re.findall(r"^([a-z-]+):(?!=)", (root / "Makefile").read_text(), re.MULTILINE))
    text = (root / document).read_text()
    lines = code_only(text) if document.endswith(".md") else text
    assert set(re.findall(r"^make ([a-z][a-z-]*)", lines, re.MULTILINE)) <= targets


@pytest.mark.parametrize("document", [*DOCUMENTS, "Makefile", "dvc.yaml"])
def test_named_verbs_exist(root, document):
    """A verb in capitals or angle brackets stands for any verb."""
    called = re.findall(r"python -m (pipeline[\w.]*)(?: +([a-z]+))?", (root / document).read_text())
    assert {module for module, _ in called} <= {"pipeline"}
    assert {verb for _, verb in called if verb} <= set(commands.modules())


def test_contributing_lists_the_layers_that_import_linter_checks(root):
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    text = (root / "CONTRIBUTING.md").read_text()
    assert re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].splitlines() == layers
    (science,) = [contract["source_modules"] for contract in contracts if contract["type"] == "forbidden"]
    named = re.search(r"The science \((.*?)\)", text, re.DOTALL)[1]
    assert [f"pipeline.{room}" for room in re.findall(r"`(\w+)`", named)] == science


def test_every_family_is_in_readmes_map_and_in_how_to_add(root):
    for family in members.FAMILIES:
        assert f"pipeline/{family}/" in (root / "README.md").read_text().partition("## How it works")[2]
        assert f"pipeline/{family}/" in (root / "docs" / "families.md").read_text()


def test_every_room_is_in_readmes_map(root):
    text = (root / "README.md").read_text().partition("## How it works")[2]
    rooms = [path.parent.name for path in (root / "pipeline").glob("*/__init__.py")]
    assert [room for room in rooms if f"pipeline/{room}/" not in text] == []


def test_readme_is_short(root):
    assert len((root / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("README.md", ("found", "verdicts", "figure", "workflow")),
        ("docs/numbers.md", ("findings",)),
        ("docs/running.md", ("times",)),
    ],
)
def test_each_page_has_its_generated_parts_once(root, page, names):
    text = (root / page).read_text()
    for name in names:
        assert readme.fill(text, name, "x") != text


def example(root):
    text = (root / "docs" / "tutorials" / "new_estimator.md").read_text()
    source = re.search(r"```python\n(\"\"\"Diagonal.*?)```", text, re.DOTALL)[1]
    return "diagonal_sg", source


def test_the_tutorials_estimator_computes_what_it_says(root):
    """It starts at zero, and is exactly `h * a + y B + c` for each sample."""
    name, source = example(root)
    assert name not in members.members("estimators")
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    given = {p.name for p in inspect.signature(module.build).parameters.values() if p.kind is p.KEYWORD_ONLY}
    generator = torch.Generator().manual_seed(0)
    built = module.build(3, 2, **{"generator": generator, **({"above": 4} if "above" in given else {})})
    known = inspect.signature(members.load("estimators", "linear_sg").build).parameters
    assert list(inspect.signature(module.build).parameters) == list(known)
    h, y = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), torch.eye(2)
    assert torch.count_nonzero(Gate(built, waits_for=module.WAITS_FOR).estimator(h=h, y=y)) == 0
    with torch.no_grad():
        built.a.copy_(torch.tensor([1.0, -1.0, 10.0]))
        built.B.copy_(torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]))
        built.c.fill_(100)
    expected = torch.tensor([[101.5, 98.0, 130.0], [104.0, 95.25, 160.0]])
    assert torch.equal(built(h=h, y=y), expected)
    assert set(module.WAITS_FOR) <= {"h", "y"}
    assert bool(list(built.parameters())) == module.LEARNED


def test_the_tutorials_estimator_passes_ruff(root):
    name, source = example(root)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", f"pipeline/estimators/{name}.py", "-"],
            input=source, cwd=root, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_licence_file_is_the_named_licence(root):
    text = (root / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert text.count("\n") == 202
    assert 'license = "Apache-2.0"' in (root / "pyproject.toml").read_text()


def test_the_citation_has_this_version_and_names_no_person(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert f'version = "{citation["version"]}"' in (root / "pyproject.toml").read_text()
    assert citation["license"] == "Apache-2.0"
    assert [set(author) for author in citation["authors"]] == [{"name"}]


def test_the_hooks_need_no_network_and_run_what_make_check_runs(root):
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in hooks["repos"]] == ["local"]
    (hook,) = hooks["repos"][0]["hooks"]
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == ("make check", "system", False)


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md", "CITATION.cff", "workflow/report/workflow.rst"])
def test_no_path_of_a_machine_is_named(root, document):
    assert not re.search(r"(/home/|/root/|/work/|/tmp/|[A-Z]:\\\\)", (root / document).read_text())


def code_only(text):
    """The lines of all code blocks, and every span of code on a line of its own."""
    blocks = re.findall(r"```.*?\n(.*?)```", text, re.DOTALL)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", without_code(text)))


def without_code(text):
    """The text without its code blocks; spans of code stay."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)
