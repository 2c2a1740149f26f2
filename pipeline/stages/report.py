"""Write a study's report: one page that needs no network."""

import argparse
from collections.abc import Sequence

from pipeline.pages import report
from pipeline.results import paths, store


def main(argv: Sequence[str] | None = None) -> None:
    """Gather, render, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    name = parser.parse_args(argv).study
    content = report.gather(name)
    store.write_bytes(paths.report(name), report.render(content).encode())
    there = sum(run.status != "missing" for run in content.runs)
    print(f"{paths.report(name)}: {there} of {len(content.runs)} runs, {len(content.figures)} figures")


if __name__ == "__main__":
    main()
