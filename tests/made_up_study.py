"""A small study with made-up results, for the tests of the review."""

import shutil

import pandas as pd
import yaml

from pipeline.pages import render, review
from pipeline.results import paths, run_summaries, store
from pipeline.results.fingerprint import digest
from pipeline.study.jobs import run_settings
from pipeline.study.plan import Plan
from pipeline.tracking import client, reader
from pipeline.tracking.limits import Limits
from pipeline.tracking.metric_names import metric
from pipeline.tracking.run_content import Opening
from pipeline.verdicts.claims import PATH, load_claims
from pipeline.verdicts.judge import judge_ledger

PLANTED = "<script>alert('x')</script>"
NAME = "small"
DIVERGED, MISSING = "depth-every_sg-hidden4-s1", "depth-backprop-hidden2-s0"
HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
DRAWING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 72 36"><path d="M0 0H72"/></svg>'
)
GRAPH = "flowchart TB\n" + "".join(
    f"\tid{place}[{rule}]\n" for place, rule in enumerate(("prepare", "tune", "train", "analyse", "report", "all"))
) + "".join(f"\tid{a} --> id{b}\n" for a, b in ((0, 1), (0, 2), (1, 2), (2, 3), (1, 3), (3, 4), (2, 4), (4, 5)))  # fmt: skip


def make(root, place):
    """Create a study in `place`, which must be the working directory; one run diverged and one has no result."""
    (place / "configs").mkdir()
    shutil.copy(root / PATH, place / "configs")
    shutil.copytree(root / "workflow" / "report", place / "workflow" / "report")
    content = yaml.safe_load((root / "configs" / "smoke.yaml").read_text())
    content["title"] = f"Small {PLANTED}"
    content["methods"]["every_sg"]["label"] = PLANTED
    (place / "configs" / f"{NAME}.yaml").write_text(yaml.safe_dump(content))
    plan = Plan.load(NAME)
    for run in plan.runs:
        if run != MISSING:
            ended(plan, run)
    metric = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 2, "values": [0.49, 0.51]}
    claims = load_claims()
    found: dict = {}
    for claim in claims.claims:
        for name in claim.metrics:
            found.setdefault(name.partition("/")[0], {})[name.partition("/")[2]] = metric
    origin = {"settings": plan.settings_hash(), "commit": "0123456789abcdef"}
    store.write_json(paths.metrics(NAME), {"study": NAME, "metrics": found, "provenance": origin})
    store.write_json(paths.verdicts(NAME), judge_ledger(claims, found, plan.study.figures))
    for name in plan.study.figures:
        store.write_bytes(paths.drawing(NAME, name, "svg"), DRAWING)
        store.write_bytes(paths.drawing(NAME, name, "csv"), b"x\n1\n")
    return plan


def ended(plan, run, *, settings=None, **more):
    """Write the results of a run beside those of the other runs of its block; its summary."""
    block = plan.block(run)
    path, history = paths.summary(NAME, block), paths.history(NAME, block)
    origin = {
        "code": plan.job("train", block=block).code, "inputs": {"block": block}, "commit": "0123456789abcdef",
        "dirty": False, "hardware": {"cpu": "A CPU", "cores": 2, "gpu": None}, **more,
    }  # fmt: skip
    runs = dict(store.read_json(path)["runs"]) if path.is_file() else {}
    runs[run] = {
        "settings": settings or run_settings(plan.runs[run]), "message": None, "step": 40,
        "status": "diverged" if run == DIVERGED else "finished", "final": {"test_accuracy": 0.75, "train_loss": 0.25},
    }  # fmt: skip
    store.write_json(path, run_summaries.content(block, runs, origin))
    losses = {"step": [0, 20, 40], "layer": 0, "quantity": "train_loss", "value": [1.0, 0.5, 0.25]}
    store.write_table(history, pd.concat(pd.DataFrame({"run": name, **losses}) for name in runs), origin)
    timed, seconds = paths.results(NAME) / "timing" / "train" / f"{block}.tsv", 90 * len(plan.blocks[block])
    store.write_bytes(timed, f"{HEAD}{seconds}\t-\t300\t1\t1\t1\t0\t0\t9\t3600\n".encode())
    return {**run_summaries.read(path)[run], "run": run}


def record(summary, **numbers):
    """Let W&B record a run with this summary; `numbers` replace some of the recorded final numbers."""
    origin = summary["provenance"]
    identity = digest(["train", origin["settings"], origin["inputs"]])
    opening = Opening(summary["run"], "small", "train", {}, identity)
    with client.start(opening, study=NAME, directory=reader.folder(), limits=Limits(record=100)) as tracker:
        for step, loss in ((0, 8.0), (20, 4.0), (40, 0.25)):
            tracker.log(step, {"step": step, metric("train_loss"): loss})
        final = {**summary["final"], **numbers}
        tracker.log(40, {"step": 40, **{metric(name): value for name, value in final.items()}})


def page(**seams):
    """Render and write the page of the study, without calling Snakemake; the model and the HTML."""
    content = review.review(Plan.load(NAME), GRAPH, **seams)
    html = render.review(content)
    store.write_bytes(paths.review(NAME), html.encode())
    return content, html
