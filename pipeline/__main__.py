"""`python -m pipeline VERB …`: every command of the project."""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline import environment, errors
from pipeline.members import nearest

PACKAGE = Path(__file__).parent
# Verbs that no rule calls; a stage's verb is the name of its file.
VERBS = {
    "archive": "sharing.archive",
    "audit": "audit.command",
    "budget": "study.budget",
    "document": "pages.readme",
    "found": "pages.found",
    "pack": "sharing.pack",
    "progress": "pages.progress",
    "publish": "tracking.upload",
    "review": "pages.review",
    "simulate": "verdicts.simulation",
    "verify": "verdicts.compare",
    "why": "audit.run_reasons",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb, or list them. What the user or the machine did wrong is told in a sentence, without a traceback.

    Raises:
        SystemExit: for an unknown verb, with the nearest one; after any other such error with exit code 1, or the
            verb's own `REFUSED` where 1 means something else.
    """
    verb, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if verb in {"-h", "--help"}:
        print("\n".join(overview()))
        return
    known = modules()
    if verb not in known:
        sys.exit(f"python -m pipeline: no verb {verb!r} ({nearest(verb, sorted(known))})")
    sys.argv[0] = f"python -m pipeline {verb}"
    module = importlib.import_module(known[verb])
    try:
        module.main(rest)
    except Exception as error:
        said = errors.sentence(error)
        if said is None:
            raise
        print(said, file=sys.stderr)
        sys.exit(getattr(module, "REFUSED", 1))


def modules() -> dict[str, str]:
    """The module of each verb."""
    stages = {path.stem: f"stages.{path.stem}" for path in sorted((PACKAGE / "stages").glob("[!_]*.py"))}
    return {verb: f"pipeline.{name}" for verb, name in {**stages, **VERBS}.items()}


def overview() -> list[str]:
    """The verbs and the rooms, a line each."""
    verbs = {
        verb: _summary(PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py")) for verb, name in modules().items()
    }
    rooms = {folder.parent.name: _summary(folder) for folder in sorted(PACKAGE.glob("*/__init__.py"))}
    width = max(map(len, [*verbs, *rooms]))
    lines = ["usage: python -m pipeline VERB …   (each verb has --help)", "", "Verbs"]
    lines += [f"  {verb:<{width}}  {text}" for verb, text in verbs.items()]
    lines += ["", "Rooms (folders of pipeline/)"]
    return lines + [f"  {room:<{width}}  {text}" for room, text in rooms.items()]


def _summary(path: Path) -> str:
    """The first line of a file's docstring, read without running it."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


if __name__ == "__main__":
    environment.clean()
    main()
