"""Count what filters add."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from antialias.nn import ImportancePool2d, PhaseSplit2d, PolyphasePool2d

from ..dataflow import each
from ._find import Candidate
from ._stride1 import padding_of


def added_macs(candidate: Candidate, layers: Sequence[nn.Module], dense: bool) -> int:
    """Return the multiply-adds of the filters of a site, and of its convolutions at the positions they now add.

    Args:
        candidate: What subsamples.
        layers: Its filters, one for each call of its module or one for all; none if another site has them.
        dense: The convolution computes all positions, which the filter behind it then samples.
    """
    macs = 0
    for n, op in enumerate(candidate.ops):
        kept = math.prod(op.output.shape[2:]) * op.output.shape[0]
        if layers:
            macs += kept * _macs_per_kept(layers[n] if len(layers) == len(candidate.ops) else layers[0])
        if op.name == "convolution" and dense:
            kernel, s = op.weight.shape[2:], op.settings
            sizes = [
                size + 2 * pad - dilation * (k - 1)
                for size, pad, dilation, k in zip(op.input.shape[2:], s["padding"], s["dilation"], kernel, strict=True)
            ]
            if op.call is not None and op.call.input is not None and padding_of(op.call.module, len(kernel)) == "same":
                sizes = list(op.call.input.shape[2:])  # at stride 1 it pads more than the map that was observed
            macs += (op.output.shape[0] * math.prod(sizes) - kept) * math.prod(op.weight.shape)
    return macs


def _macs_per_kept(layer: Any) -> int:
    """Return multiply-adds per position that a layer keeps."""
    if isinstance(layer, PhaseSplit2d):
        return 0
    if isinstance(layer, PolyphasePool2d):
        filter = _macs_per_kept(layer.filter) if layer.filter else 0
        judge = _kernels(layer.judge) if layer.judge else 0
        return filter if layer.phase == "input_norm" else math.prod(layer.stride) * (filter + judge)
    window = math.prod(each(layer.kernel_size, getattr(layer, "dims", 2)))
    if isinstance(layer, ImportancePool2d):  # which asks for the importance of every sample, and averages that, too
        return math.prod(layer.stride) * _kernels(layer) + (layer.channels + layer.groups) * window
    return _kernels(layer) + layer.channels * window


def _kernels(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.dim() > 2)
