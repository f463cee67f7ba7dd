"""How much feature maps resemble each other within a channel group, and between groups."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

REGROUPINGS = 500


class GroupSimilarity(NamedTuple):
    """Mean correlations of pairs of feature maps, one an image.

    Attributes:
        within: Of pairs in one group, `(N,)`; NaN where there is no such pair.
        between: Of pairs in two groups, `(N,)`.
    """

    within: Tensor
    between: Tensor


def channel_correlations(maps: Tensor) -> Tensor:
    """Correlate each channel's map with each other channel's over the positions of an image.

    Args:
        maps: Feature maps `(N, C, H, W)`.

    Returns:
        Pearson's correlations `(N, C, C)`; NaN where a channel is constant on the image.

    Example:
        >>> ramp = torch.arange(4.0).view(1, 1, 2, 2)
        >>> channel_correlations(torch.cat([ramp, -ramp, ramp * 0], 1))[0]
        tensor([[ 1., -1., nan],
                [-1.,  1., nan],
                [nan, nan, nan]])
    """
    values = maps.flatten(2).double()
    centred = values - values.mean(2, keepdim=True)
    norms = centred.norm(dim=2, keepdim=True)
    unit = torch.where(norms > 1e-7 * values.norm(dim=2, keepdim=True), centred / norms, float("nan"))
    return (unit @ unit.mT).float()


def group_similarity(correlations: Tensor, groups: int) -> GroupSimilarity:
    """Average the correlations of channels of one group, and those of channels of different groups.

    Args:
        correlations: `(N, C, C)`, as `channel_correlations` gives them; NaN does not count.
        groups: Number of contiguous groups of channels.

    Raises:
        ValueError: `groups` does not divide the channels.

    Example:
        >>> maps = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(0)).repeat_interleave(3, 1)
        >>> alike = group_similarity(channel_correlations(maps), groups=2)
        >>> round(alike.within.item(), 4), round(alike.between.item(), 4)
        (1.0, -0.0782)
    """
    channels = correlations.shape[-1]
    if channels % groups:
        raise ValueError(f"groups={groups} does not divide {channels} channels. Use a divisor.")
    group = torch.arange(channels, device=correlations.device) // (channels // groups)
    same = (group[:, None] == group) & ~torch.eye(channels, dtype=torch.bool, device=correlations.device)
    apart = group[:, None] != group
    return GroupSimilarity(correlations[:, same].nanmean(1), correlations[:, apart].nanmean(1))


def regrouped_contrasts(correlations: Tensor, groups: int, *, regroupings: int = REGROUPINGS, seed: int = 0) -> Tensor:
    """Return by how much groups that channels are dealt to at random resemble themselves more than each other.

    Groups of an untrained network differ, too, and by more than other images would: a contrast has to beat this.

    Args:
        correlations: `(C, C)`, averaged over images; NaN does not count.
        groups: Number of groups, all of one size.
        regroupings: How often they are dealt, `R`.
        seed: Of that.

    Returns:
        Mean correlation within groups minus that between groups, `(R,)`.
    """
    channels = len(correlations)
    generator = torch.Generator().manual_seed(seed)
    group = torch.arange(channels) // (channels // groups)
    dealt = torch.stack([group[torch.randperm(channels, generator=generator)] for _ in range(regroupings)])
    members = one_hot(dealt, groups).mT.float()  # (R, G, C)
    counted = (~correlations.isnan()).float().fill_diagonal_(0)
    values = correlations.nan_to_num() * counted
    (within, pairs), (total, all_pairs) = (
        [((members @ table) * members).sum((1, 2)) for table in (values, counted)],
        (values.sum(), counted.sum()),
    )
    return within / pairs - (total - within) / (all_pairs - pairs)
