"""States between two states of a network: part of the way from the start to what was learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d

State = dict[str, Tensor]


def interpolate(network: nn.Module, start: State, end: State, share: float) -> State:
    """Return the state that lies `share` of the way from `start` to `end`.

    Agreement with the original falls and stability grows along the way, at different speeds, so that a point between is
    often the better trade, and it costs one measurement instead of a training.

    Filters are interpolated as filters, not as parameters: half-way between the logits of the identity and of a blur
    lies all but the identity, because the identity's are near minus infinity.

    Args:
        network: What the states are of.
        start: State dict at 0.
        end: State dict at 1.
        share: From 0 to 1.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, for the weights.
    """
    state = {
        name: torch.lerp(value, end[name], share) if value.is_floating_point() else end[name].clone()
        for name, value in start.items()
    }
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        scale, bias = f"{prefix}bn.weight", f"{prefix}bn.bias"
        if not isinstance(module, AdaptiveBlurPool2d) or module.normalize != "group":
            continue
        if not bool(start[scale].any()):
            # The mean filters, and how far the predictor moves them; it is the end's, for at the start it is noise.
            state |= {name: value.clone() for name, value in end.items() if name.startswith(prefix)}
            first, last = (each[bias].view(module.groups, -1).softmax(1) for each in (start, end))
            state |= {bias: torch.lerp(first, last, share).log().flatten(), scale: share * end[scale]}
    return state
