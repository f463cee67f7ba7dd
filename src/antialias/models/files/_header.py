"""What a file says beside its tensors: how to rebuild the network that they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from antialias._files import parsed

FORMAT = 1
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
    """

    name: str | None
    num_classes: int | None
    conversion: dict[str, Any] | None
    ties: dict[str, str]
    channels_last: bool
    classes: list[str] | None = None  # files before it have none
    prefix: str = ""  # nor this

    def to_json(self) -> str:
        """Return the text that goes into the file."""
        return json.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, path: Path) -> Header:
        """Read the text of a file; nobody vouches for it.

        Raises:
            ValueError: It is no such text, or of another format.
        """
        values: dict[str, Any] = {"classes": None, "prefix": "", **parsed(text, _FIX, name=f"What {path} says")}
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
        if header.num_classes is not None and header.num_classes < 1:
            raise unreadable(path, f"num_classes is {header.num_classes}")
        return header


def unreadable(path: Path, reason: str) -> ValueError:
    """Return the error of a file that does not say how to rebuild its network."""
    return ValueError(f"{path} does not say how to rebuild its network ({reason}). Use a file of antialias.save.")
