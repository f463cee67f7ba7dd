"""The verb `mend`."""

from __future__ import annotations

import json
from pathlib import Path

import antialias as aa
from antialias._display import show
from antialias._files import write_whole
from antialias.mend import MendConfig, mend_
from antialias.models import build, class_names
from antialias.retrofit import RetrofitConfig

from ._options import images_of, input_side, part_of
from ._progress import progress_bar


def mend(
    model: str,
    /,
    *,
    data: str,
    out: Path,
    weights: str | None = None,
    budget: float = 1.5,
    margin: float = 0.02,
    held_out: str | None = None,
    split: str | None = None,
    size: int | None = None,
    limit: int = 1000,
    steps: int = 100,
    align: bool = False,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> None:
    """Try every remedy against flicker within a cost, prove it on images of its own, and save the best network.

    Beside the network it writes what was measured, as JSON, and flips against cost, as SVG.

    Args:
        model: A file saved by `antialias`, or a name such as timm:NAME or module:callable.
        data: Pictures: images:DIR, or scenes. Half teach, a quarter chooses, a quarter reports. Where each lies in a
            folder named as one of the network's classes, accuracy is measured too.
        out: File to write, such as model.safetensors; `aa.load` reads it.
        weights: A file of weights, or `default` for the library's own.
        budget: The most multiply-adds, relative to the network as it is; on average where images take different
            numbers.
        margin: The most agreement with the network's shift-averaged answers that may be lost, as a share of pictures.
        held_out: Pictures to report on, of other scenes; a quarter of `data` if none is given.
        split: Which part of `data`: train, test or all; all of a folder and train of scenes if none is given.
        size: Side of the pictures in pixels, of which the network sees windows of 7/8; by default so large that these
            have the network's own input size.
        limit: How many pictures to take at most, evenly from the data.
        steps: How long students learn; 0 leaves learning out.
        align: Try images that are aligned by what they show, too. That steadies answers to moves by whole pixels, such
            as crops, at hardly any cost, and unsteadies answers to video.
        seed: Chooses parts and windows.
        checkpoint: Folder for what is measured and learnt; if something is there, the mending goes on from it.
    """
    network = build(model, weights=weights)
    names = class_names(network)
    side = size or -(-8 * input_side(network) // 7)
    with progress_bar("Mending") as progress:
        done = mend_(
            network,
            images_of(data, split or part_of(data, "train"), side, limit, classes=names),
            budget=budget,
            margin=margin,
            held_out=None
            if held_out is None
            else images_of(held_out, part_of(held_out, "test"), side, limit, classes=names),
            seed=seed,
            checkpoint=checkpoint,
            progress=progress,
            config=MendConfig(retrofit=RetrofitConfig(steps=steps), periods=(8, 16) if align else ()),
        )
    show(done)
    aa.save(network, out)
    table, picture = out.with_suffix(".json"), out.with_suffix(".svg")
    write_whole(table, json.dumps(done.to_dict(), indent=1) + "\n")
    done.draw(picture)
    print(f"Wrote {out}, {table} and {picture}")
