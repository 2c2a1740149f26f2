"""Render the specification of a W&B Report as a page of its own, as far as it can be shown without W&B.

Texts, tables and figures are shown as they are. Live panels are W&B's to draw: the page says what they would show.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.results import paths

Block = Mapping[str, Any]
Picture = Callable[[str], str | None]  # the address of the picture with a name in W&B, None if there is none
FEW = 3  # values of a filter that are named
WIDGETS = {"Media Browser": "picture", "Run History Line Plot": "line plot", "Bar Chart": "bar chart"}
KEYS = {"displayName": "name", "name": "id", "jobType": "job type", "group": "group"}  # W&B's words for a run's
PAGE = Markup("""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; background: light-dark(#fdfdfc, #15181c); color: light-dark(#1b1e22, #e8e8e6); }}
a {{ color: light-dark(#0b5394, #9ecbff); }}
body {{ max-width: 64rem; margin: 0 auto; padding: 0 1rem 3rem; font: .95rem/1.45 system-ui, sans-serif;
overflow-wrap: anywhere; }}
div.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .85rem; }}
th, td {{ border: 1px solid #8888; padding: .2rem .5rem; text-align: left; vertical-align: top; }}
section.grid, p.panel {{ border: 1px solid #8888; padding: .5rem .75rem; }}
img {{ max-width: 100%; height: auto; background: #fff; }}
.quiet {{ opacity: .8; font-size: .85rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="quiet">The W&amp;B report as it would be sent, rendered without W&amp;B: texts, tables and figures are the
report's own; boxes say what W&amp;B draws from the runs there.</p>
{body}
</main>
</body>
</html>
""")


def page(study: str) -> Path:
    """Where a dry run writes the page, beside the figures that it shows."""
    return paths.results(study) / "wandb_report.html"


def render(blocks: Sequence[Block], *, title: str, picture: Picture) -> str:
    """The page.

    Args:
        blocks: of the specification.
        title: the report's title.
        picture: finds figures.
    """
    body = Markup("\n").join(shown for block in blocks if (shown := _block(block, blocks, picture)))
    return PAGE.format(title=title, body=body)


def _block(block: Block, blocks: Sequence[Block], picture: Picture) -> Markup:
    """A block; one of an unknown kind is named."""
    match block["type"]:
        case "heading":
            level, text = int(block["level"]), _text(block)
            return Markup('<h{level} id="{id}">{text}</h{level}>').format(level=level, id=_anchor(text), text=text)
        case "markdown-block":
            return _markdown(block["content"])
        case "table-of-contents":
            return _contents(blocks)
        case "panel-grid":
            return _grid(block["metadata"], picture)
        case "weave-panel":
            return Markup('<p class="panel">Panel of the artifact <code>{}</code>: its {} in W&amp;B</p>').format(
                *_artifact(block["config"]["panelConfig"])
            )
        case "paragraph":
            return Markup("<p>{}</p>").format(_text(block)) if _text(block) else Markup()
        case other:
            return Markup('<p class="panel">Block {}</p>').format(other)


def _markdown(text: str) -> Markup:
    """Markdown as HTML; HTML in it is escaped, and links to scripts aren't made."""
    from markdown_it import MarkdownIt  # installed with `wandb-workspaces`, for publishing only

    made = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    wide = ' class="wide" tabindex="0" role="group" aria-label="table"' if "<table>" in made else ""
    return Markup(f"<div{wide}>{made}</div>")  # noqa: S704 (escaped by the library)


def _contents(blocks: Sequence[Block]) -> Markup:
    heads = [_text(block) for block in blocks if block["type"] == "heading"]
    items = Markup("").join(Markup('<li><a href="#{}">{}</a></li>').format(_anchor(head), head) for head in heads)
    return Markup('<nav aria-label="Contents"><ul>{}</ul></nav>').format(items)


def _grid(grid: Mapping[str, Any], picture: Picture) -> Markup:
    """The run sets of a grid in words, and its panels."""
    sets = Markup("").join(Markup("<li>{}</li>").format(_run_set(each)) for each in grid["runSets"])
    panels = Markup("\n").join(each for panel in _panels(grid) for each in _panel(panel, picture))
    return Markup('<section class="grid">{}<ul class="quiet">{}</ul></section>').format(panels, sets)


def _panels(grid: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its panels, from the top to the bottom and from the left to the right."""
    found = grid["panelBankSectionConfig"]["panels"]
    return sorted(found, key=lambda panel: (panel["layout"]["y"], panel["layout"]["x"]))


def _panel(panel: Mapping[str, Any], picture: Picture) -> Iterator[Markup]:
    """A panel: the pictures of one that shows pictures, or what W&B draws."""
    config, kind = panel["config"], WIDGETS.get(panel["viewType"], panel["viewType"])
    title = config.get("chartTitle") or ""
    for key in config.get("mediaKeys") or ():
        if address := picture(key):
            yield Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
                address, title, title
            )
        else:
            yield Markup('<p class="panel">{}: <code>{}</code>, which isn\'t drawn</p>').format(title, key)
    if not config.get("mediaKeys"):
        what = ", ".join(config.get("metrics") or ()) or config.get("metricRegex") or ""
        yield Markup('<p class="panel">{}, a live {} of <code>{}</code>{}</p>').format(title, kind, what, _how(config))


def _how(config: Mapping[str, Any]) -> str:
    """How a line plot draws its lines, in words."""
    axis = f" against {config['xAxis']}" if config.get("xAxis") else ""
    if config.get("aggregate") and config.get("groupAgg"):
        return f"{axis}: of each group the {config['groupAgg']} and the {config.get('groupArea') or 'no'} band"
    return axis


def _run_set(runs: Mapping[str, Any]) -> Markup:
    """A run set's name, filters and groups."""
    filters = (runs.get("filters") or {}).get("filters") or ()
    told = [f"{KEYS.get(each['key']['name'], each['key']['name'])} {_value(each)}" for each in filters]
    groups = [key["name"].removesuffix(".value") for key in runs.get("grouping") or ()]
    by = f"; grouped by {' and '.join(groups)}" if groups else ""
    return Markup("Runs <b>{}</b>: {}{}").format(runs["name"], "; ".join(told) or "all", by)


def _value(filter: Mapping[str, Any]) -> str:
    """What a filter wants: one value, or one of some."""
    value = filter["value"]
    if not isinstance(value, list):
        return f"{filter['op']} {value}"
    more = f" and {len(value) - FEW} more" if len(value) > FEW else ""
    return f"among {', '.join(map(str, value[:FEW]))}{more}"


def _artifact(config: Mapping[str, Any]) -> tuple[str, str]:
    """The name of a panel's artifact, and the tab that is shown."""
    name = config["exp"]["fromOp"]["inputs"]["artifactName"]["val"]
    return name, config["panelConfig"]["tabConfigs"]["overview"]["selectedTab"]


def _text(block: Block) -> str:
    return "".join(str(child.get("text", "")) for child in block.get("children") or ())


def _anchor(head: str) -> str:
    return re.sub(r"\W+", "-", head.lower()).strip("-")
