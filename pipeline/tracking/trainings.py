"""What a training logs in W&B: the same whether it is recorded as it trains or made from its results afterwards."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.results import paths, run_summaries, store
from pipeline.study.jobs import run_settings
from pipeline.study.labels import without_labels
from pipeline.study.plan import Plan
from pipeline.study.schema import Run
from pipeline.tracking import identity, metric_names
from pipeline.tracking.run_content import Opening, RunContent, run_id

JOB_TYPE = "train"


def opening(plan: Plan, run: Run, *, rates: tuple[float, float], origin: Mapping[str, Any]) -> Opening:
    """How a training is opened.

    Args:
        plan: the study's jobs.
        run: as the study asks for it.
        rates: at which the network and its gates' modules are trained; tuning may have chosen them.
        origin: the provenance of its block.
    """
    return Opening(
        name=run.name,
        group=group(plan),
        job_type=JOB_TYPE,
        tags=(plan.name, run.method, f"seed{run.seed}"),
        config={**_keys(plan, run), **_rates(*rates), "settings": without_labels(run), "provenance": origin},
        identity=identity.of_training({**origin, "settings": run_settings(run)}),
    )


def training_id(origin: Mapping[str, Any]) -> str:
    """The W&B id of a training, from the provenance of its results."""
    return run_id(JOB_TYPE, identity.of_training(origin))


def group(plan: Plan) -> str:
    """The W&B group of a study's runs; it changes with the study's settings."""
    return f"{plan.name}-{plan.settings_hash()}"


def _keys(plan: Plan, run: Run) -> dict[str, Any]:
    """The settings by which a person groups, filters and compares runs, each under a name of its own."""
    network = run.training.network
    return {
        "study": plan.name,
        "sweep": run.sweep,
        "method": run.method,
        "seed": run.seed,
        "depth": network.hidden,
        "width": network.width,
        "activation": network.activation,
        "batch_norm": network.batch_norm,
        "estimator": run.estimator,
        "placement": _placement(run.model_dump(mode="json")["placement"]),
        "dataset": run.data.dataset,
        "labels": run.data.labels,
        "loss": run.training.loss,
        "optimiser": run.training.optimiser.name,
        "batch": run.training.batch,
        "steps": run.training.steps,
        "tuned": run.tuned,
    }


def _rates(rate: float, gate_rate: float) -> dict[str, float]:
    return {"rate": rate, "gate_rate": gate_rate}


def _placement(asked: Any) -> str:
    """Where the gates are, as one word to group runs by: `every`, `every 2`, `layers 1, 3`."""
    if isinstance(asked, Mapping):
        return ", ".join(f"{name} {value}" for name, value in asked.items())
    return asked if isinstance(asked, str) else f"layers {', '.join(map(str, asked))}"


def values(ended: Mapping[str, Any]) -> dict[str, Any]:
    """What a training's summary holds beside its numbers, from how it ended."""
    return {"status": ended["status"], "last_step": ended["step"]}


def from_results(plan: Plan) -> Iterator[tuple[str, RunContent | str]]:
    """Every training of a study that has ended, by name: its W&B run, or a sentence that says why it can't be made.

    Raises:
        store.DamagedFileError: if a file of the results is damaged.
    """
    for block, runs in plan.blocks.items():
        path = paths.summary(plan.name, block)
        ended = run_summaries.read(path)
        if not ended:
            continue
        origin = store.read_json(path).get(store.PROVENANCE) or {}
        histories = _histories(plan, block)
        for run in runs:
            if run.name in ended:
                yield run.name, _from_results(plan, run, ended[run.name], origin, histories)


def _from_results(
    plan: Plan, run: Run, ended: Mapping[str, Any], origin: Mapping[str, Any], histories: Mapping[str, Any]
) -> RunContent | str:
    if ended.get("settings") != run_settings(run):
        return "its results were made with other settings than the study has now; run the workflow again"
    if not {"settings", "inputs"} <= origin.keys():
        return "its results have no provenance, which its id is made from; run the workflow again"
    if run.name not in histories:
        return "its history is missing; run `dvc pull results` or the workflow"
    rows = metric_names.by_step(histories[run.name][["step", "layer", "quantity", "value"]].itertuples(index=False))
    rate = ended.get("rate", run.training.optimiser.rate)
    rates = rate, ended.get("gate_rate", run.training.gates.optimiser.rate)
    return RunContent(opening(plan, run, rates=rates, origin=origin), rows, values(ended))


def _histories(plan: Plan, block: str) -> dict[str, Any]:
    """The histories of a block's runs by name; empty if the file is missing."""
    path = paths.history(plan.name, block)
    if not path.is_file():
        return {}
    return {str(run): rows for run, rows in store.read_table(path).groupby("run", sort=False)}
