"""One page of a report, with nothing outside it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from antialias._extras import require
from antialias.results import lines_csv, table_csv

from . import _figures
from ._report import Report, Reproduction


def render(report: Report) -> str:
    """Draw a report as one HTML page.

    Style, script, pictures and data are inside the page, which forbids itself every request
    (`Content-Security-Policy`), so it opens from the file system and stays readable for as long as browsers do.

    Raises:
        ImportError: jinja2 or matplotlib is missing; the message names the extra.
    """
    jinja2 = require("jinja2", extra="report")
    blocks = {"trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, **blocks)
    environment.filters["data_uri"] = _csv_uri
    return environment.from_string(_asset("page.html.j2")).render(**_context(report))


def write(report: Report, path: str | Path) -> Path:
    """Write a report's page and, beside it, its data; answer the page's path.

    `report.html` gets `report.json` (everything; `Report.from_json` reads it) and one CSV file for each table and for
    the curves. A path that does not end in `.html` is a folder, made if missing.

    Args:
        report: The report.
        path: The page, or a folder for it.
    """
    path = Path(path)
    page = path if path.suffix in (".html", ".htm") else path / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(report), encoding="utf-8")
    page.with_suffix(".json").write_text(report.to_json(), encoding="utf-8")
    for name, text in tables_of(report).items():
        page.with_name(f"{page.stem}-{name}.csv").write_text(text, encoding="utf-8")
    return page


def tables_of(report: Report) -> dict[str, str]:
    """Return each table, and the curves, as CSV text."""
    tables = {"table": report.table, "training": report.training}
    written = {name: table_csv(table) for name, table in tables.items() if table}
    return written | ({"curves": lines_csv(report.curves)} if report.curves else {})


def _asset(name: str) -> str:
    return files("antialias.report").joinpath(name).read_text(encoding="utf-8")


def _csv_uri(text: str) -> str:
    return "data:text/csv;base64," + b64encode(text.encode()).decode()


def _context(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "figures": _figures,
        "panels": _figures.panels(report.curves) if report.curves else (),
        "bars": _figures.bars,
        "cells": lambda table: [cell for row in table.rows for cell in row.cells],
        "curve_cells": [cell for line in report.curves for cell in line.cells],
        "panel_networks": list(dict.fromkeys(line.network for line in report.curves)),
        "colours": colours(report),
        "csv": tables_of(report),
        "protocols": protocols(report),
        "reproducible": report.reproduction != Reproduction() or report.table or report.training or report.curves,
        "page_json": _page_json(report),
        "css": _asset("page.css"),
        "script": _asset("page.js"),
    }


def colours(report: Report) -> dict[str, int]:
    """Give each network its colour's index, by order of appearance; the first of a table is the baseline."""
    trained = [row.network for row in report.training.rows] if report.training else []
    compared = [row.network for row in report.table.rows] if report.table else []
    drawn = [line.network for line in report.curves] + [t.network for s in report.sliders for t in s.traces]
    chosen = {name: i % len(_figures.SHAPES) for i, name in enumerate(dict.fromkeys(trained))}
    return chosen | {name: i % len(_figures.SHAPES) for i, name in enumerate(dict.fromkeys(compared + drawn))}


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


def _page_json(report: Report) -> str:
    """Give the script its data, as JSON that no browser can read as markup."""
    data = {
        "networks": colours(report),
        "shapes": _figures.SHAPES,
        "sliders": [_without_bytes(slider) for slider in report.to_dict()["sliders"]],
        "filters": [_without_bytes(maps) for maps in report.to_dict()["filters"]],
        "ramp": _ramp(33) if report.filters else [],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _without_bytes(record: Mapping[str, Any]) -> dict[str, Any]:
    return {**record, "picture": {k: v for k, v in record["picture"].items() if k != "data"}}


def _ramp(count: int) -> list[list[int]]:
    colormap = require("matplotlib", extra="report").colormaps["cividis"]
    return [[round(255 * channel) for channel in colormap(i / (count - 1))[:3]] for i in range(count)]
