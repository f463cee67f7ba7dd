"""From what a user gives to clips: a video file, a folder of frames, a still to pan over, or frames in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antialias._extras import require

from ._clip import Clip
from ._pan import MOTIONS, Motion, pan

PAN = "pan:"
_CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,gif,ivf,nut,mjpeg,h264,hevc,m4v,yuv4mpegpipe,wav"
"""What is opened, whatever a file is called: playlists name other files and addresses, which FFmpeg would open."""
_PLAYED = 0.9
"""Share of the time that a file promises; sound may go on for a while."""
_MOST = 2**29
"""Bytes of a clip's frames at most, which are held twice for a moment."""


def open_clips(
    clip: Any,
    *,
    fps: float | None = None,
    size: int | None = None,
    motions: tuple[Motion, ...] = MOTIONS,
    seed: int = 0,
) -> list[Clip]:
    """Return clips of whatever holds them.

    Args:
        clip: A `Clip`; frames `(F, 3, H, W)`; the name of a video file or of a folder of frames; `pan:IMAGE`, a
            camera's path over a still; or a sequence of some of these.
        fps: Frames a second. A video file says so itself, a pan has 30 unless this is given.
        size: Resample frames to this shorter side and cut the central square; the side of a pan's frames, 224 if none.
        motions: How a pan moves.
        seed: Chooses where a pan moves to.

    Raises:
        ValueError: There is no clip, its frames cannot be read or have several sizes, or nothing says how fast it is.
        TypeError: It is something else.
    """
    if isinstance(clip, Sequence) and not isinstance(clip, str):
        if not clip:
            raise ValueError("there are 0 clips. Pass one or more.")
        options: dict[str, Any] = {"fps": fps, "size": size, "motions": motions}
        # A pan over another still goes another way.
        clips = [one for i, each in enumerate(clip) for one in open_clips(each, seed=seed + i, **options)]
        names = [one.name for one in clips]
        return [
            replace(one, name=f"{one.name}_{i + 1}") if names.count(one.name) > 1 else one
            for i, one in enumerate(clips)
        ]
    if isinstance(clip, (str, Path)) and str(clip).startswith(PAN):
        from antialias.data.images import read_image  # with all readers of data: not for `import antialias`

        file = Path(str(clip).removeprefix(PAN))
        still = {"size": size or 224, "fps": fps or 30, "motions": motions, "seed": seed}
        return [pan(read_image(file), name=f"pan_{file.stem}", **still)]
    if isinstance(clip, (str, Path)):
        path = Path(clip)
        if not path.exists():
            raise ValueError(f"{path} is not there. Use a video file, a folder of frames, or {PAN}IMAGE.")
        clip = read_folder(path, fps) if path.is_dir() else read_video(path, fps)
    elif isinstance(clip, Tensor):
        if fps is None:
            raise ValueError(f"nothing says how fast {len(clip)} frames follow each other. Pass fps=30.")
        clip = Clip(clip, fps)
    if not isinstance(clip, Clip):
        raise TypeError(f"clip is a {type(clip).__name__}. Use a file, a folder, {PAN}IMAGE, a tensor or a Clip.")
    return [clip if size is None or clip.size == (size, size) else clip.resized(size)]


def read_folder(folder: Path, fps: float | None) -> Clip:
    """Read the images of a folder as frames, in the order of the numbers in their names.

    Args:
        folder: With images of one size.
        fps: Frames a second, which no folder says.

    Raises:
        ValueError: There are no images, sizes differ, one cannot be read, or `fps` is missing.
    """
    from antialias.data.images import IMAGE_SUFFIXES, read_image

    numbered = [(re.split(r"(\d+)", file.name), file) for file in folder.iterdir()]
    ordered = sorted(numbered, key=lambda each: [(int(p), "") if p.isdigit() else (-1, p) for p in each[0]])
    files = [file for _, file in ordered if file.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise ValueError(f"{folder} holds no images. Use a folder of frames ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    if fps is None:
        raise ValueError(f"nothing says how fast the {len(files)} frames of {folder} follow each other. Pass fps=30.")
    frames: list[Tensor] = []
    for file in files:
        frame = read_image(file)
        _check_room(folder, frame.shape[1:], len(files))
        if frames and frame.shape != frames[0].shape:
            sizes = ["x".join(map(str, one.shape[1:])) for one in (frame, frames[0])]
            raise ValueError(f"{file} is {sizes[0]} and {files[0].name} is {sizes[1]}. Use frames of one size.")
        frames.append(frame)
    return Clip(torch.stack(frames), fps, folder.name)


def _check_room(place: Path, size: Sequence[int], count: int) -> None:
    """Refuse frames that would fill the memory, as headers may promise and small files may hold.

    Raises:
        ValueError: There are too many, or they are too large.
    """
    height, width = size
    if count * height * width * 3 > _MOST:
        fit = _MOST // (3 * height * width)
        raise ValueError(
            f"{place} has {count} frames or more of {height}x{width}, and {fit} of that size are held at most "
            f"({_MOST >> 20} MiB). Use a shorter or smaller clip."
        )


def read_video(file: Path, fps: float | None = None) -> Clip:
    """Read a video file.

    Args:
        file: In any format that PyAV reads.
        fps: Frames a second, if not as many as the file says.

    Raises:
        ImportError: PyAV is missing.
        ValueError: It cannot be read, holds no video, changes its size, or says no frame rate.
    """
    av = require("av", extra="video")
    try:
        with av.open(str(file), options={"format_whitelist": _CONTAINERS}) as container:
            if not container.streams.video:
                raise ValueError(f"{file} holds no video. Use a video file.")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise ValueError(f"{file} is coded in a way that PyAV cannot decode. Convert it, such as to H.264.")
            rate = fps or (float(stream.average_rate) if stream.average_rate else None)
            frames, played = list[Tensor](), 0.0
            _check_room(file, (stream.height, stream.width), 1)
            for frame in container.decode(stream):
                _check_room(file, (frame.height, frame.width), len(frames) + 1)
                pixels = torch.from_numpy(frame.to_ndarray(format="rgb24")).movedim(-1, 0)
                # Phones write what the sensor saw, and by how many degrees to turn it, counterclockwise.
                pixels = pixels.rot90(round(frame.rotation / 90), (1, 2)).contiguous()
                if frames and pixels.shape != frames[0].shape:
                    sizes = ["x".join(map(str, one.shape[1:])) for one in (frames[0], pixels)]
                    raise ValueError(
                        f"{file} changes from {sizes[0]} to {sizes[1]} at frame {len(frames)}. Use one size."
                    )
                frames.append(pixels)
                if frame.is_corrupt:
                    raise ValueError(f"{file} is broken at frame {len(frames)}. Use a whole file.")
                played = frame.time or 0.0
            if container.duration and frames and played + 2 / (rate or 1) < _PLAYED * container.duration / 1e6:
                promised = container.duration / 1e6
                raise ValueError(f"{file} ends after {played:.3g} of {promised:.3g} seconds. Use a whole file.")
    except (av.FFmpegError, OSError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} cannot be read as a video: {error}. Use another file or format.") from error
    if not frames:
        raise ValueError(f"{file} holds no frame. Use another file.")
    if rate is None:
        raise ValueError(f"{file} does not say how fast its {len(frames)} frames follow each other. Pass fps=30.")
    return Clip(torch.stack(frames), rate, file.stem)
