"""The verb `retrofit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Parameter
from torch import Tensor

import antialias as aa
from antialias._display import show
from antialias.data import open_data
from antialias.models import build
from antialias.retrofit import RetrofitConfig, retrofit_
from antialias.surgery import conversion_of

from ._options import FilterOptions, SurgeryOptions
from ._progress import progress_bar


def retrofit(
    model: str,
    /,
    *,
    data: str,
    out: Path,
    weights: str | None = None,
    held_out: str | None = None,
    split: str | None = None,
    limit: int = 1000,
    control: bool = False,
    checkpoint: Path | None = None,
    options: FilterOptions | None = None,
    surgery: SurgeryOptions | None = None,
    config: Annotated[RetrofitConfig | None, Parameter(name="*")] = None,
) -> None:
    """Teach a network with filters its own answers averaged over small shifts, without labels, and save it.

    Args:
        model: A file saved by `antialias convert`, or a name; a network without filters is converted first.
        data: Pictures to learn from: images:DIR, or scenes. Their labels are not looked at.
        out: File to write, such as model.safetensors; `aa.load` reads it.
        weights: A file of weights, or `default` for the library's own.
        held_out: Pictures to choose by, of other scenes; a quarter of `data` if none is given.
        split: Which part of `data`: train, test or all; all of a folder and train of scenes if none is given.
        limit: How many pictures to take at most, evenly from the data.
        control: Leave a network without filters as it is: what the same teaching does without them.
        checkpoint: File that holds the state of the run; if it is there, the run goes on from it.
        options: Which filter, where the network is converted first.
        surgery: What is replaced, where the network is converted first; `--size` is the side of the pictures, too, of
            which the network sees windows of 7/8.
        config: How it learns.
    """
    options, surgery = options or FilterOptions(), surgery or SurgeryOptions()
    network = build(model, weights=weights)
    if conversion_of(network) is None and not control:
        aa.convert_(network, options.config(), example=surgery.example(network), **surgery.keywords())
    with progress_bar("Retrofitting") as progress:
        done = retrofit_(
            network,
            _pictures(data, split or _part(data, "train"), surgery.size, limit),
            held_out=None if held_out is None else _pictures(held_out, _part(held_out, "test"), surgery.size, limit),
            config=config,
            checkpoint=checkpoint,
            progress=progress,
        )
    show(done)
    aa.save(network, out)
    print(f"Wrote {out}")


def _part(name: str, of_scenes: str) -> str:
    return of_scenes if name == "scenes" else "all"


def _pictures(name: str, split: str, size: int | None, limit: int) -> list[Tensor]:
    opened = open_data(name, split, size=size)
    chosen = torch.arange(0, len(opened), -(-len(opened) // limit))
    return [opened.labelled(some)[0].float() / 255 for some in chosen.split(32)]
