"""Print what a study found, in a few sentences, and where its report is."""

from collections.abc import Sequence

from pipeline.results import paths
from pipeline.study import arguments
from pipeline.study.load import load_study
from pipeline.verdicts import claim_rows, sentences


def main(argv: Sequence[str] | None = None) -> None:
    """Print the sentences, a line each.

    Raises:
        ConfigError: for an unknown study, with the nearest name.
        DamagedFileError: if the verdicts can't be read, or were judged by other criteria.
        MissingFileError: if there are none.
    """
    study = arguments.parser(__doc__).parse_args(argv).study
    load_study(study)
    for said in sentences.sentences(claim_rows.by_claim(claim_rows.read(paths.verdicts(study)))):
        print(f"- {said}")
    print(f"All figures, tables and runs: {paths.report(study).resolve().as_uri()}")
