"""Tensors in files: safetensors, written in one move, and what `torch.save` wrote, whoever did.

A network is always the same bytes, and needs no numpy.

safetensors' own writer orders metadata at random, imports numpy, which is no part of the core, and writes in place.
Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import ctypes
import json
import pickletools
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ._files import in_one_move

_LONGEST = 255  # letters of a module and a class: torch searches its own message for them, in cubic time
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


def write_archive(values: Any, path: Path) -> None:
    """Write a file of `torch.save` in one move.

    Args:
        values: What `read_archive` gives back.
        path: Where to write; its folder is made.

    Raises:
        OSError: The file cannot be written.
    """
    with in_one_move(path) as unfinished, unfinished.open("wb") as file:
        torch.save(values, file)


def read_archive(path: Path, fix: str, device: torch.device | str = "cpu") -> Any:
    """Read what `torch.save` wrote, every byte of which is checked; nothing is unpickled but tensors and plain values.

    Args:
        path: The file.
        fix: A sentence that says what to do where it is torn, which ends the message.
        device: Where its tensors go.

    Raises:
        ValueError: It is torn, or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (broken := archive.testzip()) is not None:
                raise ValueError(f"{broken} in it has other bytes than were written")
        return torch.load(path, map_location=device, weights_only=True)
    except PermissionError:
        raise
    except Exception as error:  # damage has many names
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{path} is torn, or no file of torch.save ({reason}). {fix}") from error


def read_pickled(path: Path) -> Any:
    """Read tensors and plain values that `torch.save` wrote, on the CPU, whoever wrote the file.

    `torch.load(weights_only=True)` runs nothing that a file asks for. What it would take time or memory for, or write
    to the disk, is looked for before: members of the archive that unpack to more than the file, names of classes that
    are too long for any, and tar files, which torch unpacks.

    Args:
        path: The file.

    Raises:
        ValueError: It is such a file.
        Exception: Whatever a damaged file provokes in torch.
    """
    with path.open("rb") as file:
        is_archive = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        if is_archive:
            with zipfile.ZipFile(file) as archive:
                size, members = path.stat().st_size, archive.infolist()
                if (unpacked := sum(member.file_size for member in members)) > size:
                    raise ValueError(f"it unpacks to {unpacked:,} bytes from {size:,}")
                for member in members:
                    if member.filename.endswith("data.pkl"):
                        with archive.open(member) as content:
                            _check_names(content)
        elif tarfile.is_tarfile(path):
            raise ValueError("a tar file")
        else:
            for _ in range(5):  # a number, a version, the system, the values, and the names of what follows as bytes
                _check_names(file)
    return torch.load(path, map_location="cpu", weights_only=True)


def _check_names(file: IO[bytes]) -> None:
    """Read a pickle to its end without doing what it says.

    Raises:
        ValueError: It is none, or names a class by more letters than one has.
    """
    for operation, said, _ in pickletools.genops(file):
        if operation.name in ("GLOBAL", "INST") and len(str(said)) > _LONGEST:
            raise ValueError(f"it asks for {str(said)[:40]}..., a name of {len(str(said)):,} letters")
