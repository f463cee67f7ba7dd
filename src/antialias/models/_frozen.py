"""Norms of detectors that are frozen where their weights were."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from antialias._extras import require


def freeze_(model: nn.Module) -> None:
    """Replace each BatchNorm by torchvision's frozen one of the same values, in place."""
    for name in [name for name, module in model.named_modules() if type(module) is nn.BatchNorm2d]:
        _freeze_one_(model, name, None)


def freeze_as_(model: nn.Module, names: Collection[str]) -> None:
    """Freeze those norms that are frozen in a state dict of such names: they count no batches there.

    torchvision builds a detector with frozen norms where it has pretrained weights, else with trainable ones; weights
    must find the norms that they come from. Its own frozen norms divide by the bare deviation, with an eps of 0.
    """
    origin = getattr(model, "_antialias_origin", None)
    eps = 0.0 if origin and origin.name.startswith("torchvision:") else None
    for name in [name for name, module in model.named_modules() if type(module) is nn.BatchNorm2d]:
        if f"{name}.running_mean" in names and f"{name}.num_batches_tracked" not in names:
            _freeze_one_(model, name, eps)


def _freeze_one_(model: nn.Module, name: str, eps: float | None) -> None:
    ops = require("torchvision.ops", extra="tasks")
    norm = model.get_submodule(name)
    frozen = ops.FrozenBatchNorm2d(norm.num_features, eps=norm.eps if eps is None else eps)
    frozen.load_state_dict({key: value for key, value in norm.state_dict().items() if key != "num_batches_tracked"})
    model.set_submodule(name, frozen.to(norm.running_mean.device))
