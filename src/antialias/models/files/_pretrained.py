"""Folders to publish: weights, config and a model card with the scores that were measured."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from antialias._files import write_whole
from antialias.metrics import Score, TransformersNetwork, normalization_of
from antialias.models._origin import origin_of
from antialias.surgery import conversion_of

from ._card import model_card
from ._folder import CONFIG, WEIGHTS
from ._network import write_network
from ._unlike import name_of


def save_pretrained(
    model: nn.Module,
    folder: str | Path,
    *,
    scores: Mapping[str, Score] | Mapping[str, Mapping[str, Score]] | None = None,
    license: str | None = None,
) -> Path:
    """Write a network into a folder as libraries publish them: `model.safetensors`, `config.json` and `README.md`.

    `antialias.load`, `load_checkpoint` and `build` open it. Where the network is one of transformers', the config is
    its own, with the file of its image processor beside it, and weights have its names; where it is a
    `PyTorchModelHubMixin`, the config is what that keeps. Opened by those libraries themselves, a network has no
    filters: they are in the weights' file, and only this package reads them.

    Args:
        model: The network, converted or not.
        folder: Where to write; it is made. Files of these names are replaced.
        scores: What was measured, by name, or such columns side by side, of which the last is this network:
            `Evaluation.scores` or `Mending.scores`. They go into the card.
        license: Of the weights, for the card, such as `"apache-2.0"`; nothing is said by default.

    Returns:
        The folder.

    Raises:
        ValueError: As `save`, or `folder` is a file.

    Example:
        >>> import tempfile
        >>> from antialias.models import build, load
        >>> folder = save_pretrained(build("antialias:TinyResNet", num_classes=3), tempfile.mkdtemp())
        >>> sorted(path.name for path in folder.iterdir())
        ['README.md', 'config.json', 'model.safetensors']
        >>> load(folder).fc.out_features
        3
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file. Use the name of a folder, new or not.")
    conversion = conversion_of(model)
    inner: Any = model.network if isinstance(model, TransformersNetwork) else model
    of_transformers = hasattr(getattr(inner, "config", None), "model_type")
    origin = None if of_transformers else name_of(model)
    if of_transformers:
        # Names in a conversion are those of the part that was converted, and files have those of transformers.
        whole = model is not inner and conversion is not None and conversion.model is model
        write_network(model if whole else inner, folder / WEIGHTS, None, prefix="network." if whole else "")
        _write_preprocessor(model, inner, folder / "preprocessor_config.json")
    else:
        write_network(model, folder / WEIGHTS, *(origin or (None, None)))
    config = _hub_config(inner)
    write_whole(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    title = config["architectures"][0] if of_transformers else origin.name if origin else type(model).__name__
    needs_model = not of_transformers and origin is None
    card = model_card(title, conversion, scores or {}, license, needs_model=needs_model)
    write_whole(folder / "README.md", card)
    return folder


def _hub_config(network: Any) -> dict[str, Any]:
    """Return the config of a network in plain values: its library's own where it has one."""
    config = getattr(network, "_hub_mixin_config", None)
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return dataclasses.asdict(config)
    if isinstance(config, Mapping):
        return dict(config)
    if hasattr(getattr(network, "config", None), "model_type"):
        said = json.loads(network.config.to_json_string(use_diff=False)) | {"architectures": [type(network).__name__]}
        said.pop("_name_or_path", None)  # a folder of this machine's
        return said
    name, num_classes = origin_of(network) or (type(network).__name__, None)
    return {"architecture": name, "num_classes": num_classes, "normalization": normalization_of(network)}


def _write_preprocessor(model: nn.Module, network: Any, path: Path) -> None:
    """Copy what the folder that a network was loaded from says of pixels; else write what the network does."""
    source = Path(getattr(network.config, "_name_or_path", "") or "") / path.name
    if source.is_file():
        if source.resolve() != path.resolve():
            shutil.copyfile(source, path)
    elif isinstance(model, TransformersNetwork) and (normalization := normalization_of(model)) is not None:
        mean, std = normalization
        says = {"do_normalize": True, "image_mean": mean, "image_std": std, "do_flip_channel_order": model.bgr}
        side, multiple = getattr(model, "input_size", (None,))[-1], getattr(model, "side_multiple", 1)
        write_whole(path, json.dumps(says | {"size": side, "size_divisor": multiple}, indent=2) + "\n")
