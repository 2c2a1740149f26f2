"""A study's report, gathered from its results."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit import code_versions
from pipeline.metrics import formatting, names
from pipeline.pages import methods_table, report_model
from pipeline.pages.methods_table import Comparison
from pipeline.results import paths, store, tables, timing
from pipeline.study.labels import identity
from pipeline.study.load import CONFIGS, load_study
from pipeline.study.plan import Plan
from pipeline.study.schema import Run, Study
from pipeline.verdicts import published
from pipeline.verdicts.claims import load_claims

TEMPLATE = members.PACKAGE / "pages" / "templates" / "report.html.j2"
SHOWN_VERSIONS = ("python", "torch", "numpy", "snakemake", "dvc", "wandb")
LARGEST_SVG = 80_000  # bytes; a larger one is shown as PNG
SHORT = 12  # characters of a commit's hash
DEPARTURE = "Departure:"
UNKNOWN = "not recorded"


def gather(name: str) -> report_model.Report:
    """All that the page shows of a study.

    Args:
        name: the study's; what is missing of it is left out, and the page says so.
    """
    study = load_study(name)
    plan = Plan(study, name)
    metrics = _read(paths.metrics(name))
    summaries = {run: found for run in plan.runs if (found := _read(paths.summary(name, run)))}
    verdicts = store.read_json(judged) if (judged := paths.verdicts(name)).is_file() else []
    compared = methods_table.compare(metrics.get("metrics", {}), study.methods)
    return report_model.Report(
        title=study.title,
        facts=_facts(name, plan, metrics, summaries),
        notices=_notices(name, plan, metrics, summaries),
        costs=_costs(name),
        analyses=[_analysis(plan, name, each, metrics) for each in study.analyses],
        figures=[_figure(plan, name, each) for each in study.figures],
        runs=[_run(study, run, summaries.get(run.name)) for run in plan.runs.values()],
        verdicts=verdicts,
        published=_published(name, metrics, verdicts),
        methods=_methods(plan, compared),
        compared=_compared(compared),
        departures=list(departures(members.PACKAGE)),
        settings=(CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"),
    )


def render(content: report_model.Report) -> str:
    """The page as HTML."""
    return report_model.render(content, TEMPLATE.read_text(encoding="utf-8"))


def _read(path: Path) -> dict[str, Any]:
    """A JSON file; nothing if it isn't there yet, so that a half-finished study has a report too."""
    return store.read_json(path) if path.is_file() else {}


def _facts(name: str, plan: Plan, metrics: dict[str, Any], summaries: dict[str, Any]) -> list[tuple[str, str]]:
    origins = _origins(metrics, summaries)
    versions = origins[0].get("versions", {})
    shown = [f"{each} {versions[each]}" for each in SHOWN_VERSIONS if each in versions]
    methods = [method.label for method in plan.study.methods.values()]
    spent = timing.total(timing.costs(name).values())
    return [
        ("Study", f"{name} (configs/{name}.yaml)"),
        ("Hash of its settings", plan.settings_hash()),
        ("Runs", f"{len(summaries)} of {len(plan.runs)}"),
        ("Methods", ", ".join(methods)),
        ("Commit", _distinct(map(_commit, origins))),
        ("Versions", ", ".join(shown) or UNKNOWN),
        ("Hardware", _distinct(map(_hardware, origins))),
        ("CPU time, at least", formatting.duration(spent.cpu) if spent.jobs else UNKNOWN),
        ("All jobs, one after another", formatting.duration(spent.wall) if spent.jobs else UNKNOWN),
    ]


def _origins(metrics: dict[str, Any], summaries: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the headline numbers come from, then each run."""
    return [item.get(store.PROVENANCE, {}) for item in (metrics, *summaries.values())]


def _distinct(found: Iterator[str | None]) -> str:
    """What the results' provenances say, each once: parts may have been made apart."""
    return "; ".join(dict.fromkeys(text for text in found if text)) or UNKNOWN


def _commit(origin: Mapping[str, Any]) -> str | None:
    commit = origin.get("commit")
    return commit and commit[:SHORT] + (" with uncommitted changes" if origin.get("dirty") else "")


def _hardware(origin: Mapping[str, Any]) -> str | None:
    machine = origin.get("hardware")
    if not machine:
        return None
    return f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('gpu') or 'no GPU'}"


def _notices(name: str, plan: Plan, metrics: dict[str, Any], summaries: dict[str, Any]) -> list[str]:
    """What makes the page less than it seems."""
    found = []
    if not metrics:
        found.append("The headline numbers have not been gathered yet (metrics.json is not there).")
    stored = metrics.get(store.PROVENANCE, {}).get("settings")
    if stored and stored != plan.settings_hash():
        found.append(
            f"The headline numbers were made with settings {stored}, but the study's file now has "
            f"{plan.settings_hash()}: run the workflow again."
        )
    if any(origin.get("dirty") for origin in _origins(metrics, summaries)):
        found.append("Some results were made with uncommitted changes, so their commit does not tell the whole code.")
    return found + code_versions.mixtures(code_versions.origins(plan.jobs()))


def _costs(name: str) -> list[tuple[str, ...]]:
    parts = timing.costs(name)
    if parts:
        parts["all"] = timing.total(parts.values())
    return [
        (stage, str(cost.jobs), *map(formatting.duration, (cost.cpu, cost.wall, cost.longest)), f"{cost.memory:.0f} MB")
        for stage, cost in parts.items()
    ]


def _published(name: str, metrics: dict[str, Any], verdicts: list[dict[str, Any]]) -> published.Comparison | str | None:
    """The run beside the published values, or why it isn't; None if the study has none or isn't finished."""
    source = paths.published(name)
    if not (source.is_file() and metrics and verdicts):
        return None
    values = published.read(source)
    if values.settings != metrics[store.PROVENANCE].get("settings"):
        return f"The published values were made with other settings ({values.settings})."
    return published.compare(values, metrics, verdicts, published.rests_on(load_claims()))


def _analysis(plan: Plan, name: str, analysis: str, metrics: dict[str, Any]) -> report_model.Analysis:
    labels = {method: entry.label for method, entry in plan.study.methods.items()}
    whole = all(table.is_file() for table in plan.tables(analysis))
    purpose, meaning = _documentation(plan.member(analysis))
    return report_model.Analysis(
        name=analysis,
        what=formatting.first_sentence(purpose),
        claims=plan.declared(analysis)["CLAIMS"],
        rows=len(tables.joined(plan.tables(analysis))) if whole else None,
        numbers=report_model.grid(metrics.get("metrics", {}).get(analysis, {}), labels),
        meaning=formatting.paragraphs(meaning),
    )


def _documentation(analysis: str) -> tuple[str, str]:
    """What an analysis is for, and what its headline numbers mean, as its source says."""
    tree = ast.parse((members.PACKAGE / "analyses" / f"{analysis}.py").read_text(encoding="utf-8"))
    gather = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "metrics"]
    return ast.get_docstring(tree) or "", (ast.get_docstring(gather[0]) or "") if gather else ""


def _figure(plan: Plan, name: str, figure: str) -> report_model.Figure:
    declared = plan.shown(figure)
    csv = paths.drawing(name, figure, "csv")
    return report_model.Figure(
        name=figure,
        title=plan.title(figure),
        category=declared["CATEGORY"],
        claims=declared["CLAIMS"],
        caption=formatting.paragraphs(plan.caption(figure)),
        image=_image(name, figure),
        csv=csv.relative_to(paths.results(name)).as_posix() if csv.is_file() else None,
    )


def _image(name: str, figure: str) -> str | None:
    svg, png = paths.drawing(name, figure, "svg"), paths.drawing(name, figure, "png")
    if svg.is_file() and (svg.stat().st_size <= LARGEST_SVG or not png.is_file()):
        return report_model.data_uri(svg.read_bytes(), "image/svg+xml")
    return report_model.data_uri(png.read_bytes(), "image/png") if png.is_file() else None


def _run(study: Study, run: Run, summary: dict[str, Any] | None) -> report_model.Run:
    summary = summary or {"status": "missing"}
    return report_model.Run(
        name=run.name,
        method=study.methods[run.method].label,
        seed=run.seed,
        hidden=run.training.network.hidden,
        varied=", ".join(names.beyond_depth(identity(run)["varied"])),
        status=summary["status"],
        step=summary.get("step"),
        message=summary.get("message"),
        final=summary.get("final") or {},
    )


def _methods(plan: Plan, compared: Comparison | None) -> list[report_model.Method]:
    """The study's table of methods: what each estimator states about itself, and what it costs and yields."""
    of = compared.of if compared else lambda *_: None
    plain = [name for name, method in plan.study.methods.items() if method.placement == "none"]
    reference = next((found for name in plain if (found := of(methods_table.COST, name))), None)
    found = []
    for name, method in plan.study.methods.items():
        stated = members.constants("estimators", method.estimator)
        waits = set(stated["WAITS_FOR"])
        found.append(
            report_model.Method(
                label=method.label,
                learned=stated["LEARNED"],
                waits_for=", ".join(stated["WAITS_FOR"]),
                unlocked=waits <= {"h", "y"} and method.placement != "none",
                implied_loss=stated["IMPLIED_LOSS"],
                cost=methods_table.relative(of(methods_table.COST, name), reference),
                cosine=of(methods_table.COSINE, name),
                accuracy=of(methods_table.ACCURACY, name),
            )
        )
    return found


def _compared(compared: Comparison | None) -> str:
    """In which setting the methods are compared, and by which analyses; nothing if they aren't."""
    if compared is None:
        return ""
    setting = ", ".join(formatting.words(part) for part in formatting.parts(compared.setting) if part)
    sources = " and ".join(dict.fromkeys(map(formatting.words, compared.analyses.values())))
    return "; ".join(part for part in (setting, f"analyses: {sources}") if part)


def departures(package: Path) -> Iterator[report_model.Departure]:
    """Every paragraph of a docstring in `package` that begins with `Departure:`."""
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for text in _marked(ast.get_docstring(node) or ""):
                    yield report_model.Departure(place, text)


def _marked(docstring: str) -> Iterator[str]:
    for text in formatting.paragraphs(docstring):
        if text.startswith(DEPARTURE):
            yield formatting.capitalise(text.removeprefix(DEPARTURE).strip())
