"""What a folder of timm's says of its network beside the name: arguments of its constructor, and pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from torch import nn

from antialias._extras import require
from antialias.metrics import normalization_of
from antialias.models._origin import Origin
from antialias.models.files import Checkpoint, mean_std_of
from antialias.models.libraries import build_architecture, without_memory

_OF_TRAINING = "drop_"


def refuse_arguments(checkpoint: Checkpoint) -> None:
    """Refuse a folder whose network was made with other arguments than its name alone makes it.

    Args:
        checkpoint: The folder.

    Raises:
        ValueError: It was; most such arguments change what a network computes and no shape.
    """
    words, path = checkpoint.words, checkpoint.path
    name, given = words.get("architecture"), words.get("model_args")
    if not isinstance(name, str) or not isinstance(given, Mapping):
        return
    origin = Origin(f"timm:{name}", None)
    plain = without_memory(origin)
    # What timm writes of a network that was made by its name; before 1.0.31 it wrote what its user had asked for.
    written = getattr(require("timm.models", extra="tasks"), "get_model_args", lambda _: {"in_chans": 3})
    default = json.loads(json.dumps(written(build_architecture(origin) if plain is None else plain), default=str))
    default["num_classes"] = given.get("num_classes")
    others = [
        f"{key}={value!r}"[:80]
        for key, value in given.items()
        if value is not None and value != default.get(key) and not key.startswith(_OF_TRAINING)
    ]
    if others:
        raise ValueError(
            f"{path} has a {name} that was made with {', '.join(others)}, which its name does not say. Use "
            f"load_checkpoint({str(path)!r}, model=timm.create_model('local-dir:{path}'))."
        )


def take_pixels_(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Have a network expect of pixels what a folder says.

    Args:
        model: The network, whose attribute `normalization` is set where it expects something else.
        checkpoint: The folder.

    Raises:
        ValueError: What it says are no numbers, one a channel.
    """
    config = checkpoint.words.get("pretrained_cfg")
    says = [config.get("mean"), config.get("std")] if isinstance(config, Mapping) else [None, None]
    if None in says:
        return
    if (values := mean_std_of(says)) is None:
        raise ValueError(
            f"{checkpoint.path} says mean={says[0]!r} and std={says[1]!r} of pixels. Use numbers, one a channel, and "
            "std > 0."
        )
    if values != normalization_of(model):
        expected: Any = values
        model.normalization = expected
