"""The verb `compare`."""

from __future__ import annotations

import sys
from pathlib import Path

from antialias._display import show
from antialias.report import comparison_report, write_comparison, write_figures
from antialias.results import Comparison


def compare(runs: tuple[Path, ...], /, *, out: Path | None = None, figures: Path | None = None) -> None:
    """Set networks side by side, with paired differences from the first.

    Runs that differ in their seed alone are one row. Every score has its interval over pictures.

    Args:
        runs: Folders that `antialias train` wrote, or files that `antialias evaluate` wrote.
        out: Folder for the report page and the tables as CSV, Markdown and LaTeX.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV.
    """
    comparison = Comparison.read(runs)
    show(comparison)
    command = " ".join(["antialias", *sys.argv[1:]])
    if out is not None:
        print("Wrote", *write_comparison(comparison, out, command=command))
    if figures is not None:
        print("Wrote", *write_figures(comparison_report(comparison, command), figures))
