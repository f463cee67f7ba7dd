"""The networks in `files/`, which release 0.1's code saved: what each is, and how it was made.

`python tests/models/saved.py FOLDER` writes them anew with the code at hand; the committed ones are of an older one,
and are there to show that it still reads them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from antialias.models import save
from antialias.nn import Adaptive, Attention, Average, Filter, Fixed, Gaussian, Ideal, Polyphase
from antialias.retrofit import RetrofitConfig, retrofit_
from antialias.surgery import convert_

FILTERS: dict[str, Filter] = {
    "fixed": Fixed(),
    "fixed_5_circular": Fixed(kernel_size=5, padding_mode="circular"),
    "adaptive": Adaptive(groups=4),
    "adaptive_joint": Adaptive(groups=2, normalize="joint"),
    "adaptive_separable": Adaptive(groups=2, predictor="separable"),
    "adaptive_norm": Adaptive(groups=2, phase="norm", padding_mode="circular"),
    "adaptive_learned": Adaptive(groups=2, phase="learned", padding_mode="circular"),
    "polyphase": Polyphase(),
    "polyphase_learned": Polyphase(phase="learned"),
    "gaussian_location": Gaussian(groups=2),
    "gaussian_image": Gaussian(width="image"),
    "gaussian_channel": Gaussian(width="channel"),
    "attention": Attention(groups=2),
    "ideal": Ideal(),
    "average": Average(),
}


class Small(nn.Module):
    """A classifier with each common kind of subsampling and few parameters."""

    input_size = (3, 16, 16)
    normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.conv2 = nn.Conv2d(4, 8, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.short = nn.Conv2d(4, 8, 1, 2, bias=False)
        self.bn3 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images `(N, 3, H, W)`."""
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.relu(self.bn2(self.conv2(x)) + self.bn3(self.short(x)))
        return self.fc(x.mean((2, 3)))


def images(count: int = 4, seed: int = 0) -> Tensor:
    """Return images in [0, 1]."""
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def answers(model: nn.Module) -> Tensor:
    """Return what a network says to `images()`, the same in every run."""
    with torch.no_grad():
        return model.eval()(images())


def small() -> Small:
    """Return the classifier, the same in every run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Small().eval()


def scrambled(model: nn.Module) -> nn.Module:
    """Add a little to every value, so that nothing is what a layer starts with."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=generator) * 0.1)
    return model


def converted(filter: Filter) -> nn.Module:
    """Convert the classifier, stem included."""
    model = small()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        convert_(model, filter, example=images(), stem=True)
    return scrambled(model)


def retrofitted() -> nn.Module:
    """Convert and retrofit the classifier, with classes apart enough that a blur changes some answers."""
    model = small()
    with torch.no_grad():
        mean = model(2 * images(64, seed=4) - 1).mean(0)
        model.fc.weight.mul_(1000)
        model.fc.bias.sub_(1000 * mean - 999 * model.fc.bias)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        convert_(model, Adaptive(groups=4), example=images(), stem=True)
        config = RetrofitConfig(steps=4, batch_size=8, window=14, margin=1.0, filter_rate=0.1, strength=0.5)
        retrofit_(model, images(64, seed=2), held_out=images(32, seed=3), config=config)
    return model


def channels_last() -> nn.Module:
    """Convert the classifier in the other memory format."""
    return converted(Adaptive(groups=4)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def tied() -> nn.Module:
    """Convert the classifier after two norms were made to share."""
    model = small()
    model.bn3.weight = model.bn2.weight
    convert_(model, Fixed(), example=images())
    return model


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: scrambled(small()),
    **{name: lambda filter=filter: converted(filter) for name, filter in FILTERS.items()},
    "channels_last": channels_last,
    "half": lambda: converted(Adaptive(groups=2)).to(torch.bfloat16),
    "retrofitted": retrofitted,
    "tied": tied,
}

if __name__ == "__main__":
    folder, said = Path(sys.argv[1]), {}
    for name, make in NETWORKS.items():
        network = make()
        save(network, folder / f"{name}.safetensors")
        said[name] = answers(network.float())
    save_file(said, folder / "answers.safetensors")
