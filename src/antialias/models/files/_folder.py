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
        raise without_weights(folder, "a folder that antialias.models.save_pretrained wrote")
    return Origin(f"transformers:{folder}", None) if "model_type" in read_config(folder / CONFIG) else None, file


def without_weights(folder: Path, use: str) -> FileNotFoundError:
    """Return the error of a folder without weights in one file, which says what it holds and what to use."""
    held = sorted(path.name for path in folder.iterdir())
    index = next((name for name in held if name.endswith(".index.json")), None)
    parts = f" (weights in parts: {index})" if index is not None else ""
    return FileNotFoundError(
        f"{folder} has no {WEIGHTS}{parts}; it holds {', '.join(held[:5]) or 'nothing'}. Use {use}."
    )


def read_config(path: Path) -> dict[str, Any]:
    """Read the `config.json` of a folder, which may be missing.

    Raises:
        ValueError: It is no object of JSON.
    """
    if not path.is_file():
        return {}
    return parsed(path, "Use the config.json that was saved with the weights.")
