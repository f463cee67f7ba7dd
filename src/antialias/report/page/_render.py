"""One page of a report, with nothing outside it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from antialias._extras import require
from antialias._files import write_whole
from antialias.diagnosis import CODES
from antialias.report._figures import data_of, write_figures
from antialias.report._report import Report, Reproduction
from antialias.results import Column, KeyFigure, number

from . import _depth, _layout

_PAGE = files("antialias.report.page")


def render(report: Report) -> str:
    """Draw a report as one HTML page.

    Style, script, pictures and data are inside the page, which forbids itself every request
    (`Content-Security-Policy`), so it opens from the file system and stays readable for as long as browsers do.

    Raises:
        ImportError: jinja2 is missing; the message names the extra.
    """
    return fill(
        "page.html.j2", **context(report), page_json=page_json(report), css=joined(".css"), script=joined(".js")
    )


def section(name: str, report: Report) -> str:
    """Draw one section of a report's page, as HTML to put into a page that has its style and script.

    Args:
        name: Of the section, such as `"filters"`.
        report: It shows something there.

    Raises:
        ImportError: jinja2 is missing; the message names the extra.
    """
    return fill(f"sections/{name}.html.j2", **context(report))


def fill(template: str, *, folder: Traversable = _PAGE, **values: Any) -> str:
    """Fill a template of the page, or of another folder.

    Args:
        template: Its file.
        folder: Where it is.
        **values: What it shows; text is escaped.

    Raises:
        ImportError: jinja2 is missing; the message names the extra.
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = lambda text: "data:text/csv;base64," + b64encode(text.encode()).decode()
    return environment.get_template(template).render(**values)


def context(report: Report) -> dict[str, Any]:
    """Return what the templates of the page and of its sections show of a report."""
    return {
        "report": report,
        "figures": _layout,
        "depth": _depth,
        "codes": {code.code: code for code in CODES},
        "remedies_of": lambda diagnosis: list(dict.fromkeys(name for site in diagnosis.sites for name in site.cost)),
        "panels": _layout.panels(report.curves) if report.curves else (),
        "number": shown,
        "cells": lambda table: [cell for row in table.rows for cell in row.cells],
        "curve_cells": [cell for line in report.curves for cell in line.cells],
        "panel_networks": list(dict.fromkeys(line.network for line in report.curves)),
        "colours": colours(report),
        "filters_by_network": _layout.by_network(report.filters),
        "precision": _layout.precision(report.filters),
        "csv": data_of(report, filters=False),
        "protocols": protocols(report),
        "reproducible": report.reproduction != Reproduction() or next(report.cells(), None) is not None,
    }


def write(report: Report, path: str | Path, *, figures: str | Path | None = None) -> Path:
    """Write a report's page and, beside it, its data; return the page's path.

    `report.html` gets `report.json` (everything; `Report.from_json` reads it) and one CSV file for each table and
    figure. A path that does not end in `.html` is a folder, made if missing.

    Args:
        report: The report.
        path: The page, or a folder for it.
        figures: Folder for every figure as SVG and PNG; none are drawn if not given.

    Raises:
        ImportError: Figures are asked for and matplotlib is missing; the message names the extra.
    """
    path = Path(path)
    page = path if path.suffix in (".html", ".htm") else path / "report.html"
    write_whole(page, render(report))
    write_whole(page.with_suffix(".json"), report.to_json())
    for name, text in data_of(report).items():
        write_whole(page.with_name(f"{page.stem}-{name}.csv"), text)
    if figures is not None:
        write_figures(report, figures)
    return page


def joined(ending: str) -> str:
    """Return the page's own file of this ending, and the sections' behind it, by name."""
    sections = sorted(_PAGE.joinpath("sections").iterdir(), key=lambda path: path.name)
    paths = [_PAGE.joinpath(f"page{ending}"), *(path for path in sections if path.name.endswith(ending))]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def shown(value: float | None, column: Column | KeyFigure) -> str:
    """Write a number in its column's unit, without the unit.

    Example:
        >>> shown(0.8483, Column(key="top1", title="Accuracy"))
        '84.8'
    """
    return "–" if value is None else number(value, column.unit, column.digits)


def colours(report: Report) -> dict[str, int]:
    """Give each network its colour's index, by order of appearance; the first of a table is the baseline."""
    trained = [row.network for row in report.training.rows] if report.training else []
    compared = [row.network for row in report.table.rows] if report.table else []
    moving = (*report.viewers, *report.detections)
    drawn = [line.network for line in report.curves] + [trace.network for view in moving for trace in view.traces]
    chosen = {name: i % len(_layout.SHAPES) for i, name in enumerate(dict.fromkeys(trained))}
    for mended in report.mended:
        chosen |= {row.network: i % len(_layout.SHAPES) for i, row in enumerate(mended.table.rows)}
    return chosen | {name: i % len(_layout.SHAPES) for i, name in enumerate(dict.fromkeys(compared + drawn))}


def protocols(report: Report) -> dict[str, dict[str, str]]:
    """Gather the protocols of each kind of score; where its scores differ in an entry, every value is named."""
    gathered: dict[str, dict[str, dict[str, None]]] = {}
    for cell in report.cells():
        for key, value in cell.protocol.items():
            gathered.setdefault(cell.name or "score", {}).setdefault(key, {})[_in_words(value)] = None
    return {name: {key: " | ".join(values) for key, values in entries.items()} for name, entries in gathered.items()}


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items())
    return ", ".join(map(_in_words, value)) if isinstance(value, list) else str(value)


def page_json(report: Report) -> str:
    """Give the script its data, as JSON that no browser can read as markup; pictures are in the page already."""
    values = report.to_dict()
    for record in (*values["viewers"], *values["detections"], *values["filters"]):
        del record["image"]["data"]
    for site in (site for maps in values["filters"] for site in maps["sites"] if site["weights"]):
        del site["values"]
    data = {
        "networks": colours(report),
        "shapes": _layout.SHAPES,
        "viewers": values["viewers"],
        "detections": values["detections"],
        "filters": values["filters"],
        "ramp": _layout.ramp() if report.filters else [],
    }
    return script_json(data)


def script_json(data: Mapping[str, Any]) -> str:
    """Write data as JSON that no browser can read as markup."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
