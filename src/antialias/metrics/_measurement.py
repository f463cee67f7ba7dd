"""What was measured of each picture, where a score is more than a mean over pictures, so that parts can be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from antialias.metrics._score import joined_protocol


@dataclass(frozen=True)
class PictureValues:
    """Hold what a score is made of, picture by picture.

    Attributes:
        name: What was measured.
        values: `(N, ...)`, one row a picture, or rows that say themselves whose they are.
        protocol: Every free choice.
        level: Confidence level of the scores to come.

    Example:
        >>> parts = [PictureValues("pixels", torch.ones(2, 3), {}) for _ in range(4)]
        >>> PictureValues.joined(parts).values.shape
        torch.Size([8, 3])
    """

    name: str
    values: Tensor = field(repr=False)
    protocol: dict[str, Any]
    level: float = 0.95

    @classmethod
    def joined(cls, parts: Sequence[PictureValues]) -> PictureValues:
        """Put parts of a set together, in the order of the pictures: what measuring the whole set at once gives.

        Raises:
            ValueError: There is no part, or they are of different kinds.
        """
        protocol, first = joined_protocol(parts), parts[0]
        if shapes := sorted({tuple(part.values.shape[1:]) for part in parts} - {tuple(first.values.shape[1:])}):
            raise ValueError(
                f"{first.name}: {tuple(first.values.shape[1:])} and {shapes[0]} values a picture differ. "
                "Join parts of one network."
            )
        return cls(first.name, torch.cat([part.values for part in parts]), protocol, first.level)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        flat = [None if value != value else value for value in self.values.flatten().tolist()]
        kind = str(self.values.dtype).removeprefix("torch.")
        data = {"name": self.name, "protocol": self.protocol, "level": self.level}
        return {**data, "dtype": kind, "shape": list(self.values.shape), "values": flat}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PictureValues:
        """Read what `to_dict` wrote."""
        flat = [float("nan") if value is None else value for value in data["values"]]
        values = torch.tensor(flat, dtype=getattr(torch, data["dtype"])).view(data["shape"])
        return cls(data["name"], values, data["protocol"], data["level"])
