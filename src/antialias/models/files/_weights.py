"""State dicts of files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
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
        ValueError: It is neither of these, or no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(path)!r} is not a file. Use an existing path, 'default' or None.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} holds no weights that can be read ({error}). Use a safetensors file, or a state dict of tensors "
            "alone that torch.save wrote."
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds {type(state).__name__}, no state dict. Save model.state_dict().")
    return state.get("state_dict", state)
