"""The project's papers say what is so: every setting, file and command that they name is there."""

import inspect
import re
import subprocess
import sys
import types
import typing

import fault_page
import pytest
import torch
import yaml
from pydantic import BaseModel

from pipeline import members
from pipeline.learning.gate import Gate
from pipeline.pages import readme
from pipeline.study.schema import Method, Study

PAPERS = ("README.md", "CONTRIBUTING.md", "configs/README.md")
MADE = ("results", "wandb", "docs", ".venv", "data", "logs")  # folders that commands make
WHOSE = ("paper", "sister paper", "ours")


def models(annotation):
    """The pydantic models in an annotation, with how a key of theirs is reached: directly, or by a name of one's own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [("", annotation)]
    if typing.get_origin(annotation) is dict:
        return [(".<name>", model) for _, model in models(typing.get_args(annotation)[1])]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [found for part in typing.get_args(annotation) for found in models(part)]
    return []


def takes_more(annotation):
    """Whether a key takes something else than a model too, such as a word or nothing: then it is explained itself."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(not models(part) for part in typing.get_args(annotation))
    return not models(annotation)


def keys(model, prefix=""):
    """The path of every key that a config may have."""
    for name, field in model.model_fields.items():
        below = models(field.annotation)
        if takes_more(field.annotation):
            yield prefix + name
        for between, inner in below:
            yield from keys(inner, f"{prefix}{name}{between}.")


def rows(text, heading):
    """The cells of the table below a heading."""
    table = text.partition(heading)[2].partition("\n## ")[0]
    found = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return found[2:]


def test_every_key_of_a_study_is_explained_and_no_other(root):
    found = rows((root / "configs" / "README.md").read_text(), "## Every key")
    named = [cells[0].strip("`") for cells in found]
    assert len(named) == len(set(named))
    assert sorted(named) == sorted(keys(Study))
    for key, meaning, unit, whose in found:
        assert len(meaning) > 8, key
        assert unit, key
        assert re.match(rf"({'|'.join(WHOSE)})\b", whose), key


def test_choices_are_named_as_the_config_takes_them(root):
    """A key with a few valid values lists them all."""
    found = {
        cells[0].strip("`"): cells[2] for cells in rows((root / "configs" / "README.md").read_text(), "## Every key")
    }
    seen = 0
    for key in keys(Study):
        model = Study
        for part in key.replace(".<name>", "").split("."):
            field = model.model_fields[part]
            model = next((inner for _, inner in models(field.annotation)), model)
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if typing.get_origin(part) is typing.Literal:
                seen += 1
                assert all(f"`{choice}`" in found[key] for choice in typing.get_args(part)), key
    assert seen >= 6


def test_the_same_keys_stand_in_every_study(root):
    """`missing; every study has the same keys`, says the error; so every file there has a line in the table."""
    text = (root / "configs" / "README.md").read_text()
    studies = {path.name for path in (root / "configs").glob("*.yaml")} - {"claims.yaml"}
    assert studies == set(re.findall(r"^\| \[(\w+\.yaml)\]\(\1\)", text, re.MULTILINE))


def test_every_fault_of_the_page_is_brought_about_by_a_test(root):
    tests = "".join(path.read_text() for path in (root / "tests").rglob("test_*.py"))
    named = re.findall(r"\btold\(\"([^\"]+)\"", tests)
    assert sorted(named) == sorted(fault_page.rows())


@pytest.mark.parametrize("paper", PAPERS)
def test_links_lead_somewhere(root, paper):
    text = without_code((root / paper).read_text())
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith(("https://", "docs/")):
            assert ((root / paper).parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("paper", PAPERS)
def test_files_that_are_named_are_there(root, paper):
    """Every word of code that looks like a file, but for what commands make and README's example of a new one."""
    text, folder = without_code((root / paper).read_text()), (root / paper).parent
    new = f"pipeline/estimators/{example(root)[0]}.py"
    words = {word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()}
    named = {
        word for word in words if re.fullmatch(r"[\w.-]+(/[\w.-]*)+|[\w-]+\.(yaml|toml|lock|cff|py)|\w+file", word)
    }
    assert named
    for word in named - {new}:
        if word.split("/")[0] not in MADE and "NAME" not in word:
            assert (root / word).exists() or (folder / word).exists(), word


@pytest.mark.parametrize("paper", PAPERS)
def test_make_targets_that_are_named_exist(root, paper):
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", (root / paper).read_text(), re.MULTILINE))
    assert named <= targets


def test_modules_that_are_named_exist(root):
    for paper in PAPERS:
        for module in re.findall(r"python -m (pipeline\.\w+)\b", (root / paper).read_text()):
            assert (root / f"{module.replace('.', '/')}.py").is_file()


def test_every_family_is_in_readmes_map_and_in_how_to_add(root):
    text = (root / "README.md").read_text()
    for family in members.FAMILIES:
        assert f"pipeline/{family}/" in text.partition("## Map")[2]
        assert f"pipeline/{family}/" in text.partition("## How to add")[2].partition("## Map")[0]


def test_readme_has_each_generated_part_once(root):
    text = (root / "README.md").read_text()
    for name in ("findings", "figure", "times", "workflow"):
        assert readme.fill(text, name, "x") != text


def example(root):
    text = (root / "README.md").read_text()
    return re.search(r"`pipeline/estimators/(\w+)\.py`:\n\n```python\n(.*?)```", text, re.DOTALL).groups()


def test_readmes_estimator_does_what_readme_says(root):
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


def test_readmes_estimator_is_written_as_the_project_asks(root):
    name, source = example(root)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", f"pipeline/estimators/{name}.py", "-"],
            input=source, cwd=root, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_readmes_entry_is_a_method(root):
    name, _ = example(root)
    entry = yaml.safe_load(re.search(r"```yaml\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1])
    (method,) = entry.values()
    assert method["estimator"] == name
    needed = {name for name, field in Method.model_fields.items() if field.is_required()}
    assert set(method) == needed


def test_the_licence_is_the_one_that_is_named(root):
    text = (root / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert text.count("\n") == 202
    assert 'license = "Apache-2.0"' in (root / "pyproject.toml").read_text()


def test_the_citation_is_of_this_version_and_invents_nobody(root):
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


@pytest.mark.parametrize("paper", [*PAPERS, "CHANGELOG.md", "CITATION.cff", "workflow/report/workflow.rst"])
def test_no_place_on_a_machine_is_named(root, paper):
    assert not re.search(r"(/home/|/root/|/work/|/tmp/|[A-Z]:\\\\)", (root / paper).read_text())


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)
