"""What is timed: a forward pass in evaluation, its backward pass, both, or a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._contest import Contender

Run = Callable[[], Any]


def _forward(contender: Contender) -> Run:
    layer = contender.layer.eval()

    def run() -> Tensor:
        with torch.no_grad():
            return layer(*contender.inputs)

    return run


def _forward_backward(contender: Contender) -> Run:
    layer, (inputs, wanted) = contender.layer.eval(), _leaves(contender)
    grad_y = _gradient(layer(*inputs))
    return lambda: torch.autograd.grad(layer(*inputs), wanted, grad_y)


def _backward(contender: Contender) -> Run:
    inputs, wanted = _leaves(contender)
    y = contender.layer.eval()(*inputs)
    grad_y = _gradient(y)
    return lambda: torch.autograd.grad(y, wanted, grad_y, retain_graph=True)


def _training_step(contender: Contender) -> Run:
    layer, (x,) = contender.layer.train(), contender.inputs
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-4, momentum=0.9)
    targets = torch.zeros(len(x), dtype=torch.long)

    def run() -> None:
        optimizer.zero_grad()
        F.cross_entropy(layer(x), targets).backward()
        optimizer.step()

    return run


def _leaves(contender: Contender) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    inputs = tuple(tensor.detach().requires_grad_() for tensor in contender.inputs)
    return inputs, (*inputs, *(p for p in contender.layer.parameters() if p.requires_grad))


def _gradient(y: Tensor) -> Tensor:
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    return torch.empty_like(y, requires_grad=False).copy_(noise)


# By name: prepares a pass, so that only the pass itself is timed.
PASSES: dict[str, Callable[[Contender], Run]] = {
    "forward": _forward,
    "backward": _backward,
    "forward+backward": _forward_backward,
    "training step": _training_step,
}
