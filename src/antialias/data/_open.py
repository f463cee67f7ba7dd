"""Data sets by the names that users type: `scenes`, `images:DIR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, get_args, overload

from ._classes import plain_name
from .classification import ClassificationDataset, ImageFolder, VideoFrames
from .detection import CocoInstances
from .images import OnBroken
from .scenes import Scenes, SegmentedScenes
from .segmentation import Cityscapes, VocSegmentation

Want = Literal["label", "semantic", "instances"]
"""One label an image, one class a pixel, or a mask, box and class for each object."""


class Request(NamedTuple):
    """What a user asked for: the part behind the colon, and how to read it (`None`: the data set's own default)."""

    location: str
    split: str
    size: int | None
    seed: int
    length: int | None
    want: Want = "label"
    on_broken: OnBroken = "stop"
    classes: tuple[str, ...] | None = None


class Opener(Protocol):
    """Turns a request into a data set: `ClassificationDataset` where labels are wanted."""

    def __call__(self, request: Request) -> Any: ...


class _Scheme(NamedTuple):
    opener: Opener
    wants: tuple[Want, ...]


_SCHEMES: dict[str, _Scheme] = {}


def register(scheme: str, opener: Opener, wants: Sequence[Want] = ("label",)) -> None:
    """Make `scheme` or `scheme:LOCATION` a data set that `open_data` and every command know.

    Args:
        scheme: The part of the name in front of the colon.
        opener: Opens it.
        wants: The kinds of targets it has.

    Raises:
        ValueError: `scheme` is taken.
    """
    if scheme in _SCHEMES:
        raise ValueError(f"scheme={scheme!r} is taken. Use another name.")
    _SCHEMES[scheme] = _Scheme(opener, tuple(wants))


@overload
def open_data(
    name: str,
    split: str = "train",
    *,
    want: Literal["label"] = "label",
    size: int | None = None,
    seed: int = 0,
    length: int | None = None,
    on_broken: OnBroken = "stop",
    classes: Sequence[str] | None = None,
) -> ClassificationDataset: ...


@overload
def open_data(
    name: str,
    split: str = "train",
    *,
    want: Want,
    size: int | None = None,
    seed: int = 0,
    length: int | None = None,
    on_broken: OnBroken = "stop",
    classes: Sequence[str] | None = None,
) -> Any: ...


def open_data(
    name: str,
    split: str = "train",
    *,
    want: Want = "label",
    size: int | None = None,
    seed: int = 0,
    length: int | None = None,
    on_broken: OnBroken = "stop",
    classes: Sequence[str] | None = None,
) -> Any:
    """Open a data set by name, so that one string selects it in Python, in a config file and on the command line.

    Args:
        name: `"scenes"` (embedded), `"images:DIR"` (one folder a class), `"voc:DIR"` or `"cityscapes:DIR"` (a class a
            pixel), or `"coco:DIR"` (instances).
        split: `"train"` or `"test"`.
        want: Kind of targets: `"label"` (a `ClassificationDataset` data set), `"semantic"` or `"instances"`.
        size: Height and width in pixels, of images with masks their shorter side; by default 80 for scenes, 224 for
            folders of classes, and as they are for images with masks.
        seed: For generated images: other seeds give other images.
        length: For generated images: how many there are; by default 8000 to train, 2000 to test.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and left out with `"skip"`.
        classes: Names in an order of their own, such as a network's: their numbers hold. Without it the training
            split's do in both splits. What differs is the data set's `class_mismatch`.

    Raises:
        ValueError: The name is unknown, it needs a folder and has none, or the data has no such targets or classes.
        FileNotFoundError: The folder or a part of it is missing.

    Example:
        >>> len(open_data("scenes", "test", size=32, length=5))
        5
    """
    scheme, colon, location = name.partition(":")
    if scheme not in _SCHEMES:
        raise ValueError(f"data={name!r} is unknown. Use one of: {', '.join(sorted(_SCHEMES))}.")
    if bool(colon) != bool(location):
        raise ValueError(f"data={name!r} has nothing behind its colon. Use {scheme}:DIR.")
    if want not in get_args(Want):
        raise ValueError(f"want={want!r} is unknown. Use one of: {', '.join(get_args(Want))}.")
    if want not in _SCHEMES[scheme].wants:
        having = sorted(scheme for scheme, entry in _SCHEMES.items() if want in entry.wants)
        raise ValueError(
            f"data={name!r} has no {want} targets. Use one of: {', '.join(having) or 'none has them yet'}."
        )
    names = None if classes is None else tuple(map(plain_name, classes))
    data = _SCHEMES[scheme].opener(Request(location, split, size, seed, length, want, on_broken, names))
    if names is not None and tuple(data.classes[: len(names)]) != names:
        raise ValueError(
            f"data={name!r} has classes of its own: {', '.join(data.classes[:4])} .., not {', '.join(names[:4])} .. "
            "Leave out classes=."
        )
    return data


def _open_scenes(request: Request) -> Scenes | SegmentedScenes:
    if request.location:
        raise ValueError(f"data='scenes:{request.location}' names a place, but scenes are generated. Use scenes.")
    length = request.length or (2000 if request.split == "test" else 8000)
    scenes = Scenes(request.split, size=request.size or 80, seed=request.seed, length=length)
    return SegmentedScenes(scenes) if request.want == "semantic" else scenes


def _reading(scheme: str, reader: Callable[..., Any], size: int | None = None, *, fixed: bool = False) -> Opener:
    """Return what opens a folder; `size` is the one where none is asked for, `fixed` classes know no other order."""

    def opener(request: Request) -> Any:
        if not request.location:
            raise ValueError(f"data={scheme!r} names no folder. Use {scheme}:DIR.")
        how: dict[str, Any] = {} if fixed else {"classes": request.classes}
        size_asked = request.size or size
        return reader(request.location, request.split, size=size_asked, on_broken=request.on_broken, **how)

    return opener


register("cityscapes", _reading("cityscapes", Cityscapes), wants=("semantic",))
register("coco", _reading("coco", CocoInstances), wants=("instances",))
register("images", _reading("images", ImageFolder, size=224))
register("scenes", _open_scenes, wants=("label", "semantic", "instances"))
register("vid", _reading("vid", VideoFrames, size=256, fixed=True), wants=("label",))
register("voc", _reading("voc", VocSegmentation), wants=("semantic",))
