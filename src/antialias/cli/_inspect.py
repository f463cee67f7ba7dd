"""The verb `inspect`."""

from __future__ import annotations

import antialias as aa
from antialias._display import show
from antialias.models import build

from ._options import FilterOptions, SurgeryOptions


def inspect(
    model: str,
    /,
    *,
    weights: str | None = None,
    options: FilterOptions | None = None,
    surgery: SurgeryOptions | None = None,
) -> None:
    """Show each place where a network downsamples, what would replace it and why, and what that costs.

    Args:
        model: timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, antialias:NAME, module:callable, or a saved file.
        weights: A file of weights, or `default` for the library's own.
        options: Which filter.
        surgery: What is replaced.
    """
    options, surgery = options or FilterOptions(), surgery or SurgeryOptions()
    network = build(model, weights=weights)
    plan = aa.inspect(network, surgery.example(network), options.config(), **surgery.keywords())
    show(plan)
