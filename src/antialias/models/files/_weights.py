"""State dicts of files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from antialias.models.backbones import freeze_as_


def load_weights_(model: nn.Module, path: str | Path) -> None:
    """Fill a network from a state dict in a file, in place; norms that are frozen there are frozen here.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It does not fit.
    """
    state = read_weights(path)
    freeze_as_(model, state.keys())
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip()
        raise ValueError(
            f"{path} does not fit {type(model).__name__}: {reason} Use weights of this network."
        ) from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors`, or from what `torch.load(weights_only=True)` opens.

    Raises:
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(path)!r} is not a file. Use an existing path, 'default' or None.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state.get("state_dict", state)
