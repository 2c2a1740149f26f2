"""Gather a study's report and its appendix from the results."""

import ast
import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit import code_versions
from pipeline.metrics import formatting, names
from pipeline.pages import evidence, limits, methods_table, report_model
from pipeline.pages.methods_table import MethodsComparison
from pipeline.results import paths, provenance, store, timing
from pipeline.study import figure_setting, judged_parts, run_outcomes
from pipeline.study.labels import identity
from pipeline.study.load import CONFIGS
from pipeline.study.plan import Plan
from pipeline.study.schema import Run, Study
from pipeline.verdicts import claim_rows, published

SHOWN_VERSIONS = ("python", "torch", "numpy", "snakemake", "dvc", "wandb")
LARGEST_SVG = 80_000  # bytes; a larger one is shown as PNG
DEPARTURE = "Departure:"
UNKNOWN = "not recorded"


def gather(plan: Plan) -> report_model.Report:
    """Everything that the report shows of a study; for missing results the page says that they are missing."""
    name, study = plan.name, plan.study
    metrics = evidence.read_json(paths.metrics(name))
    summaries = run_outcomes.ended(plan)
    compared = methods_table.compare(metrics.get("metrics", {}), study.methods)
    verdicts = claim_rows.present(paths.verdicts(name))
    return report_model.Report(
        study=name,
        title=study.title,
        facts=_facts(plan, metrics, summaries),
        notices=_notices(plan, metrics, summaries),
        limits=limits.sentences(plan, summaries, verdicts),
        costs=_costs(name),
        analyses=[_analysis(plan, each, metrics) for each in study.analyses],
        figures=[_figure(plan, each, verdicts) for each in study.figures],
        finals=run_outcomes.finals(plan),
        runs=[_run(study, run, summaries.get(run.name)) for run in plan.runs.values()],
        verdicts=verdicts,
        published=_published(name),
        methods=_methods(plan, compared),
        compared=_compared(compared),
        departures=list(departures(members.PACKAGE)),
        settings=(CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"),
    )


def _facts(plan: Plan, metrics: dict[str, Any], summaries: dict[str, Any]) -> list[tuple[str, str]]:
    origins = _origins(metrics, summaries)
    versions = origins[0].get("versions", {})
    shown = [f"{each} {versions[each]}" for each in SHOWN_VERSIONS if each in versions]
    methods = [method.label for method in plan.study.methods.values()]
    spent = timing.total(timing.costs(plan.name).values())
    return [
        ("Study", f"{plan.name} ({CONFIGS}/{plan.name}.yaml)"),
        ("Hash of its settings", plan.settings_hash()),
        ("Runs", f"{len(summaries)} of {len(plan.runs)}"),
        ("Methods", ", ".join(methods)),
        ("Commit", _distinct(map(provenance.describe_commit, origins))),
        ("Versions", ", ".join(shown) or UNKNOWN),
        ("Hardware", _distinct(map(provenance.describe_hardware, origins))),
        ("CPU time, at least", formatting.duration(spent.cpu) if spent.jobs else UNKNOWN),
        ("All jobs, one after another", formatting.duration(spent.wall) if spent.jobs else UNKNOWN),
    ]


def _origins(metrics: dict[str, Any], summaries: dict[str, Any]) -> list[Mapping[str, Any]]:
    """The provenance of the headline numbers, then that of each run."""
    return [evidence.origin(item) for item in (metrics, *summaries.values())]


def _distinct(found: Iterator[str | None]) -> str:
    """Each text once: results may come from several commits and machines."""
    return "; ".join(dict.fromkeys(text for text in found if text)) or UNKNOWN


def _notices(plan: Plan, metrics: dict[str, Any], summaries: dict[str, Any]) -> list[str]:
    """Warnings: missing metrics, stale settings, uncommitted or mixed code."""
    found = []
    if not metrics:
        found.append("The headline numbers have not been gathered yet (metrics.json is not there).")
    stored = evidence.origin(metrics).get("settings")
    if stored and stored != plan.settings_hash():
        found.append(
            f"The headline numbers were made with settings {stored}, but the study's file now has "
            f"{plan.settings_hash()}: run the workflow again."
        )
    if before := claim_rows.older(paths.verdicts(plan.name)):
        found.append(
            f"The claims were judged by criteria version {before[0]}, which are no longer in use: run `judge`."
        )
    made = [origin for origin in _origins(metrics, summaries) if origin.get("commit")]
    match provenance.any_dirty(made):
        case True:
            found.append(
                "Some results were made with uncommitted changes, so their commit does not tell the whole code."
            )
        case None:
            found.append("Of some results it is not known whether they were made with uncommitted changes.")
    return found + code_versions.old_layout(plan) + code_versions.mixtures(code_versions.origins(plan.jobs()))


def _costs(study: str) -> list[tuple[str, ...]]:
    """The cost of each stage, and of all stages together, in words."""
    parts = timing.costs(study)
    if parts:
        parts["all"] = timing.total(parts.values())
    return [
        (stage, str(cost.jobs), *map(formatting.duration, (cost.cpu, cost.wall, cost.longest)), f"{cost.memory:.0f} MB")
        for stage, cost in parts.items()
    ]


def _published(name: str) -> published.Comparison | str | None:
    """How the run compares with the reference values, or why it can't be compared; None without such values."""
    try:
        return published.compare_study(name)
    except published.OtherSettingsError as error:
        return str(error)


def _analysis(plan: Plan, analysis: str, metrics: dict[str, Any]) -> report_model.AnalysisSection:
    labels = {method: entry.label for method, entry in plan.study.methods.items()}
    whole = all(table.is_file() for table in plan.tables(analysis))
    purpose, meaning = _documentation(plan.member(analysis))
    return report_model.AnalysisSection(
        name=analysis,
        what=formatting.first_sentence(purpose),
        claims=plan.declared(analysis)["CLAIMS"],
        rows=len(store.read_tables(plan.tables(analysis))) if whole else None,
        numbers=report_model.Grid.of(metrics.get("metrics", {}).get(analysis, {}), labels),
        meaning=formatting.paragraphs(meaning),
    )


def _documentation(analysis: str) -> tuple[str, str]:
    """The docstrings of an analysis: that of the module, and that of its headline numbers."""
    tree = ast.parse((members.PACKAGE / "analyses" / f"{analysis}.py").read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "metrics"]
    return ast.get_docstring(tree) or "", (ast.get_docstring(found[0]) or "") if found else ""


def _figure(plan: Plan, figure: str, verdicts: Sequence[claim_rows.Row]) -> report_model.FigureView:
    declared = plan.shown(figure)
    return report_model.FigureView(
        name=figure,
        title=plan.title(figure),
        category=declared["CATEGORY"],
        claims=tuple(dict.fromkeys([*declared["CLAIMS"], *judged_parts.shown(plan, figure)])),
        caption=formatting.paragraphs(plan.caption(figure)),
        found=claim_rows.seen(verdicts, figure),
        image=_image(plan.name, figure),
        svg=_link(plan.name, figure, "svg"),
        csv=_link(plan.name, figure, "csv"),
        shown=figure_setting.setting(plan, figure),
        code=f"{members.PACKAGE.name}/figures/{plan.figure(figure)}.py",
    )


def _link(study: str, figure: str, ending: str) -> str | None:
    """A form of a figure, from the report's folder; None if it isn't there."""
    path = paths.drawing(study, figure, ending)
    return path.relative_to(paths.results(study)).as_posix() if path.is_file() else None


def _image(study: str, figure: str) -> str | None:
    svg, png = paths.drawing(study, figure, "svg"), paths.drawing(study, figure, "png")
    if svg.is_file() and (svg.stat().st_size <= LARGEST_SVG or not png.is_file()):
        return _data_uri(svg.read_bytes(), "image/svg+xml")
    return _data_uri(*_smaller(png.read_bytes())) if png.is_file() else None


def _smaller(png: bytes) -> tuple[bytes, str]:
    """The same pixels in WebP, which takes four fifths of the bytes; as they are if Pillow was built without it."""
    from PIL import Image, features

    if not features.check("webp"):
        return png, "image/png"
    whole = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(whole, format="webp", lossless=True, method=6)
    return whole.getvalue(), "image/webp"


def _data_uri(content: bytes, kind: str) -> str:
    """An image as part of the page; `kind` is a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _run(study: Study, run: Run, summary: dict[str, Any] | None) -> report_model.RunOutcome:
    summary = summary or {"status": evidence.MISSING}
    return report_model.RunOutcome(
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


def _methods(plan: Plan, compared: MethodsComparison | None) -> list[report_model.MethodRow]:
    """The table of methods: what each estimator declares, and its measured cost, cosine and accuracy."""
    of = compared.of if compared else lambda *_: None
    plain = [name for name, method in plan.study.methods.items() if method.placement == "none"]
    reference = next((found for name in plain if (found := of(methods_table.COST, name))), None)
    found = []
    for name, method in plan.study.methods.items():
        stated = members.constants("estimators", method.estimator)
        waits = set(stated["WAITS_FOR"])
        found.append(
            report_model.MethodRow(
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


def _compared(compared: MethodsComparison | None) -> str:
    """The setting in which the methods are compared, and the analyses; empty if they aren't compared."""
    if compared is None:
        return ""
    setting = ", ".join(formatting.words(part) for part in formatting.parts(compared.setting) if part)
    sources = " and ".join(dict.fromkeys(map(formatting.words, compared.analyses.values())))
    return "; ".join(part for part in (setting, f"analyses: {sources}") if part)


def departures(package: Path) -> Iterator[report_model.Departure]:
    """Find the paragraphs of docstrings below `package` that begin with `Departure:`."""
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package.parent).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for text in _departing(ast.get_docstring(node) or ""):
                    yield report_model.Departure(place, text)


def _departing(docstring: str) -> Iterator[str]:
    for text in formatting.paragraphs(docstring):
        if text.startswith(DEPARTURE):
            yield formatting.capitalise(text.removeprefix(DEPARTURE).strip())
