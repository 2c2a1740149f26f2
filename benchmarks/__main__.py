"""Run the benchmarks, or those that are named; print their ratios and write them beside what they were measured on."""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from benchmarks import engine, floor, measure, others, planning, similarity, study
from benchmarks.engine import CPU
from benchmarks.measure import Ratio
from pipeline.machine import allocator

FOLDER = Path(__file__).parent
SMALL = {"hidden": 20, "width": 64, "batch": 100}
WIDE = {"hidden": 20, "width": 256, "batch": 256}
RUNS = 5  # of a stack
WIDE_STACKS, GPU_STACKS = (1, 2, 5), (1, 2, 5, 32)


class How(NamedTuple):
    """Which engine is measured, and where."""

    before: bool  # each run by its own trainer, as before there were stacks
    on: torch.device

    def update(
        self, placement: str, shape: Mapping[str, int], *, runs: int = RUNS, captured: bool = True
    ) -> Callable[[], object]:
        """Our update of some runs."""
        return engine.update(runs, placement=placement, before=self.before, captured=captured, on=self.on, **shape)

    def ratio(self, one: Callable[[], object], other: Callable[[], object]) -> Ratio:
        """Time of one over that of the other."""
        return measure.ratio(one, other, now=measure.clock(self.on))


class Benchmark(NamedTuple):
    """What is measured, and the ratio that is wanted: at most `goal`, or at least."""

    measure: Callable[[How], Ratio]
    goal: float
    at_least: bool
    what: str
    on: tuple[str, ...] = ("cpu",)  # the devices on which it can be measured: updates alone on a GPU, too


def over_floor(how: How, placement: str, shape: Mapping[str, int], *, runs: int = RUNS) -> Ratio:
    """An update with Adam, over its matrix products alone."""
    gates = engine.gate_count(placement, shape["hidden"])
    return how.ratio(how.update(placement, shape, runs=runs), floor.products(runs, gates=gates, on=how.on, **shape))


def best_wide(how: How) -> Ratio:
    """The best of several stacks."""
    stacks = WIDE_STACKS if how.on.type == "cpu" else GPU_STACKS
    found = [over_floor(how, "none", WIDE, runs=runs) for runs in ((1,) if how.before else stacks)]
    return min(found, key=lambda ratio: ratio.median)


def every_over_backprop(how: How) -> Ratio:
    """SG everywhere over backprop."""
    return how.ratio(how.update("every", SMALL), how.update("none", SMALL))


def over_autograd(how: How) -> Ratio:
    """Plain torch, a run at a time, over ours for each run, by backprop."""
    x, y = engine.data(1, SMALL["batch"], on=how.on)
    plain = others.autograd(others.network(SMALL["hidden"], SMALL["width"]).to(how.on), x[0], y[0].argmax(dim=1))
    return scaled(how.ratio(plain, how.update("none", SMALL)), RUNS)


def over_public_style(how: How) -> Ratio:
    """The style of public DNI code, a run at a time, over ours for each run, with SG everywhere."""
    x, y = (part[0] for part in engine.data(1, 50 * SMALL["batch"], on=how.on))
    public = others.public_style(x, y, **SMALL)
    return scaled(how.ratio(public, how.update("every", SMALL)), RUNS)


def scaled(ratio: Ratio, by: float) -> Ratio:
    """A ratio of one run to a stack, as one run to one run."""
    return Ratio(*(by * value for value in (ratio.median, ratio.low, ratio.high)))


def over_captured(how: How) -> Ratio:
    """An update whose operations Python starts one by one, over the same replayed from a graph."""
    eager, captured = (how.update("every", WIDE, captured=each) for each in (False, True))
    return how.ratio(eager, captured)


def more_at_once(how: How) -> Ratio:
    """Throughput of a large stack over that of a run alone."""
    many = max(GPU_STACKS)
    return scaled(how.ratio(how.update("every", WIDE, runs=1), how.update("every", WIDE, runs=many)), many)


BOTH, GPU = ("cpu", "cuda"), ("cuda",)
BENCHMARKS: Mapping[str, Benchmark] = {
    "study_over_before": Benchmark(
        lambda _: study.over_before(), 3, True, "a process and a trainer for each run, over today's jobs (CPU time)"
    ),
    "update_floor_backprop": Benchmark(
        lambda how: over_floor(how, "none", SMALL), 2.5, False, "an update over its products, 20 x 64", BOTH
    ),
    "update_floor_one_sg": Benchmark(
        lambda how: over_floor(how, "middle", SMALL), 2.5, False, "the same with one linear SG", BOTH
    ),
    "update_floor_every_sg": Benchmark(
        lambda how: over_floor(how, "every", SMALL), 2.5, False, "the same with linear SGs everywhere", BOTH
    ),
    "update_floor_wide": Benchmark(best_wide, 1.4, False, "backprop, 20 x 256, batch 256, the best stack", BOTH),
    "every_sg_over_backprop": Benchmark(every_over_backprop, 1.6, False, "20 x 64", BOTH),
    "over_autograd": Benchmark(
        over_autograd, 1.6, True, "torch's modules and fused Adam, over ours for each run", BOTH
    ),
    "over_public_style": Benchmark(over_public_style, 6, True, "public DNI style, SG everywhere, over ours", BOTH),
    "uncaptured_over_captured": Benchmark(
        over_captured, 2, True, "an update started from Python over one replayed, 20 x 256, SG everywhere", GPU
    ),
    "stack_over_run": Benchmark(more_at_once, 4, True, "throughput of 32 runs at once over one run, the same", GPU),
    "two_cores_over_one": Benchmark(lambda _: study.two_cores(), 1.8, True, "throughput of trainings"),
    "similarity_floor": Benchmark(
        lambda _: similarity.over_products(), 2, False, "20 x 20 layers, n 5000, d 256, with nulls, over their products"
    ),
    "similarity_over_cca_zoo": Benchmark(lambda _: similarity.over_cca_zoo(), 10, True, "a fit of cca-zoo over ours"),
    "noop_over_start": Benchmark(
        lambda _: planning.nothing_to_do(), 2.5, False, "nothing to do in the default study, over snakemake --version"
    ),
    "dry_run_over_start": Benchmark(
        lambda _: planning.more_to_do(), 3, False, "a dry run with 1000 trainings more, over snakemake --version"
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--before", action="store_true", help="each run by its own trainer, as before stacks; not kept")
    parser.add_argument("--device", default="cpu", help="cpu or cuda: a GPU measures updates only (default: cpu)")
    asked = parser.parse_args(argv)
    if unknown := set(asked.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}")
    how = How(asked.before, device(parser, asked.device))
    names = asked.names or [name for name, each in BENCHMARKS.items() if how.on.type in each.on]
    if elsewhere := [name for name in names if how.on.type not in BENCHMARKS[name].on]:
        parser.error(f"{', '.join(elsewhere)} can't be measured on a {how.on.type.upper().replace('CUDA', 'GPU')}")
    torch.set_num_threads(1)
    if not asked.before:
        allocator.keep_freed_memory()
    rows, start = [], time.monotonic()
    for name in names:
        benchmark = BENCHMARKS[name]
        found = benchmark.measure(how)
        holds = found.median >= benchmark.goal if benchmark.at_least else found.median <= benchmark.goal
        row = {"name": name, "ratio": found.median, "low": found.low, "high": found.high}
        rows.append({key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()})
        rows[-1] |= {"goal": benchmark.goal, "holds": holds}
        sign = "≥" if benchmark.at_least else "≤"
        print(
            f"{name:24} {found.median:6.2f} ({found.low:.2f} to {found.high:.2f})  goal {sign} {benchmark.goal:g}"
            f"  {'holds' if holds else 'MISSED':6}  {benchmark.what}",
            flush=True,
        )
    print(f"{time.monotonic() - start:.0f} s")
    if not asked.names and not asked.before:
        suffix = "" if how.on.type == "cpu" else f"_{how.on.type}"
        write(f"results{suffix}.json", rows)
        write(f"machine{suffix}.json", machine(how.on))


def device(parser: argparse.ArgumentParser, name: str) -> torch.device:
    """The device that the user named; ends the program if torch finds no such device."""
    if name not in ("cpu", "cuda"):
        parser.error(f"--device: found {name!r}, expected cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here; install its build for CUDA with `make setup TORCH=cuda`")
    return torch.device(name)


def write(name: str, content: object) -> None:
    """A file beside this one."""
    (FOLDER / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def machine(on: torch.device = CPU) -> dict[str, object]:
    """What the results were measured on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    return {
        "processor": sorted(models) or [platform.processor()],
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        **({"gpu": torch.cuda.get_device_name(on), "cuda": torch.version.cuda} if on.type == "cuda" else {}),
    }


if __name__ == "__main__":
    main()
