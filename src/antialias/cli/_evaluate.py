"""The verb `evaluate`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Parameter
from torch import nn

from antialias._display import show
from antialias.metrics import ClassScores, DenseValues, Instances, LabelMaps, adapter_for
from antialias.results import Comparison, Evaluation, EvaluationConfig, common_multiple, cost_of
from antialias.tasks import evaluate as measure
from antialias.tasks import is_main_process, measure_flips, process_group

from ._options import OnnxFlags, built, input_side
from ._progress import progress_bar


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(EvaluationConfig):
    """On what networks are measured.

    Attributes:
        task: What the networks do: classification, semantic, instance or dense.
        data: Such as scenes (embedded) or images:DIR with one folder a class.
        window: Side of the windows that the networks see, in pixels; their own input size if not given.
        test_length: How many scenes; 2000 if not given.
    """

    window: int | None = None  # type: ignore[assignment]
    test_length: Annotated[int | None, Parameter(name=("--length", "--test-length"))] = None

    def __post_init__(self) -> None:
        """Leave the checks to the configs of the networks."""

    def config(self, networks: dict[str, nn.Module]) -> EvaluationConfig:
        """Return on what all networks are measured.

        Raises:
            ValueError: They are meant for inputs of different sizes and no window is given, or they are segmenters that
                need different multiples and none is given.
        """
        sides = {name: input_side(network) for name, network in networks.items()}
        if self.window is None and len(set(sides.values())) > 1:
            listed = ", ".join(f"{name} for {side}" for name, side in sides.items())
            raise ValueError(
                f"the networks are meant for inputs of different sizes, in pixels: {listed}. Give them one, such as "
                f"--window {min(sides.values())}, so that their scores can be compared, or evaluate them one by one."
            )
        if self.task in ("semantic", "dense"):
            common_multiple(networks, self.multiple)
        return EvaluationConfig.of({**vars(self), "window": self.window or next(iter(sides.values()))})


TASKS: dict[type, str] = {
    ClassScores: "classification",
    LabelMaps: "semantic",
    Instances: "instance",
    DenseValues: "dense",
}
"""What answers of a kind are measured as."""


def explained(error: Exception, name: str, network: nn.Module, config: EvaluationConfig) -> Exception:
    """Return what to tell of a network that could not be measured: its answers may be of another task.

    Args:
        error: What went wrong.
        name: What the user calls the network.
        network: The network, which is shown one image of noise.
        config: Names the task.
    """
    image = torch.rand(3, config.window, config.window, generator=torch.Generator().manual_seed(0))
    with suppress(Exception):  # the first error is the one to tell
        device = next(network.parameters(), torch.empty(0)).device
        task = TASKS[type(adapter_for(network, image.to(device)))]
        if task != config.task:
            return ValueError(f"{name} answers as networks of another task do. Use --task {task}. ({error})")
    return ValueError(f"{name}: {error}") if isinstance(error, TypeError) else error


def evaluate(
    models: tuple[str, ...],
    /,
    *,
    options: EvaluationOptions | None = None,
    config: Path | None = None,
    weights: str | None = None,
    onnx: OnnxFlags | None = None,
    flips: bool = False,
    cost: bool = True,
    accelerator: str = "auto",
    out: Path | None = None,
) -> None:
    """Measure the accuracy, the stability and the cost of networks on the test split of a data set.

    Under torchrun the processes share the pictures. With `out`, an interrupted call goes on where it stopped.

    Args:
        models: timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, transformers:DIR, antialias:NAME,
            module:callable, ONNX files, or saved files.
        options: On what.
        config: TOML file of a training run, such as its config.toml, whose data are taken; flags go before it.
        weights: A file of weights, or `default` for the library's own, for every model.
        onnx: What ONNX files do not say.
        flips: Measure flip rates against the distance of the shift, too.
        cost: Count and time each network beside itself without filters.
        accelerator: `cpu`, `gpu`, or `auto` for a GPU where there is one.
        out: Folder for one JSON file a network, which `antialias compare` reads.

    Raises:
        ValueError: A network cannot be measured; the message says of what task its answers are, if they are of another.
    """
    networks = built({name: name for name in models}, weights, onnx)
    measured_on = (options or EvaluationOptions()).config(networks)
    evaluations = []
    with process_group(accelerator) as device:
        for name, network in networks.items():
            file = re.sub("[^A-Za-z0-9]+", "-", name.removesuffix(".safetensors")).strip("-") + ".json"
            path = None if out is None else out / file
            network.to(device)
            with progress_bar(f"Measuring {name}") as progress:
                partial = None if path is None else path.with_suffix(".partial")
                try:
                    scores = measure(network, measured_on, partial=partial, progress=progress)
                except (TypeError, ValueError) as error:
                    raise explained(error, name, network, measured_on) from error
            curves = []
            if flips:
                with progress_bar(f"Moving pictures for {name}") as progress:
                    curves.append(measure_flips(network, measured_on, progress=progress))
            costs = None
            if cost:
                with progress_bar(f"Timing {name}"):
                    costs = cost_of(network, measured_on.window)
            evaluation = Evaluation(
                model=name,
                config=measured_on,
                scores=scores,
                curves=tuple(curves),
                cost=costs,
            )
            evaluations.append(evaluation)
            network.cpu()
            if path is not None and is_main_process():
                evaluation.write(path)
                print(f"Wrote {path}")
    if is_main_process():
        for evaluation in evaluations:
            print(*evaluation.scores.values(), *evaluation.curves, sep="\n")
        show(Comparison.of(evaluations))
