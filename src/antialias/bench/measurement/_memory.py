"""Bytes: what a forward pass keeps for the backward, what a pass needs at its peak, and what freed memory costs."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from ._passes import Run

_CPU = torch.device("cpu")
_PROCESS = Path("/proc/self")
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def saved_bytes(run: Run, own: Iterable[Tensor]) -> int:
    """Count the bytes that autograd keeps for the backward pass while `run` runs.

    Args:
        run: What is measured.
        own: Parameters, which are there anyway and do not count.

    Returns:
        Bytes of all storages, each counted once.
    """
    saved: dict[int, int] = {}
    parameters = {tensor.untyped_storage().data_ptr() for tensor in own}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run()
    return sum(saved.values())


def keep_freed_memory() -> None:
    """Let the C library keep what is freed; where it is not glibc, nothing happens.

    By default it gives large buffers back to the system, or not, as their sizes and order come. The pages are then new
    in the next pass, and the first touch of them can take longer than the pass itself.
    """
    try:
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_MAX, 0)
        allocator.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    except (OSError, AttributeError):
        return


def peak_bytes(run: Run, device: torch.device = _CPU) -> int | None:
    """Measure by how much the process grows at the peak of `run`, which should have run once before.

    On CUDA, torch's own count is read. On the CPU, the kernel's own high-water mark of resident memory is reset and
    read, so that buffers count which torch's allocator does not see, such as those of oneDNN and of thread-local
    scratch. Freed memory goes back to the system first, or it would be used again unseen.

    Args:
        run: What is measured.
        device: Where it runs.

    Returns:
        Bytes, to some pages; `None` where there is no such mark (it needs Linux and glibc).
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    try:
        ctypes.CDLL(None).malloc_trim(0)
        (_PROCESS / "clear_refs").write_text("5")
        before = _status("VmRSS")
        run()
        return _status("VmHWM") - before
    except (OSError, AttributeError, StopIteration):
        return None


def _status(key: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))
