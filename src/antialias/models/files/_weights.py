"""State dicts of files, whoever wrote them: opened without running anything that a file asks for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from antialias._tensors import read_pickled

from ._folder import CONFIG, WEIGHTS, read_config, without_weights

_FOLDER = (WEIGHTS, "pytorch_model.bin")
_STATES = ("state_dict", "model_state", "model_state_dict", "model", "net", "network", "weights")
_AVERAGES = ("state_dict_ema", "model_ema", "ema")
_WRAPPERS = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: The file, or the folder that it lies in with its `config.json`.
        tensors: The state dict, without the prefixes of DataParallel and `torch.compile`.
        words: What the file says beside it, such as `arch`.
    """

    path: Path
    tensors: dict[str, Tensor] = field(repr=False)
    words: dict[str, Any] = field(default_factory=dict, repr=False)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict as `read_checkpoint` does.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no state dict that can be read.
    """
    return read_checkpoint(path).tensors


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a state dict, bare or in what its training wrote around it, and what stands beside it.

    Nothing in the file is run: it is opened as safetensors, or by `torch.load(weights_only=True)`, which refuses
    everything but tensors, containers, numbers and words. An `argparse.Namespace` of a training script's options and
    numbers of NumPy's are read, too.

    Args:
        path: A file of safetensors or of `torch.save`, whatever its name ends in, or a folder with a `config.json` and
            a `model.safetensors` or `pytorch_model.bin`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, asks for code to be run, or holds no state dict.
    """
    path = Path(path)
    words: dict[str, Any] = {}
    file = path
    if path.is_dir():
        file = next((path / name for name in _FOLDER if (path / name).is_file()), path)
        if file == path:
            raise without_weights(path, "the path of weights, or a folder with all of them in one file")
        words = read_config(path / CONFIG)
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not a file. Use the path of weights that exist.")
    try:
        contents = _read_contents(file)
    except Exception as error:  # whatever a damaged or hostile file provokes in the readers
        raise ValueError(_unreadable(file, error)) from error
    if not isinstance(contents, Mapping):
        raise ValueError(f"{file} holds {type(contents).__name__}, no state dict. Save model.state_dict().")
    state = _state_of(contents)
    if state is None:
        held = ", ".join(f"{key}: {type(value).__name__}" for key, value in list(contents.items())[:5]) or "nothing"
        raise ValueError(f"{file} holds no state dict ({held}). Save model.state_dict().")
    if wrong := [key for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))]:
        kind = type(state[wrong[0]]).__name__
        raise ValueError(f"{file} has {wrong[0]!r}, a {kind}, among its weights. Save model.state_dict() alone.")
    tensors, size = dict(state), file.stat().st_size
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise ValueError(f"{file} has {name!r}, whose values are not there. Save plain tensors.")
        if tensor.nbytes > size:
            raise ValueError(
                f"{file} has {size:,} bytes, and {name!r} of {tuple(tensor.shape)} would take {tensor.nbytes:,}. "
                "Save model.state_dict() of a network with weights of its own."
            )
    while prefix := next((p for p in _WRAPPERS if tensors and all(name.startswith(p) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return Checkpoint(path, tensors, {key: value for key, value in contents.items() if value is not state} | words)


def _read_contents(file: Path) -> Any:
    with file.open("rb") as stream:
        head = stream.read(9)
    if file.suffix == ".safetensors" or head[8:9] == b"{":  # behind the length of its header
        with safe_open(file, framework="pt") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    with _plain_values_allowed():
        return read_pickled(file)


@contextmanager
def _plain_values_allowed() -> Iterator[None]:
    """Let `torch.load` read values of two kinds that training scripts save and that can do nothing."""
    allowed: list[Any] = [argparse.Namespace]
    try:
        import numpy as np
        from numpy._core.multiarray import scalar
    except ImportError:
        pass
    else:
        allowed += [np.dtype, *(type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool))]
        allowed += [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    with torch.serialization.safe_globals(allowed):
        yield


def _state_of(contents: Mapping[Any, Any], depth: int = 3) -> Mapping[Any, Any] | None:
    """Return the state dict in what a training wrote: the trained weights, not their running average."""
    for key in (*_STATES, *_AVERAGES):
        inner = contents.get(key)
        if isinstance(inner, Mapping) and depth and (state := _state_of(inner, depth - 1)) is not None:
            return state
    return contents if any(isinstance(value, Tensor) for value in contents.values()) else None


def _unreadable(file: Path, error: Exception) -> str:
    if file.stat().st_size == 0:
        reason = "0 bytes"
    elif (code := re.search(r"GLOBAL ([\w.]+)", str(error))) is not None:
        reason = f"it asks for {code[1][:200]}, which is code and was not run"
    else:
        reason = (str(error) or type(error).__name__).split("\n")[0][:200]
    return (
        f"{file} holds no weights that can be read ({reason}). Use a safetensors file, or a state dict of tensors "
        "alone that torch.save wrote."
    )
