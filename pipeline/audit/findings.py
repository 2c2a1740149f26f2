"""What an audit found, as plain data and as text."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tabulate import tabulate

HASHES = (64, 32)  # characters of a sha256 and of an md5
SHORT = 12  # characters of a hash that are shown
COLUMNS = ("file", "kind", "expected", "found", "mend")
WIDTHS = (None, None, 60, 60, None)  # characters of a cell's line; files and commands can be copied whole


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and the command that mends it.

    Attributes:
        file: its path; for a finding about several files, their number and their stage.
        kind: what was compared.
        expected: what it should be.
        found: what it is.
        mend: a command for the project's root.
        count: how many files it is about.
    """

    file: str
    kind: str
    expected: str
    found: str
    mend: str
    count: int = 1


@dataclass(frozen=True)
class Audit:
    """The audit of one study.

    Attributes:
        study: the study's name.
        findings: what is wrong; a study without findings is clean.
        notes: what could not be compared, and other facts that are not wrong.
        counts: how many things of each kind were compared.
        notice: a sentence about results that another version of the code made; None if there are none or not only such.
    """

    study: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, int]
    notice: str | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def plain(self) -> dict[str, Any]:
        """The audit in JSON's types."""
        return {**asdict(self), "clean": self.clean}

    def text(self) -> str:
        """The notice, what was compared, a table of the findings, and the notes."""
        compared = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        verdict = "clean" if self.clean else f"{len(self.findings)} finding{'s' if len(self.findings) > 1 else ''}"
        lines = [self.notice] if self.notice else []
        lines.append(f"{self.study}: {verdict}; compared: {compared}")
        if self.findings:
            lines += table(self.findings)
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def by_stage(
    findings: Iterable[Finding], stages: Mapping[str, str], *, kinds: Collection[str], single: Collection[str] = ()
) -> list[Finding]:
    """Findings that say the same of several files of a stage, as one finding each.

    Args:
        findings: of files.
        stages: the stage that makes each file.
        kinds: other kinds stay as they are.
        single: stages of one job; their findings of every kind are put together.
    """
    groups: dict[object, list[Finding]] = {}
    for each in findings:
        stage = stages.get(each.file)
        stage = stage if each.kind in kinds or stage in single else None
        groups.setdefault((stage, each.kind, each.expected, each.found) if stage else each, []).append(each)
    return [_one(group, stages) for group in groups.values()]


def _one(group: Sequence[Finding], stages: Mapping[str, str]) -> Finding:
    """Equal findings as one; it keeps its file's name if there is only one file."""
    first, files = group[0], {each.file for each in group}
    if len(files) == 1:
        return first
    return replace(first, file=f"{len(files)} files of {stages[first.file]}", count=len(files))


def table(findings: Iterable[Finding]) -> list[str]:
    """Lines of a table with aligned columns; hashes are cut, long cells go on in a second line."""
    rows = [[_cut(getattr(finding, name)) for name in COLUMNS] for finding in findings]
    text = tabulate(rows, headers=COLUMNS, tablefmt="simple", maxcolwidths=WIDTHS, disable_numparse=True)
    return [line.rstrip() for line in text.splitlines()]


def _cut(cell: str) -> str:
    whole = len(cell) in HASHES and set(cell) <= set("0123456789abcdef")
    return cell[:SHORT] if whole else cell
