"""Files of safetensors, written in one move: a network is always the same bytes, and needs no numpy.

safetensors' own writer orders metadata at random, imports numpy, which is no part of the core, and writes in place.
Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ._files import in_one_move

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def content_of(tensor: Tensor) -> bytes:
    """Return the elements of a dense tensor in their order, as this machine stores them."""
    values = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return ctypes.string_at(values.data_ptr(), values.nbytes)


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a file of safetensors.

    A disk that is full or an interruption leaves the former file.

    Args:
        tensors: Dense tensors by name.
        path: Where to write; its folder is made.
        metadata: Words by name, for the header.

    Raises:
        ValueError: The format has no such dtype.
    """
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))  # so that each is aligned
    end = 0
    for name in names:
        tensor = tensors[name]
        if tensor.dtype not in _DTYPES:
            raise ValueError(f"{name} is of {tensor.dtype}, which safetensors does not hold. Use one of {[*_DTYPES]}.")
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _DTYPES[tensor.dtype], "shape": [*tensor.shape], "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with in_one_move(path) as unfinished, unfinished.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in names:
            file.write(content_of(tensors[name]))
