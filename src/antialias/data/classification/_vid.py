"""ImageNet VID: frames of videos whose thirty classes are sets of ImageNet's, for classifiers of ImageNet."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import torch
from torch import Tensor

from antialias._extras import require
from antialias._files import text_of
from antialias.data._classes import in_order
from antialias.data.images import (
    Fault,
    FloatRanges,
    OnBroken,
    UnusableFile,
    contents,
    faults_in,
    image_size,
    raise_or_report,
    read_image,
    read_square,
    value_or_fault,
)

MAPPING = "imagenet_classes.txt"
_PARTS, _CHOSEN = 5, (1, 2, 3)
_LINE = re.compile(r"(?P<synset>n\d{8})\s+(?P<name>[^:]+):(?P<ids>.*)")


class VideoClass(NamedTuple):
    """A class of videos.

    Attributes:
        synset: Its WordNet id, which annotations use.
        name: What tables call it.
        outputs: Numbers of ImageNet's classes, 0 to 999, that mean it.
    """

    synset: str
    name: str
    outputs: tuple[int, ...]


class _Frame(NamedTuple):
    """One image, and the file that says what is in it."""

    image: Path
    annotation: Path


class _Video(NamedTuple):
    folder: Path
    length: int
    frames: tuple[_Frame, ...]
    double: str = ""  # a name that two frames have


class VideoFrames:
    """Read three frames of each video of `Data/VID/val`, at 1/5, 2/5 and 3/5 of its length.

    `Annotations/VID/val/VIDEO/000000.xml` say what is in a frame. `imagenet_classes.txt` in the folder says which
    classes of ImageNet mean a class of the videos; it has a line for each, and remarks behind a `#`:

        n02691156 airplane: 404 n02690373

    An ImageNet class is its number from 0 to 999 or its WordNet id.

    Args:
        root: The folder with `Data`, `Annotations` and the mapping in it.
        split: `"test"`, which is VID's `val`; nothing is trained on it.
        size: Frames are resized to this along their shorter side and cut to the central square, in pixels.
        on_broken: What a video that cannot be used does: `"stop"`, or be reported and left out: `"skip"`.

    Attributes:
        classes: Names of the videos' classes.
        groups: ImageNet's classes that mean each of them.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: A folder or the mapping is missing.
        ValueError: The mapping is wrong, or a video is broken and `on_broken="stop"`.
    """

    def __init__(self, root: str | Path, split: str = "test", *, size: int = 256, on_broken: OnBroken = "stop") -> None:
        root = Path(root)
        if split != "test":
            raise ValueError(f"split={split!r} of vid:{root} is not for training. Use it to evaluate.")
        frames, annotations = _folder(root / "Data" / "VID" / "val"), _folder(root / "Annotations" / "VID" / "val")
        videos = read_video_classes(root / MAPPING)
        self.size, self.classes, self.groups = size, tuple(one.name for one in videos), [one.outputs for one in videos]
        self._number = {one.synset: number for number, one in enumerate(videos)}
        folders = sorted(entry for entry in frames.iterdir() if entry.is_dir() and entry.name[0] != ".")
        if not folders:
            raise FileNotFoundError(f"{frames} {contents(frames)}, no folder of a video. Unpack VID there.")
        self.on_broken, self.faults = on_broken, list[Fault]()
        self._videos = [_video(folder, annotations / folder.name) for folder in folders]
        ranges = FloatRanges()
        faults = faults_in(self._videos, lambda video: self._faults_of(video, partial(image_size, ranges=ranges)))
        self._leave_out(faults + ranges.faults())

    def __len__(self) -> int:
        return len(self._videos)

    @property
    def videos(self) -> tuple[str, ...]:
        """Names of the videos."""
        return tuple(video.folder.name for video in self._videos)

    @property
    def each(self) -> int:
        """Frames of a video."""
        return len(_CHOSEN)

    def frames(self, numbers: Sequence[int]) -> Iterator[Tensor]:
        """Yield the frames of some videos as floats `(3, size, size)` in [0, 1], three a video."""
        for number in numbers:
            for frame in self._videos[number].frames:
                yield read_square(frame.image, self.size).float() / 255

    def truths(self, numbers: Sequence[int]) -> Tensor:
        """Return which classes are in each of these frames `(F, G)` `bool`."""
        frames = [frame for number in numbers for frame in self._videos[number].frames]
        truths = torch.zeros(len(frames), len(self.classes), dtype=torch.bool)
        for row, frame in zip(truths, frames, strict=True):
            row[self._classes_in(frame.annotation)] = True
        return truths

    def check(self) -> list[Fault]:
        """Decode every frame, and stop or leave out as `on_broken` says; opening decodes none of them."""
        faults = faults_in(self._videos, lambda video: self._faults_of(video, read_image))
        self._leave_out(faults)
        return faults

    def _faults_of(self, video: _Video, look: Callable[[Path], object]) -> list[Fault]:
        if video.double:
            return [Fault(str(video.folder), f"it has two frames of the name {video.double}")]
        if not video.frames:
            return [Fault(str(video.folder), f"it has {video.length} frames, and {_PARTS} are needed")]
        results = [value_or_fault(look, frame.image) for frame in video.frames]
        results += [value_or_fault(self._classes_in, frame.annotation) for frame in video.frames]
        return [one for one in results if isinstance(one, Fault)]

    def _classes_in(self, file: Path) -> list[int]:
        """Return the numbers of the classes that an annotation names."""
        if not file.is_file():
            raise UnusableFile(file, "is missing", "Unpack Annotations/VID/val.")
        try:
            names = [str(name.text).strip() for name in ElementTree.parse(file).iterfind("object/name")]
        except (ElementTree.ParseError, LookupError, ValueError) as error:  # encodings, too
            raise UnusableFile(file, f"is no XML ({error})", "Unpack it again.") from error
        if unknown := sorted(set(names) - self._number.keys()):
            raise UnusableFile(file, f"names {unknown[0]}, which {MAPPING} does not map", f"Add a line to {MAPPING}.")
        return [self._number[name] for name in names]

    def _leave_out(self, faults: list[Fault]) -> None:
        raise_or_report(faults, self.on_broken)
        names = {fault.name for fault in faults}
        self._videos = [
            video
            for video in self._videos
            if not names & {str(video.folder), *(str(file) for frame in video.frames for file in frame)}
        ]
        self.faults += faults
        if not self._videos:
            raise ValueError(f"no video can be used: {len(self.faults)} faults were found. Use another folder.")


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        above = next(place for place in folder.parents if place.is_dir())
        raise FileNotFoundError(
            f"{folder} is not there: {above} {contents(above)}. Use vid:DIR with Data/VID/val and "
            "Annotations/VID/val in DIR, as ImageNet VID unpacks."
        )
    return folder


def _video(folder: Path, annotations: Path) -> _Video:
    """Choose a video's frames; one that is too short has none."""
    files = [file for file in folder.iterdir() if file.suffix.upper() in (".JPEG", ".JPG") and file.name[0] != "."]
    images = {file.stem: file for file in sorted(files)}
    names = in_order(images)
    chosen = [names[k * len(names) // _PARTS] for k in _CHOSEN] if len(names) >= _PARTS else []
    frames = tuple(_Frame(images[name], annotations / f"{name}.xml") for name in chosen)
    double = [name for name in names if sum(file.stem == name for file in files) > 1] if len(names) < len(files) else []
    return _Video(folder, len(names), frames, *double[:1])


def read_video_classes(file: Path) -> list[VideoClass]:
    """Read which classes of ImageNet mean a class of the videos.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line is something else, or names a class that ImageNet does not have or another line names.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is not a file. Write a line for each class of the videos, such as: n02691156 airplane: 404 895."
        )
    lines = [line.partition("#")[0].strip() for line in text_of(file, "Write a class a line.").splitlines()]
    synsets = require("timm.data", extra="tasks").ImageNetInfo().label_names()
    numbers = {synset: number for number, synset in enumerate(synsets)}
    classes = [_class_of(text, f"{file}, line {line}", numbers) for line, text in enumerate(lines, 1) if text]
    if len(classes) < 2:
        raise ValueError(f"{file} names {len(classes)} classes. Write a line for each of two or more.")
    owners: dict[str | int, str] = {}
    for one in classes:
        for key in (one.synset, *one.outputs):
            if key in owners:
                kind = f"ImageNet class {key}" if isinstance(key, int) else key
                raise ValueError(f"{file}: {owners[key]} and {one.name} both have {kind}. Leave it to one of them.")
            owners[key] = one.name
    return classes


def _class_of(text: str, place: str, numbers: Mapping[str, int]) -> VideoClass:
    match = _LINE.fullmatch(text)
    if match is None or not match["ids"].split():
        raise ValueError(
            f"{place}: {text!r} is no class. Write SYNSET NAME: ID ID ..., as n02691156 airplane: 404 895."
        )
    words = match["ids"].replace(",", " ").split()
    outputs = tuple(dict.fromkeys(_output(word, place, numbers) for word in words))
    return VideoClass(match["synset"], match["name"].strip(), outputs)


def _output(word: str, place: str, numbers: Mapping[str, int]) -> int:
    """Return the number of one of ImageNet's classes; `numbers` has them by WordNet id."""
    if word.isdecimal() and int(word) < len(numbers):
        return int(word)
    if word in numbers:
        return numbers[word]
    near = difflib.get_close_matches(word, numbers, n=3)
    hint = f", such as {' or '.join(near)}" if near and not word.isdecimal() else ""
    raise ValueError(
        f"{place}: {word} is none of ImageNet's {len(numbers)} classes. Use a number from 0 to {len(numbers) - 1} or a "
        f"WordNet id{hint}."
    )
