"""A network's body that starts as that of a trained classifier, filters included."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from antialias.models import load, read_weights
from antialias.nn import Filter
from antialias.surgery import Placement, conversion_of


@dataclass(frozen=True)
class Backbone:
    """Hold what a classifier learnt.

    Attributes:
        source: The file it came from.
        state: Its tensors by name.
        filter: The filter it was trained with, or `None`.
        placement: Where its filters are.
    """

    source: str
    state: dict[str, Tensor] = field(repr=False)
    filter: Filter | None = None
    placement: Placement | None = None

    @classmethod
    def read(cls, source: str) -> Backbone:
        """Read a file of `antialias.save`, or plain weights.

        Raises:
            FileNotFoundError: There is no such file.
        """
        path, metadata = Path(source), {}
        if path.suffix == ".safetensors" and path.exists():
            with suppress(SafetensorError), safe_open(path, framework="pt") as file:  # what reads the weights says it
                metadata = file.metadata() or {}
        if "antialias" not in metadata:
            return cls(source, read_weights(source))
        model = load(source)
        conversion, state = conversion_of(model), model.state_dict()
        return cls(source, state) if conversion is None else cls(source, state, conversion.filter, conversion.placement)

    def check_filter(self, filter: Filter | None) -> None:
        """Refuse a run whose filter is another than the one that the classifier was trained with.

        Raises:
            ValueError: They differ; plain weights go with any.
        """
        if self.filter is not None and _without_init(filter) != _without_init(self.filter):
            raise ValueError(f"{self.source} was trained with {self.filter}, the run has {filter}. Use equal filters.")

    def load_into_(self, model: nn.Module) -> None:
        """Fill the largest part of a network that these tensors fill completely, by name and shape.

        Raises:
            ValueError: No part takes half of the tensors.
        """
        part = max(model.modules(), key=self._fitting)
        if 2 * self._fitting(part) < len(self.state):
            raise ValueError(
                f"{self.source} fits no body of {type(model).__name__}: the largest part that it fills takes "
                f"{self._fitting(part)} of {len(self.state)} tensors. Use a classifier of the same body."
            )
        part.load_state_dict({name: self.state[name] for name in part.state_dict()})

    def _fitting(self, part: nn.Module) -> int:
        """Return how many tensors a part takes, 0 if it needs others too."""
        own = part.state_dict()
        fits = all(name in self.state and self.state[name].shape == tensor.shape for name, tensor in own.items())
        return len(own) if fits else 0


def _without_init(filter: Filter | None) -> Any:
    return replace(filter, init=None) if hasattr(filter, "init") else filter  # type: ignore[type-var, call-arg]
