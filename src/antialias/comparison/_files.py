"""A comparison as files: CSV for machines, Markdown and LaTeX for papers, a page for people."""

from __future__ import annotations

from pathlib import Path

from antialias.report import latex, markdown
from antialias.report import write as write_page

from ._comparison import Comparison


def write(comparison: Comparison, folder: str | Path, command: str = "") -> list[Path]:
    """Write a comparison into a folder and return the files.

    `report.html` with `report.json` and `report-table.csv` beside it, `table.md` and `table.tex`; the last two hold the
    differences from the first network as well.

    Args:
        comparison: What was compared.
        folder: Where to, made if missing.
        command: The command line that the page names.
    """
    folder = Path(folder)
    page = write_page(comparison.report(command), folder)
    tables = [table for table in (comparison.table(), comparison.differences()) if table]
    written = [page, page.with_name("report-table.csv")]
    for name, text in (("table.md", markdown), ("table.tex", latex)):
        path = folder / name
        path.write_text("\n".join(map(text, tables)), encoding="utf-8")
        written.append(path)
    return written
