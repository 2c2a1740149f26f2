"""docs/faults.md, held to what really happens by the tests that bring a fault about."""

import signal
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "faults.md"


def rows() -> dict[str, list[str]]:
    """The cells of each fault's row: message, exit code, what is left, what then."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]
    assert all(len(row) == 5 for row in cells)
    return {row[0]: row[1:] for row in cells}


def told(what: str, said: str, code: int = 0) -> None:
    """Assert that the page tells a fault's message, part after part between `…`, and its exit code (0: none)."""
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
