"""BatchNorm whose statistics and affine parameters never change."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class FrozenBatchNorm2d(nn.BatchNorm2d):
    """Normalise with the running statistics in training too, with nothing to learn.

    Detectors train on one or two pictures a device, too few for batch statistics, so their backbones freeze them and
    a filter's predictor inside such a backbone must do the same. State-dict keys are those of `BatchNorm2d`.

    Source: Zou et al., BMVC 2020, section 4.2 (Mask R-CNN with frozen BatchNorm).
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps of shape `(N, C, H, W)`."""
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
