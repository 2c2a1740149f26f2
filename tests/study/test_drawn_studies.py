"""Whatever study is drawn from the schema, it is refused with the path of its fault, or it runs to the end.

Nothing else may happen: no other error, and no result that is neither finite nor called diverged.
"""

import contextlib
import copy
import importlib
import io
import itertools
import math
import shutil
import traceback
import warnings
from collections import Counter

import drawn_studies
import pytest
from drawn_studies import LOCAL, schema_sides, spoiled, studies, text
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture import providers

from pipeline import members
from pipeline.results import paths, run_summaries
from pipeline.settings_types import LONGEST
from pipeline.study.errors import ConfigError
from pipeline.study.jobs import STAGES
from pipeline.study.load import parse_study
from pipeline.study.plan import Plan

NAME = "drawn"
SPOILED, BASES, RUNS = 120, 20, 28
LEAST_DRAWN, LEAST_RUN = 200, 25
HOW = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
# Values that a key's type allows and that nothing accepts, since another setting always asks for more.
STRICTER = {
    ("training.checkpoints", 1): "the start and the end",
    ("tuning.gate_factors.*", math.nextafter(0, 1)): "a rate above zero",
    ("tuning.halving.rungs", 9): "2^8 steps in the last rung",
    ("tuning.halving.rungs", 10): "2^9 steps in the last rung",
    ("tuning.share", math.nextafter(0, 1)): "a trial without a share",
}
NO_NUMBER_OF_POINTS = (
    f"le {LONGEST}"  # a whole number that large is allowed for seeds, and where nothing else bounds it
)


@pytest.fixture(autouse=True)
def same_draws(monkeypatch):
    """Hypothesis also draws numbers from the source of imported modules, which depend on the tests that ran before."""
    providers.CONSTANTS_CACHE.cache.clear()
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)
    yield
    providers.CONSTANTS_CACHE.cache.clear()


def one(strategy, number):
    """A study, always the same for a number; hypothesis's first example is its simplest, and not used."""
    found = []

    @seed(number)
    @settings(max_examples=2, phases=[Phase.generate], **HOW)
    @given(strategy)
    def keep(value):
        found.append(value)

    keep()
    return found[-1]


def faults(study):
    """The paths that the error names, if a study is refused; each of them must be in the study."""
    said = ""
    try:
        parse_study(text(study), source="x")
    except ConfigError as error:
        said = str(error)
    found = list(drawn_studies.named_paths(said, "x"))
    for path in found:
        assert stands(study, path), f"{path} isn't in the study: {said}"
    return found


def stands(content, path):
    """Whether a path is in a study, or misses a last key; keys such as `network.hidden` have dots themselves."""
    parts = path.split(".")
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if isinstance(content, dict) and key in content:
            return length == len(parts) or stands(content[key], ".".join(parts[length:]))
        if isinstance(content, list) and key.isdigit() and int(key) < len(content):
            return length == len(parts) or stands(content[int(key)], ".".join(parts[length:]))
    return len(parts) == 1


def test_a_study_is_accepted_or_refused_with_the_path_of_its_fault():
    counts = Counter()

    @settings(max_examples=SPOILED, derandomize=True, **HOW)
    @given(studies().flatmap(spoiled))
    def with_faults_anywhere(study):
        counts["refused" if faults(study) else "accepted"] += 1

    with_faults_anywhere()
    print(f"studies with one or two changes anywhere: {dict(counts)}")
    assert counts["accepted"]
    assert counts["refused"]
    assert counts.total() >= SPOILED


def test_every_bound_of_the_schema_is_hit_from_both_sides():
    figures = itertools.cycle(members.members("figures"))
    bases = [one(studies(tuned=True, figure=next(figures)), number) for number in range(BASES)]
    bases = [base for base in bases if not faults(base)]
    counts, wrong, turns = Counter(), [], itertools.cycle([*bases, *map(plain, bases)])
    for side in schema_sides():
        where = ".".join(side.path)
        for study in itertools.islice(turns, 2 * len(bases)):
            study = copy.deepcopy(study)
            path = side.plant(study)
            if path is None:
                continue
            found = faults(study)
            counts["refused" if found else "accepted"] += 1
            if side.refused:
                if ".".join(map(str, path)) not in found:
                    wrong.append(f"{side}: isn't named: {found}")
                counts[f"beyond: {side.bound.split()[0]}"] += 1
                break
            if not found:
                counts[f"within: {side.bound.split()[0]}"] += 1
                break
        else:
            if (where, side.value) not in STRICTER and side.bound != NO_NUMBER_OF_POINTS:
                wrong.append(f"{side}: always refused, at last with {found}")
    assert not wrong, "\n".join(wrong)
    print(f"studies with a value on a side of a bound: {dict(counts)}")
    assert SPOILED + counts["refused"] + counts["accepted"] >= LEAST_DRAWN


def plain(study):
    """The study with few settings that set a bound: batches of one point, no gates, the shortest schedule, no analysis."""
    made = copy.deepcopy(study) | {"analyses": {}, "figures": {}}
    made["training"]["batch"], made["training"]["network"]["batch_norm"] = 1, False
    made["training"] |= {"log_every": 1, "log_early": {"every": 1, "until": 9}, "checkpoints": 2}
    for optimiser in (made["training"]["optimiser"], made["training"]["gates"]["optimiser"]):
        optimiser["drops"] = []
    if made.get("tuning"):
        made["tuning"]["steps"] = 1
    for method in made["methods"].values():
        method["placement"] = "none"
    return made


def test_accepted_studies_run_through_every_stage(tmp_path, monkeypatch, root):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    turns = zip(
        *(itertools.cycle(members.members(family)) for family in ("analyses", "figures", "estimators")),
        itertools.cycle(LOCAL),
        strict=False,
    )
    counts, failed = Counter(), []
    for number, (analysis, figure, estimator, dataset) in zip(range(RUNS), turns, strict=False):
        study = one(studies(analysis=analysis, figure=figure, estimator=estimator, dataset=dataset), number)
        if faults(study):
            counts["refused"] += 1
            continue
        place = tmp_path / str(number)
        monkeypatch.chdir(copy_of(root, place, study))
        try:
            counts += ended(through_every_stage())
        except (Exception, SystemExit):
            failed.append(f"{traceback.format_exc()}\nof the study\n{text(study)}")
        monkeypatch.chdir(root)
        shutil.rmtree(place)
    print(f"studies run: {dict(counts)}")
    assert not failed, f"{len(failed)} of {RUNS}: " + "\n".join(failed[:3])
    assert counts["studies"] >= LEAST_RUN


def copy_of(root, place, study):
    """A folder with the study, and what its jobs read beside it."""
    (place / "configs").mkdir(parents=True)
    (place / "configs" / f"{NAME}.yaml").write_text(text(study))
    shutil.copy(root / "configs" / "claims.yaml", place / "configs")
    for name in ("workflow", "pipeline"):
        (place / name).symlink_to(root / name)
    return place


def through_every_stage():
    """Run every job of the study in this process, and return its plan."""
    plan = Plan.load(NAME)
    for rule, stage in STAGES.items():
        main = importlib.import_module(f"pipeline.stages.{rule}").main
        for asked in stage.every(plan):
            named = zip(stage.wildcards, asked, strict=True)
            words = ["--study", NAME, *(word for name, value in named for word in (f"--{name}", value))]
            if rule == "prepare":
                words = ["--dataset", *asked, "--root", str(paths.data(*asked))]
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # overflows of a training that diverges
                main(words)
    return plan


def ended(plan):
    """How the study's trainings ended, all results being there."""
    counts = Counter(studies=1)
    for job in plan.jobs():
        counts[job.rule] += 1
        for path in job.outputs:
            assert path.is_file(), f"{job.rule} {job.name} left no {path}"
    every = {run: each for block in plan.blocks for run, each in run_summaries.read(paths.summary(NAME, block)).items()}
    assert every.keys() == plan.runs.keys()
    for run, summary in every.items():
        lost = [name for name, value in summary["final"].items() if value is None]
        assert summary["status"] in ("finished", "diverged")
        assert (summary["status"] == "diverged") == bool(summary["message"])
        assert summary["status"] == "diverged" or not lost, f"{run} finished without {lost}"
        counts[summary["status"]] += 1
    return counts
