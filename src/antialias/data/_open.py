"""Data sets by the names that users type: `scenes`, `images:DIR`."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._folder import ImageFolder
from ._pictures import Labelled
from ._scenes import Scenes


class Request(NamedTuple):
    """What a user asked for: the part behind the colon, and how to read it (`None`: the data set's own default)."""

    location: str
    split: str
    size: int | None
    seed: int
    length: int | None


class Opener(Protocol):
    """Turns a request into a data set."""

    def __call__(self, request: Request) -> Labelled: ...


_OPENERS: dict[str, Opener] = {}


def register(scheme: str, opener: Opener) -> None:
    """Make `scheme` or `scheme:LOCATION` a data set that `open_data` and every command know.

    Raises:
        ValueError: `scheme` is taken.
    """
    if scheme in _OPENERS:
        raise ValueError(f"scheme={scheme!r} is taken. Use another name.")
    _OPENERS[scheme] = opener


def open_data(
    name: str, split: str = "train", *, size: int | None = None, seed: int = 0, length: int | None = None
) -> Labelled:
    """Open a data set by name, so that one string selects it in Python, in a config file and on the command line.

    Args:
        name: `"scenes"` (embedded) or `"images:DIR"` (one folder a class).
        split: `"train"` or `"test"`.
        size: Height and width in pixels; by default 80 for scenes and 224 for folders.
        seed: For generated pictures: other seeds give other pictures.
        length: For generated pictures: how many there are; by default 8000 to train, 2000 to test.

    Raises:
        ValueError: The name is unknown, or it needs a folder and has none.
        FileNotFoundError: The folder or a part of it is missing.

    Example:
        >>> len(open_data("scenes", "test", size=32, length=5))
        5
    """
    scheme, colon, location = name.partition(":")
    if scheme not in _OPENERS:
        raise ValueError(f"data={name!r} is unknown. Use one of: {', '.join(sorted(_OPENERS))}.")
    if bool(colon) != bool(location):
        raise ValueError(f"data={name!r} has nothing behind its colon. Use {scheme}:DIR.")
    return _OPENERS[scheme](Request(location, split, size, seed, length))


def _open_scenes(request: Request) -> Scenes:
    if request.location:
        raise ValueError(f"data='scenes:{request.location}' names a place, but scenes are generated. Use scenes.")
    length = request.length or (2000 if request.split == "test" else 8000)
    return Scenes(request.split, size=request.size or 80, seed=request.seed, length=length)


def _open_images(request: Request) -> ImageFolder:
    if not request.location:
        raise ValueError("data='images' names no folder. Use images:DIR.")
    return ImageFolder(request.location, request.split, size=request.size or 224)


register("scenes", _open_scenes)
register("images", _open_images)
