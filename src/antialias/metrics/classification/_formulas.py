"""What is measured, as functions of logits; the functional scores and the stateful objects share them.

Shapes: N pictures, P pairs of a picture, S shifts, K classes. Results are float32, one value a picture, but for a
divergence that networks learn by.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from antialias.metrics._top1 import top1

_LEAST = -1e30  # logarithm of a probability


def pair_agreement(first: Tensor, second: Tensor) -> Tensor:
    """Return the share of pairs `(N, P, K)` with the same top-1: `(N,)`."""
    return (top1(first) == top1(second)).float().mean(1)


def pair_change(first: Tensor, second: Tensor) -> Tensor:
    """Return the share of pairs `(N, P, K)` with another top-1: `(N,)`."""
    return (top1(first) != top1(second)).float().mean(1)


def pair_absolute_change(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean over pairs `(N, P, K)` of |p1[a] - p2[a]|, a = arg max p1, p = softmax: `(N,)`."""
    best = top1(first)[..., None]
    top1(second)  # refuses what is no number
    before, after = (logits.float().softmax(-1).gather(-1, best)[..., 0] for logits in (first, second))
    return (before - after).abs().mean(1)


def jensen_shannon(logits: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence between the answers to the views of an image: 0 where all are the same.

    It is differentiable, and the most it can be is the logarithm of the number of views.

    Args:
        logits: `(N, views, K)`.

    Source: Lin, "Divergence Measures Based on the Shannon Entropy", 1991, equation 5.1 with equal weights.

    Example:
        >>> jensen_shannon(torch.tensor([[[50.0, 0.0], [0.0, 50.0]], [[3.0, 3.0], [2.0, 2.0]]])) / math.log(2)
        tensor(0.5000)
    """
    # A class that is ruled out has no share of any divergence: zero times a finite number.
    log = logits.to(torch.promote_types(logits.dtype, torch.float32)).log_softmax(-1).clamp_min(_LEAST)
    mean = log.logsumexp(1, keepdim=True) - math.log(logits.shape[1])
    return (log.exp() * (log - mean)).sum(-1).mean()


def flips(reference: Tensor, shifted: Tensor) -> Tensor:
    """Return where shifted `(N, P, D, K)` answers another class than reference `(N, P, K)`, over passes: `(N, D)`."""
    return (top1(reference)[..., None] != top1(shifted)).float().mean(1)


def all_agree(logits: Tensor) -> Tensor:
    """Return 1 where all shifts `(N, S, K)` have one top-1, else 0: `(N,)`.

    Raises:
        ValueError: There are no shifts, of which anything could be said.
    """
    if not logits.shape[1]:
        raise ValueError(f"logits are {tuple(logits.shape)}, of 0 shifts. Pass (N, S, K) with one shift or more.")
    answers = top1(logits)
    return (answers == answers[:, :1]).all(1).float()


def correct(logits: Tensor, labels: Tensor, top: int = 1) -> Tensor:
    """Return 1 where the label `(N,)` is among the `top` first of `(N, K)`, else 0: `(N,)`.

    Raises:
        ValueError: The network has no class of a label, labels are not one an image, or a logit is no number.
    """
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels are {tuple(labels.shape)} for logits {tuple(logits.shape)}. Pass one class an image.")
    if labels.is_floating_point() and not torch.equal(labels, labels.round()):
        raise ValueError(f"labels are {labels.dtype} and not whole. Use whole classes from 0.")
    labels, best, classes = labels.to(logits.device), top1(logits), logits.shape[-1]
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        wrong = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
        raise ValueError(
            f"label {wrong} is none of the network's {classes} classes. Use labels from 0 to {classes - 1}, and leave "
            "out pictures that do not count."
        )
    if top == 1:
        return (best == labels).float()
    return (logits.topk(top, dim=1).indices == labels[:, None]).any(dim=1).float()


def same_answer(logits: Tensor, reference: Tensor) -> Tensor:
    """Return 1 where logits `(N, K)` and the reference's probabilities or logits `(N, K)` share their top-1: `(N,)`.

    Raises:
        ValueError: They are not of equally many images and classes, or one is no number.
    """
    if logits.shape != reference.shape:
        raise ValueError(
            f"the network answers {tuple(logits.shape)} and the reference {tuple(reference.shape)}. Compare "
            "networks of the same classes."
        )
    return (top1(logits) == top1(reference)).float()


def counted_if(values: Tensor, counts: Tensor) -> Tensor:
    """Return the values `(N,)` with NaN, which `Score` leaves out, wherever `counts` `(N,)` is 0."""
    return torch.where(counts.bool(), values, torch.nan)
