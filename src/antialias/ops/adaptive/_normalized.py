"""The adaptive filter behind a BatchNorm: the backward pass normalises again, and so keeps no logits."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._backend import Backend


class Normalized(NamedTuple):
    """What logits were made of by a BatchNorm in training, which keeps all of it anyway.

    Attributes:
        unnormalized: What the norm read, of the logits' shape.
        weight: The norm's weight, one number a channel.
        bias: The norm's bias, one number a channel.
        mean: Mean of each channel.
        inverse_deviation: Inverse standard deviation of each channel, `eps` included.
        eps: What the norm adds to variances.
    """

    unnormalized: Tensor
    weight: Tensor
    bias: Tensor
    mean: Tensor
    inverse_deviation: Tensor
    eps: float

    def logits(self) -> Tensor:
        """Make the logits again."""
        if torch.is_grad_enabled():  # for second derivatives, in which the statistics take part
            return F.batch_norm(self.unnormalized, None, None, self.weight, self.bias, True, 0.0, self.eps)
        scale = self.weight * self.inverse_deviation
        shift = self.bias - self.mean * scale
        logits = torch.addcmul(shift[:, None, None], self.unnormalized, scale[:, None, None])
        return logits.to(self.unnormalized.dtype)


def blur_of_normalized(x: Tensor, logits: Tensor, source: Normalized, backend: Backend, *settings: Any) -> Tensor:
    """Filter as `backend` does; keep the logits' source for the backward pass, not them.

    Args:
        x: Maps `(N, C, H, W)`.
        logits: What `source` gives.
        source: What a BatchNorm made the logits of.
        backend: One that has `gradients`.
        settings: Those of `Settings`.
    """
    return _Blur.apply(x, logits, *source, backend, settings)


class _Blur(torch.autograd.Function):
    """The gradient goes to the logits, and from them through the norm as ever."""

    @staticmethod
    def forward(x: Tensor, logits: Tensor, *rest: Any) -> Tensor:
        *_, backend, settings = rest
        return backend.run(x, logits, *settings)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, _, *source, ctx.eps, ctx.backend, ctx.settings = inputs
        ctx.save_for_backward(x, *source)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        x, unnormalized, weight, bias, mean, inverse_deviation = ctx.saved_tensors
        logits = Normalized(unnormalized, weight, bias, mean, inverse_deviation, ctx.eps).logits()
        return (*ctx.backend.gradients(*grad_outputs, x, logits, *ctx.settings), *[None] * 8)
