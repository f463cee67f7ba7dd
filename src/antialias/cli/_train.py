"""The verb `train`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from antialias.nn import Filter
from antialias.tasks import TrainConfig, fit, is_main_process

from ._options import TrainedFilterOptions
from ._progress import progress_bar


@Parameter(name="*", consume_multiple=True, negative_iterable=())
@dataclass(frozen=True, kw_only=True)
class TrainOptions(TrainConfig):
    """Every setting of a run.

    Attributes:
        task: What is learnt: classification, semantic or instance.
        num_nodes: Number of machines.
    """

    task: str = field(default="classification", kw_only=False)
    filter: Annotated[Filter | None, Parameter(parse=False)] = None
    num_nodes: Annotated[int, Parameter(alias="--nodes")] = 1


def train(
    settings: TrainOptions | None = None,
    *,
    config: Path | None = None,
    resume: bool = False,
    options: TrainedFilterOptions | None = None,
) -> None:
    """Train a network, with filters or without, and measure its accuracy and stability.

    Its filters are adaptive; `--filter none` trains a plain network.

    Args:
        settings: Every setting of a run.
        config: TOML file of settings, such as those in recipes; flags go before it.
        resume: Go on from last.ckpt in the folder.
        options: Which filter; one of these flags replaces the file's filter as a whole.
    """
    filter = (options or TrainedFilterOptions()).config_or_none()
    run_config = TrainConfig.from_dict({**vars(settings or TrainOptions()), "filter": filter})
    with progress_bar("Training") as progress:
        run = fit(run_config, resume=resume, progress=progress)
    if is_main_process():
        print(*run.scores.values(), sep="\n")
        print("Wrote", *run.files)
