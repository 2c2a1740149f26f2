"""Stage: choose a learning rate. Tries the rates of the study's grid on the validation part; no test point is touched.

`python -m pipeline tune --study smoke --cell tuned-one_sg-hidden4`
"""

import argparse
from collections.abc import Sequence

from pipeline.machine import gpu
from pipeline.results import paths, provenance, store
from pipeline.results.fingerprint import digest
from pipeline.runs import build
from pipeline.runs.tuning import choose, outcome, trial, without_test
from pipeline.study.load import load_study
from pipeline.study.plan import Plan


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--cell", required=True)
    wanted = parser.parse_args(argv)
    gpu.gpu()
    build.single_threaded()
    plan = Plan(load_study(wanted.study))
    run, tuning = plan.cells[wanted.cell][0], plan.study.tuning
    assert tuning is not None
    data = without_test(build.load_data(run.data))
    trials = [
        {"rate": rate, "seed": seed, **outcome(trial(run, tuning, rate=rate, seed=seed), data)}
        for rate in tuning.rates
        for seed in tuning.seeds
    ]
    best = choose(trials, by=tuning.chosen_by)
    origin = provenance.collect(
        "tune", wanted.cell, study=wanted.study, settings=digest(plan.tune_settings(wanted.cell)),
        code=plan.tune_code(wanted.cell), inputs=paths.raw(run.data.dataset),
    )  # fmt: skip
    found = {"cell": wanted.cell, "rate": best, "trials": trials, store.PROVENANCE: origin}
    store.write_json(paths.choice(wanted.study, wanted.cell), found)
    print(f"{wanted.cell}: rate {best:g} of {', '.join(f'{rate:g}' for rate in tuning.rates)}")


if __name__ == "__main__":
    main()
