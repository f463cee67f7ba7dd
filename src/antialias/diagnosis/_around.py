"""What comes before and after the sites of a network: borders, its own resizing, and suppression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.metrics import STEPS, Images, ImageStream, Instances, Score, View, difference

from ._remedies import Remedies, flip_score

_MANY = 10
Found = tuple[Score | None, str]


@dataclass(frozen=True)
class Resized:
    """Images at another size, read anew each time.

    Attributes:
        images: The images.
        factor: What their sides are multiplied by.
    """

    images: Images
    factor: float

    def __iter__(self) -> Iterator[Tensor]:
        for sample in ImageStream(self.images):
            size = [round(side * self.factor) for side in sample.pixels.shape[-2:]]
            yield F.interpolate(sample.batch, size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def measure_resizing(remedies: Remedies, window: Tensor) -> Found:
    """Return what one-pixel flips lose when images are moved after they were resized, by about as much.

    Args:
        remedies: Measures.
        window: A window of the first image, `(C, h, w)`.

    Returns:
        The difference; or `None`, with the reason.
    """
    adapter, transform = remedies.adapter, getattr(remedies.adapter.model, "transform", None)
    if not isinstance(adapter, Instances) or not isinstance(transform, nn.Module):
        return None, "the network takes the pixels as they are"
    with torch.no_grad():
        shown: Any = transform([window])[0]
    sizes = getattr(shown, "image_sizes", None)
    own = tuple(window.shape[-2:]) if sizes is None else tuple(sizes[0])
    if own == tuple(window.shape[-2:]):
        return None, "the network takes the pixels as they are"
    factor = max(own) / max(window.shape[-2:])
    step = max(1, round(factor))
    with torch.no_grad():
        again: Any = transform([torch.zeros(window.shape[0], *own)])[0]
    if tuple(again.image_sizes[0]) != own:
        return None, f"images that were resized to {own[0]}x{own[1]} are resized again"
    views = [View(adapter, (step * i, step * j)) for i, j in STEPS]
    # A pixel more, so that the longest move has room in images whose windows were rounded down.
    images = Resized(remedies.images, factor * (1 + step / max(own)))
    measured = remedies.measure(adapter, views, images=images, window=own)
    assert remedies.as_it_is is not None
    return difference(*aligned(flip_score(remedies.as_it_is), flip_score(measured))), ""


def measure_suppression(remedies: Remedies) -> Found:
    """Return what one-pixel flips lose when an instance may be found again among those that were suppressed.

    Args:
        remedies: Measures.

    Returns:
        The difference; or `None`, with the reason.
    """
    if not isinstance(remedies.adapter, Instances):
        return None, "the network finds no instances, so that none are suppressed"
    suppressing = [
        name
        for name, module in remedies.adapter.model.named_modules()  # pyrefly: ignore
        if isinstance(getattr(module, "nms_thresh", None), float) and "RegionProposal" not in type(module).__name__
    ]
    if not suppressing:
        return None, "no module has an nms_thresh that could be opened"

    adapter = remedies.changed_copy(lambda _: None)
    for name in suppressing:
        module: Any = adapter.model.get_submodule(name)  # pyrefly: ignore
        module.nms_thresh = 1.0
        for most in ("detections_per_img", "topk_candidates"):
            if hasattr(module, most):
                setattr(module, most, _MANY * getattr(module, most))
    measured = remedies.measure(remedies.adapter, [View(adapter, step) for step in STEPS])
    assert remedies.as_it_is is not None
    return difference(flip_score(remedies.as_it_is), flip_score(measured)), ""


def aligned(first: Score, second: Score) -> tuple[Score, Score]:
    """Return two scores of the same images whose windows differ on purpose, so that they can be subtracted."""
    protocol: Mapping[str, Any] = first.protocol
    same = Score.from_images(first.name, second.per_image, {k: v for k, v in protocol.items() if k != "interval"})
    return first, same
