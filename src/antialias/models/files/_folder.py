"""Folders of weights and a `config.json`, as `save_pretrained` of several libraries writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from antialias._files import parsed
from antialias.models._origin import Origin

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def open_folder(folder: Path) -> tuple[Origin | None, Path]:
    """Return the weights of a folder, and what builds its network where its config is of one of transformers'.

    Args:
        folder: The folder; nobody vouches for it.

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
    return Origin(f"transformers:{folder}", None) if "model_type" in read_config(folder / CONFIG) else None, file


def read_config(path: Path) -> dict[str, Any]:
    """Read the `config.json` of a folder, which may be missing.

    Raises:
        ValueError: It is no object of JSON.
    """
    if not path.is_file():
        return {}
    return parsed(path, "Use the config.json that was saved with the weights.")
