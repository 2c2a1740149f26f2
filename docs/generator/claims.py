"""A page for each claim: its words, where it is stated, its criteria, and the verdicts if results are there.

The list of claims is read as plain YAML and not by the pipeline's own models, so that a key that is new in it appears
on the pages without a change here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.generator import markdown, navigation
from docs.generator.links import Links
from pipeline.study import strict_yaml

DOCUMENT = "configs/claims.yaml"
FOLDER = "claims"
INDEX = f"{FOLDER}/index"
STUDY = "study"  # whose verdicts are shown
RESULTS, PUBLISHED = f"results/{STUDY}/verdicts.json", f"published/values/{STUDY}.json"
SOURCES = {"A": "abstract", "S": "public summaries", "R": "recollection", "ours": "beyond the paper"}
SHOWN = {"id", "claim", "short", "topic", "source", "parts", "figure", "controls"}  # have a place of their own
OF_PARTS = {"id", "says", "above", "below", "within"}
CONTENTS = {
    "metric": "{}",
    "minus": "minus {}",
    "over": "over {}",
    "figure": "figure {}",
}  # how a part's other keys are worded
HOW = (
    "To have the numbers here, fetch the published results (`dvc pull results`) or compute them (`make reproduce`), "
    "and run `make docs` again."
)
Row = Mapping[str, Any]


def pages(root: Path) -> list[str]:
    """The page that the sidebar lists; the claims' pages are below it."""
    return [INDEX] if (root / DOCUMENT).is_file() else []


def texts(root: Path, links: Links) -> dict[str, str]:
    """Every page by its name."""
    claims = strict_yaml.read(root / DOCUMENT)["claims"]
    verdicts, origin = found(root)
    rows = [
        (f"[{each['id']}]({each['id']}.md)", each["claim"], _source(each), _word(verdicts.get(each["id"], {})))
        for each in claims
    ]
    index = markdown.page(
        "# Claims",
        "What the paper claims, and what this project asks beyond it. A claim is stated in the paper's abstract, in "
        "public summaries of the paper, or in its body as we recollect it, whose text was not at hand. The criteria of "
        "every claim were written down before the run that they judge, in "
        f"[{DOCUMENT}]({links.to_source(DOCUMENT, INDEX)}), whose head says which of them were not written blind.",
        origin,
        markdown.table(("Claim", "In our words", "Stated in", "Verdict"), rows),
        navigation.tree("", [f"{each['id']} <{each['id']}>" for each in claims]),
    )
    return {f"{INDEX}.md": index} | {
        f"{FOLDER}/{each['id']}.md": _claim(each, verdicts, origin, root, links) for each in claims
    }


def found(root: Path) -> tuple[dict[str, Row], str]:
    """The verdicts by claim and part, and a sentence that says where they are from."""
    if (root / RESULTS).is_file():
        rows = json.loads((root / RESULTS).read_text(encoding="utf-8"))
        return {row["id"]: row for row in rows}, f"The verdicts are those of `{RESULTS}`."
    if (root / PUBLISHED).is_file():
        published = json.loads((root / PUBLISHED).read_text(encoding="utf-8"))
        commit = str(published.get("commit"))[:12]
        said = f"The verdicts are the published ones, made at commit `{commit}` (`{PUBLISHED}`). {HOW}"
        return {id: {"verdict": verdict} for id, verdict in published.get("verdicts", {}).items()}, said
    return {}, f"There are no results here, so no verdicts are shown. {HOW}"


def _claim(claim: Row, verdicts: Mapping[str, Row], origin: str, root: Path, links: Links) -> str:
    page, whole = f"{FOLDER}/{claim['id']}", verdicts.get(claim["id"], {})
    parts = claim.get("parts", ())
    numbers = any("statistic" in verdicts.get(part["id"], {}) for part in parts)
    head = ("Part", "Verdict", "What is measured", "Criterion", *(("Found",) if numbers else ()))
    rows = [_part(part, verdicts.get(part["id"], {}), numbers=numbers) for part in parts]
    more = [f"- **{_label(key)}**: {_more(value)}" for key, value in claim.items() if key not in SHOWN and value]
    return markdown.page(
        f"# {claim['id']}: {claim['claim']}",
        f"- **Verdict**: {_word(whole)}\n- **Stated in**: {_source(claim)}\n" + "\n".join(more),
        markdown.prose(str(whole.get("evidence", ""))),
        "## Criteria",
        markdown.table(head, rows) if rows else "None is stated.",
        _controls(claim.get("controls", {})),
        _figures(claim, verdicts, root, page, links),
        markdown.page("## Numbers", "\n".join(filter(None, map(_behind, parts)))).rstrip("\n") if parts else "",
        origin,
    )


def _controls(controls: Mapping[str, Row]) -> str:
    """What must hold in at least half of the seeds, or the parts under it can't be tested."""
    head = ("Control", "What is measured", "Criterion", "Numbers")
    rows = [
        (name, markdown.prose(str(each.get("says", ""))), _bounds(each), _compared(each))
        for name, each in controls.items()
    ]
    return markdown.page("## Controls", markdown.table(head, rows)).rstrip("\n") if rows else ""


def _compared(control: Row) -> str:
    """The names of a control's numbers."""
    said = [CONTENTS[key].format(markdown.code(control[key])) for key in ("metric", "minus", "over") if key in control]
    return " ".join(said)


def _bounds(part: Row) -> str:
    """On which side of which bounds a number is claimed to be."""
    if within := part.get("within"):
        return f"between {within[0]:g} and {within[1]:g}"
    return " and ".join(f"{side} {part[side]:g}" for side in ("above", "below") if part.get(side) is not None)


def _part(part: Row, row: Row, *, numbers: bool) -> tuple[str, ...]:
    cells = (part["id"], _word(row), markdown.prose(str(part.get("says", ""))), _bounds(part))
    return (*cells, *((_number(row),) if numbers else ()))


def _behind(part: Row) -> str:
    """Which numbers of metrics.json a part is judged by, and all else that the list of claims says of it."""
    more = [
        CONTENTS.get(key, _label(key) + ": {}").format(markdown.code(value) if isinstance(value, str) else _more(value))
        for key, value in part.items()
        if key not in OF_PARTS and value
    ]
    return f"- {part['id']}: {', '.join(more)}" if more else ""


def _number(row: Row) -> str:
    """The number of a part with its 95 % interval."""
    if not isinstance(row.get("statistic"), int | float):
        return "none"
    low, high = row.get("interval") or (None, None)
    spread = "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]"
    return f"{row['statistic']:.3g}{spread}, n = {row.get('n')}"


def _figures(claim: Row, verdicts: Mapping[str, Row], root: Path, page: str, links: Links) -> str:
    """The figures of a claim and of its parts that results have."""
    names = [
        each.get("figure") or verdicts.get(each["id"], {}).get("figure") for each in (claim, *claim.get("parts", ()))
    ]
    drawn = {name: root / "results" / STUDY / "draw" / f"{name}.png" for name in names if name}
    there = {name: path for name, path in drawn.items() if path.is_file()}
    images = [f"![{_label(name)}]({links.to_image(path, page)})" for name, path in there.items()]
    return markdown.page("## Figures", *images).rstrip("\n") if images else ""


def _source(claim: Row) -> str:
    tags: Sequence[str] = claim["source"] if isinstance(claim.get("source"), list) else [str(claim.get("source", ""))]
    return "; ".join(SOURCES.get(tag, tag) for tag in tags)


def _word(row: Row) -> str:
    return f"**{row['verdict']}**" if row.get("verdict") else "no results here"


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _more(value: Any) -> str:
    """A value that has no place of its own."""
    if isinstance(value, str):
        return markdown.code(value) if "/" in value and " " not in value else markdown.prose(value)
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return "; ".join(map(_more, value))
    if isinstance(value, dict) and value and all(isinstance(each, str | int | float) for each in value.values()):
        return ", ".join(f"{key} {markdown.prose(str(each))}" for key, each in value.items())
    return markdown.code(json.dumps(value, ensure_ascii=False))
