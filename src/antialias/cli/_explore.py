"""The verb `explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antialias.data import ImageFolder, imagenet_photographs, open_data, photographs
from antialias.data.images import read_image
from antialias.explore import Explorer, Limits, Networks, serve
from antialias.metrics import DenseValues

from ._options import OnnxFlags, built, input_side, part_of

_SHOWN = ("chelsea", "coffee", "astronaut", "motorcycle_left", "rocket", "china", "flower")


def explore(
    model: str,
    /,
    *,
    mended: str | None = None,
    data: str | None = None,
    weights: str | None = None,
    onnx: OnnxFlags | None = None,
    size: int | None = None,
    limit: int = 24,
    dense: bool = False,
    detection_score: float = 0.5,
    host: str = "127.0.0.1",
    port: int = 8765,
) -> None:
    """Open a live page: drag a window over your own image and see what the network answers, before and after mending.

    Switches put filters and averages over phases into a second network beside it, with what they cost. The page takes
    images by upload or drag and drop, holds them in memory and writes nothing to disk.

    Args:
        model: A file saved by `antialias`, or a name such as timm:NAME, transformers:DIR or module:callable; or an
            ONNX file, which no switch changes.
        mended: Another network to put beside it, such as the file that `antialias mend` wrote.
        data: Images to begin with: images:DIR, or scenes; embedded photographs if none is given.
        weights: A file of weights, or `default` for the library's own, for the first network.
        onnx: What ONNX files do not say.
        size: Shorter side that images are resampled to; the network sees windows of 7/8 of it. By default so large that
            these have the network's own input size.
        limit: How many images of `data` are offered, evenly taken.
        dense: The network answers with numbers, such as depth or flow, not with classes of pixels.
        detection_score: What a detector finds with a lower score does not count.
        host: Address to listen on. Only this machine reaches the default; every other needs the token that is printed.
        port: 0 for any that is free.
    """
    network = built({model: model}, weights, onnx)[model].eval()
    side = size or -(-8 * input_side(network) // 7)
    window = torch.rand(3, *2 * (7 * side // 8,), generator=torch.Generator().manual_seed(0))
    shown: Any = DenseValues(network) if dense else network
    images, classes = images_in(data, limit, side)
    other = None
    if mended is not None:
        other = built({mended: mended}, None, onnx if mended.endswith(".onnx") else None)[mended].eval()
    networks = Networks(shown, window, mended=other, classes=classes)
    explorer = Explorer(networks, images, side=side, limits=Limits(), least=detection_score)
    serve(explorer, host=host, port=port, title=Path(model).name)


def images_in(data: str | None, limit: int, side: int) -> tuple[dict[str, Tensor], tuple[str, ...] | None]:
    """Return images to begin with by name, and the classes where the data are the scenes.

    Args:
        data: Name of the data; none for the embedded photographs.
        limit: How many at most.
        side: Of scenes, in pixels.
    """
    if data is None:
        embedded = photographs()
        labelled = imagenet_photographs()[0]
        names = [name for name in _SHOWN if name in embedded]
        return {name.replace("_", " "): embedded[name] for name in names} | dict(list(labelled.items())[:5]), None
    opened = open_data(data, part_of(data, "test") if data == "scenes" else "all", size=side)
    chosen = torch.arange(0, len(opened), -(-len(opened) // limit))
    if isinstance(opened, ImageFolder):
        files = [opened.files[index][0] for index in chosen.tolist()]
        return {f"{file.parent.name}/{file.name}": read_image(file) for file in files}, None
    pixels, _ = opened.labelled(chosen)
    return {f"scene {index}": one for index, one in zip(chosen.tolist(), pixels, strict=True)}, None
