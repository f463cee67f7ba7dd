"""The verb `demo`."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from antialias._display import show
from antialias._terminal import terminal_width
from antialias.demo import FULL, QUICK, run

from ._progress import progress_bar


def demo(*, out: Path = Path("report"), quick: bool = False, figures: Path | None = None) -> None:
    """Train small networks with and without filters, mend real ones, and write a page that shows the difference.

    Args:
        out: Folder of the page and its data.
        quick: Smaller in every way: about a minute.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV.
    """
    report, page = run(out, QUICK if quick else FULL, stage=progress_bar, figures=figures)
    for table in (report.training, *(mended.table for mended in report.mended)):
        if table is not None:
            show(table)
            print()
    if report.verdict is not None:
        print(fill(f"{report.verdict.headline}.", terminal_width() or 80))
    print(f"Open {page} in a browser.")
