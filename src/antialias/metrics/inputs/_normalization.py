"""What a network does to pixels before its first layer, found on the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from antialias._files import parsed

MeanStd = tuple[tuple[float, ...], tuple[float, ...]]
Normalize = Sequence[Sequence[float]] | Callable[[Tensor], Tensor] | Literal["model"] | None

IMAGENET: MeanStd = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_SELF_NORMALIZING = ("torchvision.models.detection", "torchvision.models.video", "torchvision.models.optical_flow")


class Preprocessing(NamedTuple):
    """What a folder's `preprocessor_config.json` says of pixels.

    Attributes:
        normalization: Mean and deviation of pixels in [0, 1].
        bgr: Whether channels go in as blue, green, red.
        side: Side in pixels of the square images that the network is meant for, if it says so.
        multiple: Heights and widths are multiples of this.
    """

    normalization: MeanStd
    bgr: bool
    side: int | None
    multiple: int = 1

    @classmethod
    def read(cls, folder: str | Path) -> Preprocessing | None:
        """Read a folder's file; `None` where there is none.

        Raises:
            ValueError: The file cannot be read.
        """
        path = Path(folder) / "preprocessor_config.json"
        if not path.is_file():
            return None
        try:
            says = parsed(path, "Use the file that save_pretrained writes.")
            factor = 255 * (says.get("rescale_factor", 1 / 255) if says.get("do_rescale", True) else 1)
            offset = float(bool(says.get("rescale_offset", False)))
            mean, std = (0.0,) * 3, (1.0,) * 3
            if says.get("do_normalize", "image_mean" in says):
                mean, std = tuple(says["image_mean"]), tuple(says["image_std"])
            if says.get("include_top", False):  # EfficientNet divides once more
                mean, std = mean, tuple(value**2 for value in std)
            values = tuple((value + offset) / factor for value in mean), tuple(value / factor for value in std)
            sizes = [says[key] for key in ("crop_size", "size") if says.get(key) is not None]
            # ZoeDepth's file says 1/32, which is no number of pixels.
            multiple = max(int(says.get("size_divisor") or says.get("ensure_multiple_of") or 1), 1)
            sides = [size if isinstance(size, int) else size.get("height", size.get("shortest_edge")) for size in sizes]
        except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} cannot be read ({type(error).__name__}: {error}). Use the file that save_pretrained of the "
                "network's image processor writes, or remove it and pass normalize=(mean, std)."
            ) from error
        return cls(values, bool(says.get("do_flip_channel_order", False)), sides[0] if sides else None, multiple)


def normalization_of(model: Callable[[Tensor], Any]) -> MeanStd | None:
    """Return the network's own input `(mean, std)`, or `None` where nothing says what it is.

    Looked at in this order: an attribute `model.normalization = (mean, std)`; timm's `pretrained_cfg`; the
    `preprocessor_config.json` of the folder that a network of transformers was loaded from; the ImageNet values for a
    class of `torchvision.models` (detectors normalise by themselves, video networks otherwise: `None`).
    `DataParallel`, `DistributedDataParallel` and `torch.compile` wrappers are looked through.

    Example:
        >>> import torch
        >>> net = nn.Conv2d(3, 8, 1)
        >>> net.normalization = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        >>> normalization_of(net)
        ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    """
    return _find(model)[0]


def _find(model: Any) -> tuple[MeanStd | None, str]:
    model = unwrapped(model)
    own = getattr(model, "normalization", None)
    if isinstance(own, (tuple, list)) and len(own) == 2:
        return _mean_std(*own), "model.normalization"
    config = getattr(model, "pretrained_cfg", None)
    if isinstance(config, dict) and config.get("mean") is not None and config.get("std") is not None:
        return _mean_std(config["mean"], config["std"]), "model.pretrained_cfg"
    if getattr(model, "main_input_name", None) == "pixel_values":
        says = Preprocessing.read(getattr(model.config, "_name_or_path", "") or "")
        return (None, "none") if says is None else (says.normalization, "preprocessor_config.json")
    home = type(model).__module__
    if home.startswith("torchvision.models") and not home.startswith(_SELF_NORMALIZING):
        return IMAGENET, "torchvision.models"
    return None, "none"


def unwrapped(model: Any) -> Any:
    """Look through the wrappers of parallel and compiled networks."""
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while isinstance(model, wrappers) or hasattr(model, "_orig_mod"):
        model = model.module if isinstance(model, wrappers) else model._orig_mod
    return model


def _mean_std(mean: Any, std: Any) -> MeanStd:
    values = [tuple(torch.as_tensor(value, dtype=torch.float64).flatten().tolist()) for value in (mean, std)]
    if len(values[0]) != len(values[1]) or not all(value > 0 for value in values[1]):
        raise ValueError(f"mean={values[0]} and std={values[1]} do not fit. Use one mean and one std > 0 a channel.")
    return values[0], values[1]


@dataclass(frozen=True)
class Normalization:
    """A map from pixels in [0, 1] to what the network expects, which can say what it is."""

    apply: Callable[[Tensor], Tensor]
    protocol: dict[str, Any]

    @classmethod
    def resolve(cls, normalize: Normalize, model: Callable[[Tensor], Any]) -> Normalization:
        """Turn the argument `normalize` into a map; `"model"` asks the network."""
        if normalize is None:
            return cls(_unchanged, {"source": "none"})
        if isinstance(normalize, str):
            return cls._of_model(normalize, model)
        if callable(normalize):
            name = getattr(normalize, "__qualname__", type(normalize).__qualname__)
            return cls(normalize, {"source": "function", "function": name})
        return cls._of_values(_mean_std(*normalize), "argument")

    @classmethod
    def _of_model(cls, normalize: str, model: Callable[[Tensor], Any]) -> Normalization:
        if normalize != "model":
            raise ValueError(f'normalize="{normalize}" is unknown. Use "model", (mean, std), a function or None.')
        values, source = _find(model)
        return cls(_unchanged, {"source": "none"}) if values is None else cls._of_values(values, source)

    @classmethod
    def _of_values(cls, values: MeanStd, source: str) -> Normalization:
        protocol = {"source": source, "mean": list(values[0]), "std": list(values[1])}
        return cls(lambda images: _standardized(images, values), protocol)


def _unchanged(images: Tensor) -> Tensor:
    return images


def _standardized(images: Tensor, values: MeanStd) -> Tensor:
    mean, std = (images.new_tensor(value)[:, None, None] for value in values)
    if len(mean) not in (1, images.shape[1]):
        raise ValueError(
            f"the normalisation has {len(mean)} channels and the images {images.shape[1]}. Pass normalize=(mean, std)."
        )
    return (images - mean) / std
