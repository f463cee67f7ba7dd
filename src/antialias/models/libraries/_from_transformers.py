"""Networks of transformers out of a local folder, in this library's words."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from antialias._extras import require
from antialias._files import parsed
from antialias.metrics import Preprocessing, TransformersNetwork
from antialias.models._origin import Origin

_MOST_LABELS = 100_000  # of which transformers makes a dictionary
_HEADS = (
    "ImageClassification",
    "SemanticSegmentation",
    "ObjectDetection",
    "UniversalSegmentation",
    "InstanceSegmentation",
    "ImageSegmentation",
    "DepthEstimation",
)


def from_transformers(origin: Origin, pretrained: bool | None) -> TransformersNetwork:
    """Load `transformers:DIR`, a folder that `save_pretrained` wrote; nothing is fetched, no code of the folder runs.

    Its weights are taken unless `pretrained` is `None`, as where weights come from a file.

    Raises:
        ValueError: The folder holds no network with a head for images, or `num_classes` is given, which it fixes.
        FileNotFoundError: There is no such folder.
    """
    folder = Path(origin.rest).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not a folder. Use transformers:DIR with a folder that save_pretrained wrote; nothing is "
            "fetched from a hub."
        )
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} has no config.json. Use a folder that save_pretrained of a network wrote.")
    if origin.num_classes is not None:
        raise ValueError(f"{origin.name} fixes its own classes. Use num_classes=None.")
    transformers = require("transformers", extra="transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said = parsed(folder / "config.json", "Use the config.json that was saved with the weights.")
            if not isinstance(labels := said.get("num_labels", 1), int) or labels > _MOST_LABELS:
                raise ValueError(f"its num_labels={str(labels)[:40]} are more than {_MOST_LABELS:,}")
            config: Any = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            names = getattr(config, "architectures", None) or []
            heads = [name for name in names if name.endswith(tuple(f"For{head}" for head in _HEADS))]
            network_class = getattr(transformers, heads[0], None) if heads else None
            if network_class is None:
                raise ValueError(f"its config.json names {', '.join(names) or 'no architecture'}")
            if getattr(config, "backbone", None) and getattr(config, "backbone_config", None) is None:
                raise ValueError(f"its backbone={config.backbone!r} would be fetched or made by another library")
            if pretrained is None:
                network = network_class(config)
            else:
                network = network_class.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except Exception as error:  # whatever values that nobody vouches for provoke in transformers
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(
                f"{folder} cannot be loaded: {reason.rstrip('.')}. Use a folder of save_pretrained, with "
                f"safetensors, of a network of transformers for one of: {', '.join(_HEADS)}."
            ) from error
    return TransformersNetwork(network.eval(), Preprocessing.read(folder))
