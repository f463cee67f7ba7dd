"""States between two states of a network: part of the way from the start to what was learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d

State = dict[str, Tensor]


def blended(network: nn.Module, start: State, end: State, share: float) -> State:
    """Return the state that lies `share` of the way from `start` to `end`, both states of `network`.

    Agreement with the original falls and stability grows along the way, at different speeds, so that a point between is
    often the better trade, and it costs one measurement instead of a training.

    Filters are blended as filters, not as parameters: half-way between the logits of the identity and of a blur lies
    all but the identity, because the identity's are near minus infinity.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022, for the weights.
    """
    state = {name: _between(value, end[name], share) for name, value in start.items()}
    for name, module in network.named_modules():
        if isinstance(module, AdaptiveBlurPool2d) and module.normalize == "group":
            state |= _blended_filter(f"{name}." if name else "", module, start, end, share)
    return state


def _between(start: Tensor, end: Tensor, share: float) -> Tensor:
    return torch.lerp(start, end, share) if start.is_floating_point() else end.clone()


def _blended_filter(prefix: str, module: AdaptiveBlurPool2d, start: State, end: State, share: float) -> State:
    """Blend the mean filters and how far the predictor moves them; it is the end's, for at the start it is noise."""
    bias, scale = f"{prefix}bn.bias", f"{prefix}bn.weight"
    if bool(start[scale].any()):
        return {}
    first, last = (state[bias].view(module.groups, -1).softmax(1) for state in (start, end))
    own = {name: value.clone() for name, value in end.items() if name.startswith(prefix)}
    return {**own, bias: torch.lerp(first, last, share).log().flatten(), scale: share * end[scale]}
