"""The table of docs/faults.md, which the tests that cause a fault compare with what happens."""

import signal
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"


def rows() -> dict[str, list[str]]:
    """The row of each fault: message, exit code, what is left, what to do."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]
    assert all(len(row) == 5 for row in cells)
    return {row[0]: row[1:] for row in cells}


def told(what: str, said: str, code: int = 0) -> None:
    """Assert that the page gives a fault's message, whose parts between `…` come in that order, and its exit code."""
    message, exit_code, *_ = rows()[what]
    rest = said.replace("`", "")
    for part in map(str.strip, message.strip("`").split("…")):
        assert part in rest, f"{what}: {part!r} is not in, or not in its order:\n{said}"
        rest = rest[rest.find(part) + len(part) :]
    match exit_code:
        case "none":
            assert code == 0
        case "not 0":
            assert code != 0
        case "SIGINT":
            assert code == -signal.SIGINT
        case number:
            assert code == int(number)
