"""Whether primaries are judged on seeds that no earlier look has used, and on enough of them."""

from collections.abc import Iterator

from pipeline.metrics import formatting
from pipeline.metrics.names import DEPTH
from pipeline.study.plan import Plan
from pipeline.study.schema import Run
from pipeline.verdicts.claims import Compared, Ledger

HIDDEN = DEPTH.rpartition(".")[2]  # in the names of numbers, before the number of layers
ENOUGH = 12  # paired seeds of a primary about trainings: shows an effect of one standard deviation with 88 %


def faults(ledger: Ledger, plan: Plan) -> Iterator[str]:
    """What keeps a study's primaries from being decided on fresh seeds, one sentence each.

    Exact primaries have no seeds. Of a primary about trainings, the runs of both numbers must have the same seeds, at
    least `ENOUGH`, none of which an earlier look has used. An analysis that draws its own data must do so with a number
    that no earlier look has used.

    Args:
        ledger: the claims, with the seeds and draws of earlier looks.
        plan: the study's jobs.
    """

    def used(analysis: str) -> tuple[int, ...]:
        return ledger.looked_at.draws + ledger.looked_at.drawn.get(analysis, ())

    for claim in ledger.claims:
        part = claim.deciding
        if part.exact:
            continue
        absent = [name for name in _analyses(part) if name not in plan.study.analyses]
        if absent:
            yield f"{part.id}: the study has no analysis {' and no '.join(absent)}"
            continue
        drawn = [name for name in _analyses(part) if plan.declared(name)["SCOPE"] == "study"]
        for name in drawn:
            if (draw := plan.study.analyses[name].draw) in used(name):
                yield f"{part.id}: found draw {draw} of {name}, which an earlier look has used; expected another one"
        if not drawn:
            yield from (f"{part.id}: {fault}" for fault in _of_trainings(part, ledger, plan))


def _analyses(part: Compared) -> list[str]:
    return list(dict.fromkeys(name.partition("/")[0] for name in part.metrics))


def _of_trainings(part: Compared, ledger: Ledger, plan: Plan) -> Iterator[str]:
    used = set(ledger.looked_at.seeds)
    for name in part.metrics:
        for method, seeds in trained(name, plan).items():
            if len(seeds) < ENOUGH:
                yield f"found {len(seeds)} seeds of {method} behind {name}; expected at least {ENOUGH}"
            if again := sorted(used & set(seeds)):
                yield f"found seeds {', '.join(map(str, again))} behind {name}, which an earlier look has used"
    if len(seeds := {tuple(each) for name in part.metrics for each in trained(name, plan).values()}) > 1:
        yield f"found other seeds for one number than for the other, {' and '.join(map(str, sorted(seeds)))}"


def trained(number: str, plan: Plan) -> dict[str, list[int]]:
    """The seeds of the runs behind a headline number, by method.

    Args:
        number: such as `learning/test_accuracy.one_sg.hidden20`.
        plan: the study's jobs.
    """
    runs = behind(number, plan)
    return {method: sorted(run.seed for run in runs if run.method == method) for method in _methods(number, plan)}


def behind(number: str, plan: Plan) -> list[Run]:
    """The runs behind a headline number; none if its analysis trains models of its own.

    Args:
        number: as in `trained`.
        plan: the study's jobs.
    """
    analysis, _, metric = number.partition("/")
    methods = _methods(number, plan)
    depths = {part for part in formatting.parts(metric) if part.startswith(HIDDEN)}
    return [
        run
        for run in plan.select(analysis)
        if run.method in methods and (not depths or f"{HIDDEN}{run.training.network.hidden}" in depths)
    ]


def _methods(number: str, plan: Plan) -> list[str]:
    return [part for part in formatting.parts(number.partition("/")[2]) if part in plan.study.methods]
