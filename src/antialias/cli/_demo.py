"""The verb `demo`."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill

from antialias.demo import FULL, QUICK, run
from antialias.results import terminal

from ._progress import progress_bar


def demo(*, out: Path = Path("report"), quick: bool = False) -> None:
    """Train small networks with and without filters, mend real ones, and write a page that shows the difference.

    Args:
        out: Folder of the page and its data.
        quick: Smaller in every way: about a minute.
    """
    report, page = run(out, QUICK if quick else FULL, stage=progress_bar)
    for table in (report.training, *(mended.table for mended in report.mended)):
        if table is not None:
            print(terminal(table), end="\n\n")
    if report.verdict is not None:
        for sentence in (report.verdict.headline, *report.verdict.points):
            print(fill(f"- {sentence}", get_terminal_size().columns, subsequent_indent="  "))
    print(f"Open {page} in a browser.")
