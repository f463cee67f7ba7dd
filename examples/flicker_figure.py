"""Draw docs/flicker.md's figure: `python examples/flicker_figure.py`, the contact sheet of a pan over a photograph."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image

import antialias as aa
from antialias.clips import pan
from antialias.data import photographs
from antialias.models import build

STILL, SEED, SITE = "astronaut", 0, "blocks.2.0.conv_dw"
OUT = Path(__file__).parents[1] / "docs" / "images" / "flicker.png"


def main() -> None:
    """Show EfficientNet-Lite0 as it is and with two phases averaged one of the pans of benchmarks/flicker.py."""
    network = build("antialias:EfficientNetLite0", weights="default").eval()
    mended = copy.deepcopy(network)
    aa.convert_(mended, aa.PhaseAverage(phases=2), where=[SITE], example=torch.rand(1, 3, 224, 224))
    clip = pan(photographs()[STILL], seed=SEED, name=f"pan_{STILL}")
    found = aa.flicker({"EfficientNet-Lite0": network, "two phases averaged": mended.eval()}, clip)
    with TemporaryDirectory() as folder:
        found.write(folder)
        sheet = Image.open(Path(folder) / f"{clip.name}.png")
        sheet.quantize(192, dither=Image.Dither.NONE).save(OUT, optimize=True)
    print(found)


if __name__ == "__main__":
    main()
