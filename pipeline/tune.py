"""Stage: choose a learning rate. Tries the rates of the study's grid on the validation part; no test point is touched.

`python -m pipeline.tune --study smoke --cell tuned-one_sg-hidden4`
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pipeline import assemble, config, lease, paths, provenance, rates, splits, store
from pipeline.config import Run
from pipeline.diagnosis import evaluate
from pipeline.plan import Plan
from pipeline.training import Batches


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--cell", required=True)
    wanted = parser.parse_args(argv)
    lease.gpu()
    assemble.single_threaded()
    plan = Plan(config.load(wanted.study))
    run, tuning = plan.cells[wanted.cell][0], plan.study.tuning
    assert tuning is not None
    data = without_test(assemble.load_data(run.data))
    trials = [
        {"rate": rate, "seed": seed, **outcome(rates.trial(run, tuning, rate=rate, seed=seed), data)}
        for rate in tuning.rates
        for seed in tuning.seeds
    ]
    best = rates.choose(trials, by=tuning.chosen_by)
    origin = provenance.collect(
        "tune", wanted.cell, study=wanted.study, settings=config.digest(plan.tune_settings(wanted.cell)),
        code=plan.tune_code(wanted.cell), inputs=paths.raw(run.data.dataset),
    )  # fmt: skip
    found = {"cell": wanted.cell, "rate": best, "trials": trials, store.PROVENANCE: origin}
    store.write_json(paths.choice(wanted.study, wanted.cell), found)
    print(f"{wanted.cell}: rate {best:g} of {', '.join(f'{rate:g}' for rate in tuning.rates)}")


def without_test(data: splits.Splits) -> splits.Splits:
    """The data with an empty test part: what isn't there can't be used."""
    nothing = splits.Points(data.test.inputs[:0], data.test.labels[:0])
    return replace(data, test=nothing)


def outcome(run: Run, data: splits.Splits) -> dict[str, Any]:
    """Train, and return loss and accuracy on the validation part at the end; None where the training diverged."""
    on = assemble.device()
    trainer = assemble.trainer(run, data, on)
    x, y, _ = assemble.tensors(data.train, data.classes, on)
    batches = Batches(len(x), batch=run.training.batch, seed=run.seed)
    for step in range(run.training.steps):
        chosen = torch.from_numpy(batches.indices(step)).to(on)
        if not math.isfinite(trainer.update(x[chosen], y[chosen])):
            return {"validation_loss": None, "validation_accuracy": None}
    loss, accuracy = evaluate(trainer.network, *assemble.tensors(data.validation, data.classes, on), run.training.loss)
    return {"validation_loss": loss if np.isfinite(loss) else None, "validation_accuracy": accuracy}


if __name__ == "__main__":
    main()
