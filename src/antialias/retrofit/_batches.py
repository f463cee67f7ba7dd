"""What is learned: images, the teacher's answers to them, and the batches of every step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias._tensors import content_of
from antialias.metrics import Images, ImageStream, windows

from ._config import RetrofitConfig

FEWEST = 64


def stack_images(images: Images, name: str = "images") -> Tensor:
    """Return the images of a tensor or loader as one tensor `(N, C, H, W)` in [0, 1]; labels are dropped.

    Raises:
        ValueError: There are none, they differ in size, or they hold something else than pixels.
    """
    pixels = [image.pixels for image in ImageStream(images)]
    if len(shapes := {tuple(image.shape) for image in pixels}) > 1:
        sizes = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:2])
        raise ValueError(f"{name} have sizes {sizes}. Resize them to one size.")
    return torch.stack(pixels)


def hold_out(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Split images into three quarters to learn from and one quarter to choose by."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    held = len(images) // 4
    return images[order[held:].sort().values], images[order[:held].sort().values]


def check_enough(train: Tensor, held_out: Tensor, margin: float) -> None:
    """Refuse sets that are too small to learn from, or to tell whether agreement was kept.

    Raises:
        ValueError: A set is too small; the message says what it would take.
    """
    if len(train) < FEWEST:
        raise ValueError(
            f"{len(train)} pictures are too few to learn from: the network learns them by heart and loses its "
            f"answers to all others. Pass at least {FEWEST} beside the held-out ones; some hundreds are better."
        )
    if margin > 0 and margin * len(held_out) < 1 - 1e-9:
        raise ValueError(
            f"margin={margin:g} of {len(held_out)} held-out pictures is less than one picture. "
            f"Hold out at least {round(1 / margin)}, or use margin={1 / max(1, len(held_out)):.2g}."
        )


@dataclass(frozen=True)
class Batches:
    """The batches of every step.

    Every batch follows from its number and the seed alone, so that an interrupted run goes on with the very batch it
    would have come to.

    Attributes:
        images: `(N, C, H, W)` in [0, 1].
        targets: The teacher's shift-averaged probabilities `(N, K)`; not read where the teacher is asked.
        config: How batches are drawn.
        teacher: From pixels `(N, C, w, w)` to logits; asked at every step, for local answers (`config.radius`).
    """

    images: Tensor
    targets: Tensor
    config: RetrofitConfig
    teacher: Callable[[Tensor], Tensor] | None = None

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return windows `(B * views, C, w, w)` of the images of a step, and the probabilities to learn, a row each."""
        shown, views = self.shown(step), self.config.views
        if self.teacher is None:
            return shown, self.targets[self._images_of(step)].repeat_interleave(views, 0)
        return shown, mean_of_others(self.teacher(shown).float().softmax(-1).cpu(), views)

    def shown(self, step: int) -> Tensor:
        """Return windows `(B * views, C, w, w)` of the images of a step; the views of an image stand together."""
        images, size, seed = self.images[self._images_of(step)], self.config.batch_size, self.config.seed
        window = self.config.window
        if self.config.hflip:
            coin = torch.Generator().manual_seed(seed * 1_000_003 + step)
            mirrored = torch.rand(size, generator=coin) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        if self.config.radius is not None:
            side = min(images.shape[-2:])
            window = window or 7 * side // 8
            outer = window + self.config.radius
            if side - outer >= 2:
                images = windows(images, 1, window=outer, seed=seed + 2, first=step * size)[:, 0]
        # Another seed than the scores', which would teach on the offsets of the held-out windows.
        return windows(images, self.config.views, window=window, seed=seed + 1, first=step * size).flatten(0, 1)

    def _images_of(self, step: int) -> Tensor:
        """All images are gone through in a new order each epoch; a batch may straddle two epochs."""
        size, seed = self.config.batch_size, self.config.seed
        numbers = [divmod(number, len(self.images)) for number in range(step * size, (step + 1) * size)]
        orders = {
            epoch: torch.randperm(len(self.images), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            for epoch in {epoch for epoch, _ in numbers}
        }
        return torch.stack([orders[epoch][place] for epoch, place in numbers])


def mean_of_others(values: Tensor, views: int) -> Tensor:
    """Return for each view of an image the mean of what its other views have; of one view alone, what it has itself.

    Args:
        values: Of every view, `(N * views, ...)`; the views of an image stand together.
        views: How many there are of each image.

    Example:
        >>> mean_of_others(torch.tensor([1.0, 2.0, 6.0]), 3)
        tensor([4.0000, 3.5000, 1.5000])
    """
    if views == 1:
        return values
    values = values.unflatten(0, (-1, views))
    return ((values.sum(1, keepdim=True) - values) / (views - 1)).flatten(0, 1)


def digest(*tensors: Tensor) -> str:
    """Return a short fingerprint of tensors, by which a resumed run knows its images and networks again."""
    fingerprint = hashlib.sha256()
    for tensor in tensors:
        fingerprint.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        fingerprint.update(content_of(tensor))
    return fingerprint.hexdigest()[:16]


def digest_of(network: nn.Module) -> str:
    """Return a fingerprint of a network's parameters and buffers."""
    return digest(*network.state_dict().values())
