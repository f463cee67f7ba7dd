"""The verb `evaluate`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from torch import nn

from antialias.models import build
from antialias.results import Comparison, Evaluation, cost_of, terminal
from antialias.tasks import (
    TrainConfig,
    is_main_process,
    measure_flips,
    process_group,
    read_settings,
)
from antialias.tasks import evaluate as measure

from ._options import input_side
from ._progress import progress_bar


def evaluate(
    models: tuple[str, ...],
    /,
    *,
    task: str | None = None,
    data: str | None = None,
    config: Path | None = None,
    weights: str | None = None,
    size: int | None = None,
    window: int | None = None,
    length: int | None = None,
    batch_size: int | None = None,
    on_broken: Literal["stop", "skip"] | None = None,
    masked_classes: str | None = None,
    flips: bool = False,
    cost: bool = True,
    accelerator: str = "auto",
    out: Path | None = None,
) -> None:
    """Measure the accuracy, the stability and the cost of networks on the test split of a data set.

    Under torchrun the processes share the pictures. With `out`, classifiers go on where an interrupted call stopped.

    Args:
        models: timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, antialias:NAME, module:callable, or saved files.
        task: What the networks do: classification, semantic or instance; classification if neither this nor a config.
        data: Such as scenes (embedded) or images:DIR with one folder a class; scenes if neither this nor a config.
        config: TOML file of a training run, such as its config.toml, whose data are taken.
        weights: A file of weights, or `default` for the library's own, for every model.
        size: Shorter side of the pictures as read, in pixels; for classification a quarter more than the window.
        window: Side of the windows that the network sees; the network's own input size if none is given.
        length: How many scenes; 2000 if not given.
        batch_size: Pictures in a pass, where the scores do not choose it themselves.
        on_broken: What a file that cannot be used does: `stop`, or be listed and left out with `skip`.
        masked_classes: File of a class split, whose sides are scored by themselves.
        flips: Measure flip rates against the distance of the shift, too.
        cost: Count and time each network beside itself without filters.
        accelerator: `cpu`, `gpu`, or `auto` for a GPU where there is one.
        out: Folder for one JSON file a network, which `antialias compare` reads.
    """
    told = read_settings(config) if config else {}
    flags = {"task": task, "data": data, "size": size, "window": window, "test_length": length}
    flags |= {"batch_size": batch_size, "on_broken": on_broken, "masked_classes": masked_classes}
    told |= {name: value for name, value in flags.items() if value is not None}
    found = []
    with process_group(accelerator) as device:
        for name in models:
            network = build(name, weights=weights).to(device)
            found.append(_measured(name, network, _config(told, network), flips, cost, out))
    if is_main_process():
        _show(found)


def _config(told: dict[str, Any], network: nn.Module) -> TrainConfig:
    return TrainConfig.from_dict({"window": input_side(network)} | told)


def _measured(
    name: str, network: nn.Module, config: TrainConfig, flips: bool, cost: bool, out: Path | None
) -> Evaluation:
    path = (
        None
        if out is None
        else out / f"{re.sub('[^A-Za-z0-9]+', '-', name.removesuffix('.safetensors')).strip('-')}.json"
    )
    with progress_bar(f"Measuring {name}") as progress:
        scores = measure(network, config, partial=path and path.with_suffix(".partial"), progress=progress)
    evaluation = Evaluation(
        model=name,
        config=config.evaluation,
        scores=scores,
        flips=measure_flips(network, config) if flips else None,
        cost=cost_of(network, config.window) if cost else None,
    )
    if path is not None and is_main_process():
        evaluation.write(path)
        print(f"Wrote {path}")
    return evaluation


def _show(found: list[Evaluation]) -> None:
    for evaluation in found:
        print(*evaluation.scores.values(), *((evaluation.flips and [evaluation.flips]) or []), sep="\n")
    comparison = Comparison.of(found)
    for table in (comparison.table(), comparison.differences()):
        if table is not None:
            print(terminal(table), end="\n\n")
