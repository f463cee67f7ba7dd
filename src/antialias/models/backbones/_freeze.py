"""Norms of detectors that are frozen where their weights were."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from antialias._extras import require
from antialias.models._origin import Origin


def freeze_(model: nn.Module, names: Collection[str] | None = None, *, eps: float | None = None) -> None:
    """Replace BatchNorms by torchvision's frozen ones of the same values, in place.

    Args:
        model: The network.
        names: Of the norms to replace; all if `None`.
        eps: What is added to the variances; what each norm adds if `None`.
    """
    for name in [name for name, module in model.named_modules() if type(module) is nn.BatchNorm2d]:
        if names is None or name in names:
            norm = model.get_submodule(name)
            ops = require("torchvision.ops", extra="tasks")
            frozen = ops.FrozenBatchNorm2d(norm.num_features, eps=norm.eps if eps is None else eps)
            values = norm.state_dict()
            values.pop("num_batches_tracked", None)
            frozen.load_state_dict(values)
            model.set_submodule(name, frozen.to(norm.running_mean.device))


def freeze_as_(model: nn.Module, names: Collection[str]) -> None:
    """Freeze those norms that are frozen in a state dict of such names: they count no batches there.

    torchvision builds a detector with frozen norms where it has pretrained weights, else with trainable ones; weights
    must find the norms that they come from. Its own frozen norms divide by the bare deviation, with an eps of 0.

    Args:
        model: The network.
        names: Of everything in the state dict.
    """
    norms = {name.removesuffix(".running_mean") for name in names if name.endswith(".running_mean")}
    origin = getattr(model, "_antialias_origin", None)
    eps = 0.0 if isinstance(origin, Origin) and origin.library == "torchvision" else None
    freeze_(model, {norm for norm in norms if f"{norm}.num_batches_tracked" not in names}, eps=eps)
