"""What is timed: a forward pass in evaluation, its backward pass, both, or a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .._benchmark import Implementation

Run = Callable[[], Any]


def _forward(implementation: Implementation) -> Run:
    layer = implementation.layer.eval()

    def run() -> Tensor:
        with torch.no_grad():
            return layer(*implementation.inputs)

    return run


def _backward(implementation: Implementation, *, forward_too: bool = False) -> Run:
    layer = implementation.layer.eval()
    inputs = tuple(tensor.detach().requires_grad_() for tensor in implementation.inputs)
    leaves = (*inputs, *(parameter for parameter in layer.parameters() if parameter.requires_grad))
    y = layer(*inputs)
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    grad_y = torch.empty_like(y, requires_grad=False).copy_(noise)
    if forward_too:
        return lambda: torch.autograd.grad(layer(*inputs), leaves, grad_y)
    return lambda: torch.autograd.grad(y, leaves, grad_y, retain_graph=True)


def _training_step(implementation: Implementation) -> Run:
    layer, (x,) = implementation.layer.train(), implementation.inputs
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-4, momentum=0.9)
    targets = torch.zeros(len(x), dtype=torch.long, device=x.device)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(layer(x), targets).backward()
        optimizer.step()

    return run


# By name: prepares a pass, so that only the pass itself is timed.
PASSES: dict[str, Callable[[Implementation], Run]] = {
    "forward": _forward,
    "backward": _backward,
    "forward+backward": lambda implementation: _backward(implementation, forward_too=True),
    "training step": _training_step,
}
