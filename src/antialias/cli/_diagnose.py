"""The verb `diagnose`."""

from __future__ import annotations

import sys
from pathlib import Path

from antialias._display import show
from antialias.diagnosis import diagnose as diagnose_network
from antialias.metrics import SameInstance
from antialias.models import build
from antialias.report import diagnosis_report, write

from ._options import images_of, input_side, part_of
from ._progress import progress_bar


def diagnose(
    model: str,
    /,
    *,
    data: str,
    out: Path,
    weights: str | None = None,
    split: str | None = None,
    size: int | None = None,
    limit: int = 100,
    seed: int = 0,
    batch_size: int | None = None,
    detection_score: float = 0.5,
) -> None:
    """Find where a network aliases: cause and effect at each site, and which to mend first.

    Prints a table and writes it as CSV and JSON, a figure of the sites along the depth of the network, and a page.

    Args:
        model: A file saved by `antialias`, or a name such as timm:NAME or module:callable.
        data: Pictures: images:DIR, or scenes; labels are not needed.
        out: Folder to write to.
        weights: A file of weights, or `default` for the library's own.
        split: Which part of `data`: train, test or all; all of a folder and test of scenes if none is given.
        size: Side of the pictures in pixels, of which the network sees windows of 7/8; by default so large that these
            have the network's own input size.
        limit: How many pictures to take at most, evenly from the data.
        seed: Chooses the windows.
        batch_size: Windows in one forward pass.
        detection_score: What a detector finds with a lower score does not count.
    """
    network = build(model, weights=weights)
    side = size or -(-8 * input_side(network) // 7)
    images = images_of(data, split or part_of(data, "test"), side, limit)
    same = SameInstance(score=detection_score)
    with progress_bar("Diagnosing") as progress:
        found = diagnose_network(network, images, progress=progress, seed=seed, same=same, batch_size=batch_size)
    show(found)
    page = write(diagnosis_report([found], " ".join(["antialias", *sys.argv[1:]])), out)
    print("Wrote", *found.write(out), page)
