"""What an audit found, as plain data and as text."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

HASH = 64  # characters of a sha256
SHORT = 12
COLUMNS = ("file", "kind", "expected", "found", "mend")


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and the command that mends it."""

    file: str
    kind: str
    expected: str
    found: str
    mend: str


@dataclass(frozen=True)
class Audit:
    """What the audit of one study found. Notes are no findings: the study is clean without them or with them."""

    study: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def plain(self) -> dict[str, Any]:
        """The audit in JSON's types."""
        return {**asdict(self), "clean": self.clean}

    def text(self) -> str:
        """A table of the findings, then the notes and what was compared."""
        compared = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        verdict = "clean" if self.clean else f"{len(self.findings)} finding{'s' if len(self.findings) > 1 else ''}"
        lines = [f"{self.study}: {verdict}; compared: {compared}"]
        if self.findings:
            lines += table([[getattr(finding, name) for name in COLUMNS] for finding in self.findings])
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table with a head, its columns aligned; hashes are cut."""
    shown = [list(COLUMNS), *([_cut(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(COLUMNS))]
    shown.insert(1, ["-" * width for width in widths])
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def _cut(cell: str) -> str:
    whole = len(cell) in {HASH, HASH // 2} and set(cell) <= set("0123456789abcdef")
    return cell[:SHORT] if whole else cell
