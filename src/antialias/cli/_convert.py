"""The verb `convert`."""

from __future__ import annotations

from pathlib import Path

import antialias as aa
from antialias._display import show
from antialias.models import build

from ._options import FilterOptions, SurgeryOptions
from ._progress import progress_bar


def convert(
    model: str,
    /,
    *,
    out: Path,
    weights: str | None = None,
    options: FilterOptions | None = None,
    surgery: SurgeryOptions | None = None,
) -> None:
    """Put low-pass filters into a network without changing its function, and save it.

    Args:
        model: timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, antialias:NAME, module:callable, or a saved file.
        out: File to write, such as model.safetensors; `aa.load` reads it.
        weights: A file of weights, or `default` for the library's own.
        options: Which filter.
        surgery: What is replaced.
    """
    options, surgery = options or FilterOptions(), surgery or SurgeryOptions()
    network = build(model, weights=weights)
    with progress_bar("Converting"):
        done = aa.convert_(network, options.config(), example=surgery.example(network), **surgery.keywords())
    show(done)
    aa.save(network, out)
    print(f"Wrote {out}")
