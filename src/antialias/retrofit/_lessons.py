"""What is taught: pictures, the original's answers to them, and the batches of every step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias.metrics import Images, ImageStream, windows

from ._recipe import Recipe

FEWEST = 64


def gather(images: Images, name: str = "images") -> Tensor:
    """Return the pictures of a tensor or loader as one tensor `(N, C, H, W)` in [0, 1]; labels are dropped.

    Raises:
        ValueError: There are none, they differ in size, or they hold something else than pixels.
    """
    pictures = [sample.pixels for sample in ImageStream(images)]
    if len(sizes := {tuple(picture.shape) for picture in pictures}) > 1:
        raise ValueError(f"{name} have sizes {_listed(sizes)}. Resize them to one size.")
    return torch.stack(pictures)


def hold_out(pictures: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Part pictures into three quarters to learn from and one quarter to choose by."""
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    held = len(pictures) // 4
    return pictures[order[held:].sort().values], pictures[order[:held].sort().values]


def check_enough(learn: Tensor, held_out: Tensor, margin: float) -> None:
    """Refuse sets that are too small to teach, or to tell whether agreement was kept.

    Raises:
        ValueError: A set is too small; the message says what it would take.
    """
    if len(learn) < FEWEST:
        raise ValueError(
            f"{len(learn)} pictures are too few to learn from: the network learns them by heart and loses its "
            f"answers to all others. Pass at least {FEWEST} beside the held-out ones; some hundreds are better."
        )
    if margin > 0 and margin * len(held_out) < 1 - 1e-9:
        raise ValueError(
            f"margin={margin:g} of {len(held_out)} held-out pictures is less than one picture. "
            f"Hold out at least {round(1 / margin)}, or use margin={1 / max(1, len(held_out)):.2g}."
        )


@dataclass(frozen=True)
class Lessons:
    """Pictures `(N, C, H, W)` in [0, 1], the original's shift-averaged answers `(N, K)`, and how batches are drawn.

    Every batch follows from its number and the seed alone, so that an interrupted run goes on with the very batch it
    would have come to.
    """

    pictures: Tensor
    answers: Tensor
    recipe: Recipe

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return windows `(B, C, w, w)` of the pictures of a step, and the answers `(B, K)` to learn."""
        chosen = self._chosen(step)
        first = step * self.recipe.batch_size
        # Another seed than the scores', which would teach on the offsets of the held-out windows.
        moved = windows(self.pictures[chosen], 1, window=self.recipe.window, seed=self.recipe.seed + 1, first=first)
        return moved[:, 0], self.answers[chosen]

    def _chosen(self, step: int) -> Tensor:
        """Go through all pictures in a new order each epoch; a batch may straddle two epochs."""
        numbers = range(step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size)
        places = [divmod(number, len(self.pictures)) for number in numbers]
        orders = {epoch: self._order(epoch) for epoch in {epoch for epoch, _ in places}}
        return torch.stack([orders[epoch][place] for epoch, place in places])

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.pictures), generator=generator)


def digest(*tensors: Tensor) -> str:
    """Return a short fingerprint of tensors, by which a resumed run knows its pictures and networks again."""
    made = hashlib.sha256()
    for tensor in tensors:
        made.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        made.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return made.hexdigest()[:16]


def digest_of(network: nn.Module) -> str:
    """Return a fingerprint of a network's parameters and buffers."""
    return digest(*network.state_dict().values())


def _listed(sizes: set[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, size)) for size in sorted(sizes)[:2])
