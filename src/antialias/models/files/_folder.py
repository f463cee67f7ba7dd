"""Folders of weights and a `config.json`, as `save_pretrained` of several libraries writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from antialias.models._origin import Origin
from antialias.models.libraries import build_architecture

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def open_folder(folder: Path, model: nn.Module | None) -> tuple[nn.Module | None, Path]:
    """Return the weights of a folder, and a network of transformers where its config is of one.

    Args:
        folder: The folder; nobody vouches for it.
        model: What is to be filled; `None` to ask the config.

    Raises:
        FileNotFoundError: It has no weights in one file of safetensors.
        ValueError: Its config cannot be read.
    """
    file = folder / WEIGHTS
    if not file.is_file():
        held = sorted(path.name for path in folder.iterdir())[:5]
        parts = f" (weights in parts: {WEIGHTS}.index.json)" if f"{WEIGHTS}.index.json" in held else ""
        raise FileNotFoundError(
            f"{folder} has no {WEIGHTS}{parts}; it holds {', '.join(held) or 'nothing'}. Use a folder that "
            "antialias.models.save_pretrained wrote."
        )
    if model is None and "model_type" in read_config(folder / CONFIG):
        model = build_architecture(Origin(f"transformers:{folder}", None))
    return model, file


def read_config(path: Path) -> dict[str, Any]:
    """Read the `config.json` of a folder, which may be missing.

    Raises:
        ValueError: It is no object of JSON.
    """
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not JSON ({error}). Use the config.json that was saved with the weights."
        ) from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} is a {type(config).__name__}. Use the config.json that was saved with the weights.")
    return config
