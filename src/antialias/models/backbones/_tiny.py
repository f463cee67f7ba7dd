"""A residual network small enough to train in seconds: the demo's and the benchmarks'."""

from __future__ import annotations

from torch import Tensor, nn

_WIDTHS = (16, 32, 64, 128)


class _BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., CVPR 2016, figure 5 left)."""

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, dilation[0], dilation[0], bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, dilation[1], dilation[1], bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut.append(nn.Conv2d(in_channels, channels, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(residual + self.shortcut(x))


class TinyResNet(nn.Module):
    """Classify images with a ResNet of one basic block a stage and widths 16, 32, 64, 128.

    It has every kind of downsampling site of its large relatives (strided stem, max-pool, strided convolution, strided
    shortcut) and 0.3 M parameters, so an experiment on filters takes seconds and still says something about ResNets.

    Args:
        num_classes: Number of outputs.
        output_stride: Pixels per sample of the last map, 4, 8, 16 or 32: stages that would subsample further are
            dilated.

    Attributes:
        input_size: `(3, 64, 64)`, the images it is meant for; any size from 32 works.
        normalization: `(mean, std)` to apply to images in [0, 1].

    Raises:
        ValueError: No stage has such an output stride.

    Example:
        >>> import torch
        >>> TinyResNet(num_classes=20)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 20])
    """

    input_size = (3, 64, 64)
    normalization = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

    def __init__(self, num_classes: int = 20, output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in (4, 8, 16, 32):
            raise ValueError(f"output_stride={output_stride} is no stride of a stage. Use 4, 8, 16 or 32.")
        strides = [2 if output_stride >= pixels else 1 for pixels in (8, 16, 32)]
        at = [max(1, pixels // output_stride) for pixels in (4, 8, 16, 32)]
        self.conv1 = nn.Conv2d(3, _WIDTHS[0], 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = _BasicBlock(_WIDTHS[0], _WIDTHS[0], stride=1)
        self.layer2 = _BasicBlock(_WIDTHS[0], _WIDTHS[1], strides[0], (at[0], at[1]))
        self.layer3 = _BasicBlock(_WIDTHS[1], _WIDTHS[2], strides[1], (at[1], at[2]))
        self.layer4 = _BasicBlock(_WIDTHS[2], _WIDTHS[3], strides[2], (at[2], at[3]))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(_WIDTHS[3], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Classify images `(N, 3, H, W)`."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))
