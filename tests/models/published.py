"""Networks with filters as their authors describe them, in plain torch: what their files hold and what they compute.

Written from the papers' equations and the layouts in docs/checkpoints.md, without this package and without torchvision.
Modules have the names that the files have.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MakeFilter = Callable[[int, int], nn.Module]
"""Makes a filter from the channels and the stride."""


class Blur(nn.Module):
    """Zhang's fixed filter: a row's outer product, `(k - 1) // 2` reflected samples before, `k // 2` after."""

    def __init__(self, channels: int, stride: int, size: int) -> None:
        super().__init__()
        row = torch.tensor([math.comb(size - 1, n) for n in range(size)], dtype=torch.float64) / 2 ** (size - 1)
        self.register_buffer("filt", (row[:, None] * row[None, :]).repeat(channels, 1, 1, 1))
        self.stride, self.before, self.after = stride, (size - 1) // 2, size // 2

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (self.before, self.after) * 2, mode="reflect")
        return F.conv2d(x, self.filt.to(x), stride=self.stride, groups=x.shape[1])


class FrozenNorm(nn.Module):
    """A norm of fixed statistics, which counts no batches."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight / (self.running_var + 1e-5).sqrt()
        return x * scale[:, None, None] + (self.bias - self.running_mean * scale)[:, None, None]


class Adaptive(nn.Module):
    """Zou's filter as released: predicted, normalised and applied everywhere, then every `stride`-th sample is kept."""

    def __init__(
        self, channels: int, stride: int, size: int, groups: int, joint: bool, norm: type[nn.Module] = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, groups * size * size, size, bias=False)
        self.bn = norm(groups * size * size)
        self.stride, self.size, self.groups, self.joint = stride, size, groups, joint

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        padded = F.pad(x, (self.size // 2,) * 4, mode="reflect")
        logits = self.bn(self.conv(padded)).reshape(batch, self.groups, self.size**2, height, width)
        weights = logits.flatten(1, 2).softmax(1).view_as(logits) if self.joint else logits.softmax(2)
        taps = F.unfold(padded, self.size).reshape(batch, self.groups, -1, self.size**2, height, width)
        y = (taps * weights[:, :, None]).sum(3).reshape(batch, channels, height, width)
        return y[:, :, :: self.stride, :: self.stride]


class Block(nn.Module):
    """A residual block: the filter stands in front of the convolution that follows the former stride."""

    def __init__(
        self,
        channels: int,
        width: int,
        stride: int,
        make: MakeFilter,
        *,
        bottleneck: bool,
        cardinality: tuple[int, int] = (1, 64),
        dilation: tuple[int, int] = (1, 1),
        norm: type[nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        groups, base = cardinality
        outputs = width * (4 if bottleneck else 1)
        inner = width * base // 64 * groups if bottleneck else width
        filters = stride > 1 or dilation[0] != dilation[1]
        around = dilation[0]
        first = nn.Conv2d(channels, inner, 1 if bottleneck else 3, padding=0 if bottleneck else 1, bias=False)
        second = nn.Conv2d(inner, inner, 3, padding=around, dilation=around, groups=groups, bias=False)
        self.conv1, self.bn1, self.bn2 = first, norm(inner), norm(inner)
        if bottleneck:
            third = nn.Conv2d(inner, outputs, 1, bias=False)
            self.conv2, self.bn3 = second, norm(outputs)
            self.conv3 = nn.Sequential(make(inner, stride), third) if filters else third
        else:
            self.conv2 = nn.Sequential(make(inner, stride), second) if filters else second
        if filters:
            shortcut = nn.Conv2d(channels, outputs, 1, bias=False)
            self.downsample = nn.Sequential(make(channels, stride), shortcut, norm(outputs))
        elif channels != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(channels, outputs, 1, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        if hasattr(self, "conv3"):
            y = self.bn3(self.conv3(y.relu()))
        return (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()


class Body(nn.Module):
    """A ResNet up to its last map."""

    def __init__(
        self,
        blocks: tuple[int, ...],
        make: MakeFilter,
        *,
        bottleneck: bool = False,
        cardinality: tuple[int, int] = (1, 64),
        dilated: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.Sequential(nn.MaxPool2d(2, stride=1), make(64, 2))
        add_stages(self, blocks, make, bottleneck=bottleneck, cardinality=cardinality, dilated=dilated)

    def forward(self, x: Tensor) -> Tensor:
        return run_stages(self, self.maxpool(self.bn1(self.conv1(x)).relu()))


class ResNet(Body):
    """A ResNet, ResNeXt or Wide ResNet that names classes."""

    def __init__(self, blocks: tuple[int, ...], make: MakeFilter, classes: int = 10, **options) -> None:
        super().__init__(blocks, make, **options)
        self.fc = nn.Linear(512 * (4 if options.get("bottleneck") else 1), classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(super().forward(x).mean((2, 3)))


class Segmenter(nn.Module):
    """A body whose last stage is dilated, and a layer that names the class of each pixel."""

    def __init__(self, backbone: nn.Module, channels: int, classes: int = 3) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.backbone(x)
        return self.classifier(y["out"] if isinstance(y, dict) else y)


class Stem(nn.Module):
    """The first layers of the authors' detector; its pool is `downsample`, in their files a filter behind a pool."""

    def __init__(self, downsample: nn.Module, window: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.downsample, self.window = downsample, window

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        return self.downsample(F.max_pool2d(y, self.window, stride=1) if self.window else y)


class Detector(nn.Module):
    """A body called `resnet` with frozen norms, and a layer on its last map."""

    def __init__(self, blocks: tuple[int, ...], make: MakeFilter, norm: type[nn.Module] = FrozenNorm) -> None:
        super().__init__()
        self.resnet = nn.Module()
        self.resnet.stem = Stem(make(64, 2), 2, norm)
        add_stages(self.resnet, blocks, make, bottleneck=True, norm=norm)
        self.rpn = nn.Conv2d(2048, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.rpn(run_stages(self.resnet, self.resnet.stem(x)))


def add_stages(
    network: nn.Module, blocks: tuple[int, ...], make: MakeFilter, *, dilated: bool = False, **options
) -> None:
    """Give a network `layer1` to `layer4`, the last one dilated on request."""
    channels = 64
    for stage, count in enumerate(blocks):
        width, layers = 64 * 2**stage, []
        for n in range(count):
            last = dilated and stage == 3
            stride = 2 if n == 0 and stage and not last else 1
            dilation = (1, 2) if last and n == 0 else (2, 2) if last else (1, 1)
            layers.append(Block(channels, width, stride, make, dilation=dilation, **options))
            channels = width * (4 if options["bottleneck"] else 1)
        setattr(network, f"layer{stage + 1}", nn.Sequential(*layers))


def run_stages(network: nn.Module, x: Tensor) -> Tensor:
    for stage in (1, 2, 3, 4):
        x = getattr(network, f"layer{stage}")(x)
    return x


class Classifier(nn.Module):
    """`features`, an average over them at `size`, and `classifier`."""

    def __init__(self, features: nn.Module, classifier: nn.Module, size: int = 1) -> None:
        super().__init__()
        self.features, self.classifier, self.size = features, classifier, size

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), self.size).flatten(1))


def alexnet(make: MakeFilter, classes: int = 10) -> Classifier:
    """AlexNet: the first convolution keeps half of its stride of four, the filter behind it takes the other half."""

    def pool(channels: int) -> list[nn.Module]:
        return [nn.MaxPool2d(3, stride=1), make(channels, 2)]

    def conv(*sizes: int, **options) -> list[nn.Module]:
        return [nn.Conv2d(*sizes, **options), nn.ReLU()]

    features = nn.Sequential(
        *conv(3, 64, 11, stride=2, padding=2),
        make(64, 2),
        *pool(64),
        *conv(64, 192, 5, padding=2),
        *pool(192),
        *conv(192, 384, 3, padding=1),
        *conv(384, 256, 3, padding=1),
        *conv(256, 256, 3, padding=1),
        *pool(256),
    )
    return Classifier(features, nn.Linear(256, classes))


def vgg11(make: MakeFilter, *, norm: bool, classes: int = 10) -> Classifier:
    """VGG-11: the pools of two by two slide by one, and a filter follows each."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), *([nn.BatchNorm2d(width)] if norm else []), nn.ReLU()]
            channels = width
        else:
            layers += [nn.MaxPool2d(2, stride=1), make(channels, 2)]
    return Classifier(nn.Sequential(*layers), nn.Linear(512, classes))


class DenseLayer(nn.Module):
    """Norm, ReLU and convolution twice; the new maps join the old ones."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())], 1)


def densenet121(make: MakeFilter, classes: int = 10) -> Classifier:
    """DenseNet-121: the max pool keeps its window of three and loses its stride; filters replace the average pools."""
    features = nn.Sequential()
    features.add_module("conv0", nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False))
    features.add_module("norm0", nn.BatchNorm2d(64))
    features.add_module("relu0", nn.ReLU())
    features.add_module("max0", nn.MaxPool2d(3, stride=1, padding=1))
    features.add_module("pool0", make(64, 2))
    channels = 64
    for block, count in enumerate((6, 12, 24, 16), start=1):
        layers = nn.Sequential()
        for n in range(1, count + 1):
            layers.add_module(f"denselayer{n}", DenseLayer(channels, 32))
            channels += 32
        features.add_module(f"denseblock{block}", layers)
        if block < 4:
            transition = nn.Sequential()
            transition.add_module("norm", nn.BatchNorm2d(channels))
            transition.add_module("relu", nn.ReLU())
            transition.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
            transition.add_module("pool", make(channels // 2, 2))
            features.add_module(f"transition{block}", transition)
            channels //= 2
    features.add_module("norm5", nn.BatchNorm2d(channels))
    features.add_module("relu5", nn.ReLU())
    return Classifier(features, nn.Linear(channels, classes))


class Inverted(nn.Module):
    """MobileNetV2's block: the filter stands between the depthwise convolution and the one that projects."""

    def __init__(self, channels: int, outputs: int, stride: int, expand: int, make: MakeFilter) -> None:
        super().__init__()
        inner = channels * expand
        layers = [triple(channels, inner, 1)] if expand > 1 else []
        layers.append(triple(inner, inner, 3, groups=inner))
        layers += [make(inner, stride)] if stride > 1 else []
        self.conv = nn.Sequential(*layers, nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.adds = stride == 1 and channels == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


def triple(channels: int, outputs: int, size: int, **options) -> nn.Sequential:
    """Convolution, norm and ReLU6."""
    conv = nn.Conv2d(channels, outputs, size, padding=size // 2, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())


def mobilenet_v2(make: MakeFilter, classes: int = 10) -> Classifier:
    """MobileNetV2; in Zhang's files its classifier has no dropout before it."""
    blocks: list[nn.Module] = [triple(3, 32, 3, stride=2)]
    channels = 32
    for expand, outputs, count, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for n in range(count):
            blocks.append(Inverted(channels, outputs, stride if n == 0 else 1, expand, make))
            channels = outputs
    return Classifier(nn.Sequential(*blocks, triple(320, 1280, 1)), nn.Sequential(nn.Linear(1280, classes)))


def scramble_(network: nn.Module) -> nn.Module:
    """Give norms statistics and scales of a trained network's kind, so that no branch is silent and none explodes."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        part = name.rpartition(".")[2]
        noise = torch.rand(tensor.shape, generator=generator) if tensor.is_floating_point() else None
        if part == "running_mean" or (part == "bias" and tensor.ndim == 1):
            tensor.copy_(0.2 * noise - 0.1)
        elif part == "running_var" or (part == "weight" and tensor.ndim == 1):
            tensor.copy_(0.5 + noise)
    return network.eval()
