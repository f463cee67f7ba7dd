"""BatchNorm whose statistics and affine parameters never change."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FrozenBatchNorm2d(nn.Module):
    """Normalise with the running statistics in training too, with nothing to learn.

    Detectors train on one or two images a device, too few for batch statistics, so their backbones freeze them and a
    filter's predictor inside such a backbone must do the same. State-dict keys are those of `BatchNorm2d`, which it is
    not: what looks for norms to synchronise, such as `SyncBatchNorm.convert_sync_batchnorm`, must not find it.

    Args:
        num_features: Number of channels `C`.
        eps: Added to the variances.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, C, H, W)` to `(N, C, H, W)`.

    Source: Zou et al., BMVC 2020, section 4.2 (Mask R-CNN with frozen BatchNorm).

    Example:
        >>> FrozenBatchNorm2d(4).train()(torch.full((1, 4, 1, 1), 2.0)).flatten()
        tensor([2.0000, 2.0000, 2.0000, 2.0000])
    """

    _version = 2  # that of BatchNorm2d's state
    affine = True

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps = num_features, eps
        empty = partial(torch.empty, num_features, device=device, dtype=dtype)
        self.weight = nn.Parameter(empty(), requires_grad=False)
        self.bias = nn.Parameter(empty(), requires_grad=False)
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, empty())
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long, device=device))
        self.register_load_state_dict_pre_hook(_add_count)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Write what leaves maps as they are."""
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            getattr(self, name).fill_(value)
        self.num_batches_tracked.zero_()

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps of shape `(N, C, H, W)`."""
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"


def _add_count(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *_: Any) -> None:
    """Let a state be read that is older than the count of batches."""
    key, version = f"{prefix}num_batches_tracked", metadata.get("version")
    if key not in state and (version is None or version < FrozenBatchNorm2d._version):
        state[key] = module.get_buffer("num_batches_tracked")
