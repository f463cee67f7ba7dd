"""What a file says beside its tensors: how to rebuild the network that they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from antialias._files import parsed
from antialias.metrics import MeanStd

FORMAT = 1
_LARGEST = 1e6
_FIX = "Use a file of antialias.save."


@dataclass(frozen=True)
class Header:
    """How to rebuild a network; `None` where there is nothing to say.

    Attributes:
        name: What `models.build` made it from.
        num_classes: The number of outputs that it was given.
        conversion: What `Conversion.to_dict` returned.
        ties: `{other name: first name}` of tensors that are stored once.
        channels_last: Its weights are laid out so.
        classes: Names of its classes in the order of its outputs.
        prefix: What its own names begin with, which those in the file lack, as those of transformers do.
        normalization: Mean and deviation of the pixels that it expects.
    """

    name: str | None
    num_classes: int | None
    conversion: dict[str, Any] | None
    ties: dict[str, str]
    channels_last: bool
    classes: list[str] | None = None  # files before it have none
    prefix: str = ""  # nor this
    normalization: list[list[float]] | None = None  # nor this

    def to_json(self) -> str:
        """Return the text that goes into the file."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, path: Path) -> Header:
        """Read the text of a file; nobody vouches for it.

        Raises:
            ValueError: It is no such text, or of another format.
        """
        newer = {"classes": None, "prefix": "", "normalization": None}
        values: dict[str, Any] = newer | parsed(text, _FIX, name=f"What {path} says")
        try:
            if values["format"] != FORMAT:
                raise ValueError(
                    f"{path} has format {values['format']}, this release reads {FORMAT}. Use a newer antialias."
                )
            header = cls(**{field.name: values[field.name] for field in fields(cls)})
        except (KeyError, TypeError) as error:
            raise unreadable(path, str(error) or type(error).__name__) from error
        expected: dict[str, type | tuple[type, ...]] = {
            "name": (str, type(None)),
            "num_classes": (int, type(None)),
            "conversion": (dict, type(None)),
            "ties": dict,
            "channels_last": bool,
            "classes": (list, type(None)),
            "prefix": str,
        }
        for name, kind in expected.items():
            value = getattr(header, name)
            if not isinstance(value, kind):
                raise unreadable(path, f"{name} is {value!r}")
        if not all(isinstance(name, str) for name in header.ties.values()):
            raise unreadable(path, f"ties is {header.ties!r}")
        if not all(isinstance(name, str) for name in header.classes or []):
            raise unreadable(path, f"classes is {header.classes!r}")
        if header.normalization is not None and mean_std_of(header.normalization) is None:
            raise unreadable(path, f"normalization is {header.normalization!r}")
        if header.num_classes is not None and header.num_classes < 1:
            raise unreadable(path, f"num_classes is {header.num_classes}")
        return header


def mean_std_of(says: object) -> MeanStd | None:
    """Return the mean and deviation that a file says; `None` if they are no numbers, one a channel.

    Example:
        >>> mean_std_of([[0.5], [0.25]]), mean_std_of([[0.5], [0]])
        (((0.5,), (0.25,)), None)
    """
    if not isinstance(says, list) or len(says) != 2 or not all(isinstance(each, list) and each for each in says):
        return None
    mean, std = says
    numbers = all(type(value) in (int, float) and abs(value) < _LARGEST for value in (*mean, *std))
    if not numbers or len(mean) != len(std) or min(std) <= 0:
        return None
    return tuple(map(float, mean)), tuple(map(float, std))


def unreadable(path: Path, reason: str) -> ValueError:
    """Return the error of a file that does not say how to rebuild its network."""
    return ValueError(f"{path} does not say how to rebuild its network ({reason}). Use a file of antialias.save.")
