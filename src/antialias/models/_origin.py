"""What a network was built from, in the words that build it again."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

LIBRARIES = ("antialias", "timm", "torchvision", "smp", "transformers")
"""Libraries whose networks are built by name, without running code of the user's."""


class Origin(NamedTuple):
    """The words a network was built from: enough to build it again without weights.

    Attributes:
        name: Such as `timm:resnet50`.
        num_classes: Number of outputs; `None` for the library's default.
    """

    name: str
    num_classes: int | None

    @property
    def library(self) -> str:
        """What stands before the first colon."""
        return self.name.partition(":")[0]

    @property
    def rest(self) -> str:
        """What stands behind the first colon."""
        return self.name.partition(":")[2]

    @property
    def keywords(self) -> dict[str, int]:
        """`num_classes` as a keyword argument, where it is not the library's default."""
        return {} if self.num_classes is None else {"num_classes": self.num_classes}


def origin_of(model: nn.Module) -> Origin | None:
    """Return what `build` made a network from, or `None` for a network of the user's own."""
    origin = getattr(model, "_antialias_origin", None)
    return origin if isinstance(origin, Origin) and origin.library in LIBRARIES else None
