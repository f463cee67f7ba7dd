"""The verb `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from antialias.models import build
from antialias.tasks import TrainConfig
from antialias.tasks import evaluate as measure

from ._options import input_side


def evaluate(
    model: str,
    /,
    *,
    data: str = "scenes",
    task: str = "classification",
    weights: str | None = None,
    size: int | None = None,
    window: int | None = None,
    length: int | None = None,
    out: Path | None = None,
) -> None:
    """Measure the accuracy and the stability of a network on the test split of a data set.

    Args:
        model: timm:NAME, torchvision:NAME, antialias:NAME, module:callable, or a saved file.
        data: scenes (embedded), or images:DIR with one folder a class.
        task: What the network does: classification.
        weights: A file of weights, or `default` for the library's own.
        size: Side of the pictures as read, in pixels; a quarter more than the window if none is given.
        window: Side of the windows that the network sees; the network's own input size if none is given.
        length: How many scenes; 2000 if not given.
        out: JSON file to write the scores and their protocols to.
    """
    network = build(model, weights=weights)
    window = window or input_side(network)
    config = TrainConfig(task=task, data=data, size=size or 5 * window // 4, window=window, test_length=length)
    with Console(stderr=True).status("Measuring"):
        scores = measure(network, config)
    for score in scores.values():
        print(score)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({name: score.to_dict() for name, score in scores.items()}, indent=2) + "\n")
        print(f"Wrote {out}")
