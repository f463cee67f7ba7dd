"""Settings, data sets, images, clips, score files and uploads."""

from __future__ import annotations

import io
import json
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random

import av
import numpy as np
import torch
from PIL import Image

from antialias.clips import open_clips
from antialias.data import CocoInstances, ImageFolder, VocSegmentation
from antialias.data.classification import VideoFrames
from antialias.explore import Limits
from antialias.explore._images import Held, Refused, decode
from antialias.metrics import Curve, Measurement, Score
from antialias.nn import Fixed
from antialias.report import read_result, report_of
from antialias.results import Comparison, Cost, Evaluation, EvaluationConfig
from antialias.tasks import TrainConfig
from antialias.tasks.evaluation._partial_scores import PartialScores

from .._mutate import bytes_of, json_text, json_values
from .._target import Target

SIDES = (24, 20)
PIXELS = np.random.default_rng(0).integers(0, 256, (*SIDES, 3), dtype=np.uint8)
IDS = np.random.default_rng(0).integers(0, 21, SIDES, dtype=np.uint8)
FORMATS: Sequence[tuple[str, dict[str, object]]] = (
    *(("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("WEBP", {"lossless": True})),
    *(("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("GIF", {}), ("BMP", {}), ("PPM", {})),
)


def picture(format: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    """Return an image file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def written(name: str, write: Callable[[Path], object]) -> bytes:
    """Return what a function writes to a file of a name."""
    with tempfile.TemporaryDirectory() as folder:
        write(path := Path(folder) / name)
        return path.read_bytes()


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Write files, with their folders."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def pictures() -> Sequence[bytes]:
    """Return an image in each format, of colours and of grey."""
    grey = [picture(format, PIXELS[..., 0]) for format in ("PNG", "TIFF", "JPEG")]
    frames = [Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)]
    moving = io.BytesIO()
    frames[0].save(moving, "WEBP", save_all=True, append_images=frames[1:])
    return [*(picture(format, **options) for format, options in FORMATS), *grey, moving.getvalue()]


def look_at_pictures(path: Path) -> None:
    """Open a folder of classes, and read all of it."""
    data = ImageFolder(path.parent.parent, size=8)
    data.check()
    _ = data[0], data.cropped(0, lambda height, width: (0, 0, height, width), 4)


# ---- annotations -----------------------------------------------------------------------------------------------------


def annotations() -> Sequence[bytes]:
    """Return polygons, run lengths as numbers and as text, and a crowd."""
    height, width = SIDES
    shapes = [
        [[1, 1, 9, 1, 9, 9, 1, 9]],
        {"size": [height, width], "counts": [5, 40, height * width - 45]},
        {"size": [height, width], "counts": "5X1c>"},
    ]
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "height": height, "width": width} for n in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {
                "id": n,
                "image_id": 1 + n % 2,
                "category_id": 7,
                "bbox": [1, 1, 8, 8],
                "segmentation": shape,
                "iscrowd": n,
            }
            for n, shape in enumerate(shapes[:2])
        ],
    }
    return [json.dumps(content).encode()]


def look_at_objects(path: Path) -> None:
    """Open annotations and draw all masks."""
    data = CocoInstances(path.parent.parent)
    for index in range(len(data)):
        item = data.annotated(index)
        assert bool(item.boxes.isfinite().all())


def look_at_masks(path: Path) -> None:
    """Open a folder of VOC's and read its first image."""
    root = next(above for above in path.parents if (above / "JPEGImages").is_dir())
    _, classes = VocSegmentation(root).segmented(0)
    assert bool(((classes < 21) | (classes == 255)).all())


VOC = {"ImageSets/Segmentation/train.txt": b"a\n", "JPEGImages/a.jpg": picture("JPEG")}
VOC |= {"SegmentationClass/a.png": picture("PNG", IDS)}
VIDEO = {f"Data/VID/val/v/{n:06}.JPEG": picture("JPEG") for n in range(5)}
VIDEO |= {"imagenet_classes.txt": b"n02691156 airplane: 404 895\nn02084071 dog: 151\n"}
OBJECTS = b"<annotation><object><name>n02691156</name></object></annotation>"
VIDEO |= {f"Annotations/VID/val/v/{n:06}.xml": OBJECTS for n in range(5)}


# ---- clips -----------------------------------------------------------------------------------------------------------


def film(name: str, codec: str, format: str) -> bytes:
    """Return a video of noise."""

    def write(path: Path) -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 32, 16, format
            for number in range(4):
                noise = np.random.default_rng(number).integers(0, 256, (16, 32, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
            container.mux(stream.encode(None))

    return written(name, write)


def films() -> Sequence[bytes]:
    """Return videos of several containers and codecs, and a playlist."""
    kinds = (("a.mp4", "mpeg4", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p"), ("a.mkv", "libx264", "yuv420p"))
    return [film(*kind) for kind in kinds]


# ---- settings and scores ---------------------------------------------------------------------------------------------


def toml(content: bytes, random: Random) -> bytes:
    """Change settings: values, or where they cannot be read bytes."""
    try:
        values = json_values(tomllib.loads(content.decode()), random)
        tables = {name: table for name, table in values.items() if isinstance(table, dict)}
        lines = [f"{name} = {json.dumps(each)}" for name, each in values.items() if name not in tables]
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(each)}" for key, each in table.items())]
    except (AttributeError, ValueError, RecursionError):
        return bytes_of(content, random)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def settings() -> Sequence[bytes]:
    """Return settings of a run, and a few."""
    config = TrainConfig(filter=Fixed(), schedule="step", milestones=(3, 5), task="semantic", scales=(0.5, 2.0))
    return [written("a.toml", config.write), b'epochs = 3\n[filter]\nfilter = "Adaptive"\ngroups = 2\n']


@cache
def evaluation() -> Evaluation:
    """Return scores of all kinds."""
    flips = Score.from_images("flip rate", torch.arange(20) % 2)
    error = Score.from_images("error", torch.arange(20) / 4, unit="pixels")
    whole = Score.from_statistic("hit rate", lambda counts: counts.double().mean(1) / 2, 20)
    curve = Curve("flip rate", "diagonal", {1: flips, 2: flips})
    cost = Cost(parameters=9, macs=10**9, time=1.5)
    return Evaluation(
        model="a",
        config=EvaluationConfig(),
        scores={"top1_change": flips, "error": error, "mean_iou": whole},
        curves=(curve,),
        cost=cost,
    )


def compare(path: Path) -> None:
    """Read scores and put them beside others; shares have to be shares."""
    read = Evaluation.read(path)
    assert all(score.unit != "percent" or not abs(score.value) > 1.001 for score in read.scores.values())
    str(Comparison.of([read]))


def show(path: Path) -> None:
    """Read what a report takes, and make its page's values."""
    result = read_result(path)
    assert result is not None
    report_of([result]).to_json()


def parts() -> Sequence[bytes]:
    """Return a part of scores."""
    part = Measurement("flip rate", torch.arange(6).view(3, 2).float(), {}, 0.95, "mean", "percent")
    return [json.dumps({"of": "a", "scores": {"top1_change": part.to_dict()}}).encode()]


@cache
def partial(folder: Path) -> PartialScores:
    """Return the parts in a folder, which is made once."""
    return PartialScores(folder, "a")


def upload(path: Path) -> None:
    """Take a file as the page does."""
    Held.of("a", decode(path.read_bytes(), Limits()), 64)


def uploads() -> Sequence[bytes]:
    """Return files that the page takes."""
    large = np.tile(PIXELS, (2, 2, 1))
    return [picture(format, large, **how) for format, how in FORMATS if format in ("PNG", "JPEG", "WEBP", "BMP")]


TARGETS: dict[str, Target] = {
    "settings": Target(file="run.toml", seeds=settings, read=TrainConfig.read, mutate=toml),
    "images": Target(file="cat/a.png", seeds=pictures, read=look_at_pictures, mutate=bytes_of),
    "coco": Target(
        file="annotations/instances_train2017.json",
        seeds=annotations,
        read=look_at_objects,
        mutate=json_text,
        prepare=lambda folder: put(folder, {f"train2017/{n}.png": picture("PNG") for n in (1, 2)}),
    ),
    "voc-list": Target(
        file="ImageSets/Segmentation/train.txt",
        seeds=lambda: [b"a\n", b"/JPEGImages/a.jpg /SegmentationClass/a.png\n"],
        read=look_at_masks,
        mutate=bytes_of,
        prepare=lambda folder: put(folder, VOC),
        says=("train.txt", "JPEGImages", "SegmentationClass", "picture can be used"),
    ),
    "voc-mask": Target(
        file="SegmentationClass/a.png",
        seeds=lambda: [picture("PNG", IDS), picture("TIFF", IDS)],
        read=look_at_masks,
        mutate=bytes_of,
        prepare=lambda folder: put(folder, VOC),
    ),
    "vid": Target(
        file="Annotations/VID/val/v/000001.xml",
        seeds=lambda: [OBJECTS],
        read=lambda path: VideoFrames(path.parents[4], size=8).truths([0]),
        mutate=bytes_of,
        prepare=lambda folder: put(folder, VIDEO),
    ),
    "clip": Target(
        file="clip.mp4",
        seeds=films,
        read=lambda path: open_clips(path, size=8),
        mutate=bytes_of,
        says=("clip",),
    ),
    "scores": Target(
        file="scores.json", seeds=lambda: [written("a", evaluation().write)], read=compare, mutate=json_text
    ),
    "report": Target(file="scores.json", seeds=lambda: [written("a", evaluation().write)], read=show, mutate=json_text),
    "part": Target(
        file="part-000000.json",
        seeds=parts,
        read=lambda path: partial(path.parent).read(0),
        mutate=json_text,
        prepare=lambda folder: partial(folder) and None,
    ),
    "upload": Target(
        file="upload.bin", seeds=uploads, read=upload, mutate=bytes_of, promised=(Refused,), says=("The ", "Image size")
    ),
}
