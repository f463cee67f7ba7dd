"""Who is who: detections and objects, or the instances of two pictures, paired by their intersection over union."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Matching = Literal["greedy", "one-to-one"]

TRUE_POSITIVE, FALSE_POSITIVE, IN_CROWD = 1, 0, -1


def match_as_coco(ious: Tensor, crowd: Tensor, thresholds: Tensor) -> Tensor:
    """Match the detections of one image as COCO does: `(D, T)` of `TRUE_POSITIVE`, `FALSE_POSITIVE` and `IN_CROWD`.

    In the order given, best first, each detection takes the object of highest IoU that no earlier one has taken; of
    equal ones the last. One that finds no object but lies in a crowd is ignored; a crowd may be found again and again.

    Args:
        ious: `(D, G)`, -1 where the classes differ.
        crowd: `(G,)` `bool`.
        thresholds: `(T,)` least IoU of a match, each judged on its own.

    Source: Lin et al., "Microsoft COCO", ECCV 2014; cocodataset.org/#detection-eval.
    """
    least = thresholds.clamp(max=1 - 1e-10)[:, None]
    free = torch.ones(len(thresholds), ious.shape[1], dtype=torch.bool)
    outcomes = torch.full((len(ious), len(thresholds)), FALSE_POSITIVE)
    for number in (ious >= least.min()).any(dim=1).nonzero()[:, 0].tolist():
        reached = ious[number] >= least
        candidates = torch.where(reached & free & ~crowd, ious[number], -1.0)
        # The last place of the maximum of each row, -1 where that is below zero.
        best = candidates.shape[1] - 1 - candidates.flip(1).argmax(dim=1)
        best = torch.where((candidates >= 0).any(dim=1), best, -1)
        hit = best >= 0
        otherwise = torch.where((reached & crowd).any(dim=1), IN_CROWD, FALSE_POSITIVE)
        outcomes[number] = torch.where(hit, TRUE_POSITIVE, otherwise)
        free[hit.nonzero()[:, 0], best[hit]] = False
    return outcomes


def greedy_pairs(ious: Tensor, least: float, *, inclusive: bool = False) -> list[tuple[int, int]]:
    """Return pairs of `(A, B)` above `least`, taken in the order of falling IoU, each side once.

    Args:
        ious: `(A, B)`, below `least` where two cannot be one.
        least: What a pair has to exceed.
        inclusive: Whether `least` itself is enough.

    Example:
        >>> greedy_pairs(torch.tensor([[0.97, 0.95], [0.95, 0.0]]), 0.9)
        [(0, 0)]
    """
    pairs = (ious >= least if inclusive else ious > least).nonzero()
    order = ious[pairs[:, 0], pairs[:, 1]].sort(descending=True, stable=True).indices
    first, second, taken = set[int](), set[int](), []
    for a, b in pairs[order].tolist():
        if a not in first and b not in second:
            first.add(a)
            second.add(b)
            taken.append((a, b))
    return taken


def greedy(ious: Tensor, least: float) -> int:
    """Return how many pairs `greedy_pairs` takes."""
    return len(greedy_pairs(ious, least))


def one_to_one(ious: Tensor, least: float) -> int:
    """Return the largest number of pairs `(A, B)` above `least` that use each side once (Kuhn's augmenting paths).

    Example:
        >>> one_to_one(torch.tensor([[0.97, 0.95], [0.95, 0.0]]), 0.9)
        2
    """
    partners = [row.nonzero()[:, 0].tolist() for row in ious > least]
    taken: dict[int, int] = {}

    def place(a: int, tried: set[int]) -> bool:
        for b in partners[a]:
            if b not in tried:
                tried.add(b)
                if b not in taken or place(taken[b], tried):
                    taken[b] = a
                    return True
        return False

    return sum(place(a, set()) for a in range(len(partners)))


MATCHINGS: dict[Matching, Callable[[Tensor, float], int]] = {"greedy": greedy, "one-to-one": one_to_one}
