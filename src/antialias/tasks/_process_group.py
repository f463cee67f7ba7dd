"""Several processes that work on one thing together, as torchrun or Lightning started them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


def is_main_process() -> bool:
    """Say whether this process is the one that prints and writes: the only one, or the first."""
    return rank() == 0


def rank() -> int:
    """Return the number of this process."""
    return dist.get_rank() if _initialized() else 0


def world_size() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if _initialized() else 1


def all_gather(value: T) -> list[T]:
    """Return the values of all processes, in the order of their numbers."""
    if not _initialized():
        return [value]
    values: list[T] = [value] * world_size()
    dist.all_gather_object(values, value)
    return values


@contextmanager
def process_group(accelerator: str = "auto", timeout: int = 1800) -> Iterator[torch.device]:
    """Join the processes that torchrun started, if it did, while the context lasts.

    Args:
        accelerator: `"cpu"`, `"gpu"`, or `"auto"` for a GPU where there is one.
        timeout: Seconds that the processes wait for one another.

    Yields:
        The device of this process.

    Raises:
        ValueError: `accelerator` is unknown, or there is no GPU.
        OSError: Another process died or does not answer.
    """
    device = _device(accelerator)
    started = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not _initialized()
    if started:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(seconds=timeout))
    try:
        with explained(timeout):
            yield device
    finally:
        if started:
            dist.destroy_process_group()


@contextmanager
def explained(timeout: int) -> Iterator[None]:
    """Say of other processes of the run that they died or do not answer.

    Args:
        timeout: Seconds that were waited for them.

    Raises:
        ChildProcessError: One that reads images died.
        ConnectionError: Another one of the group died.
        TimeoutError: One of the group gives no answer.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" in str(error):  # torch says so from its signal handler, wherever Python then is
            raise lost_worker(error) from error
        text, again = str(error).partition("\n")[0], "Start the same again with resume: what was kept is whole"
        if "imed out" in text:
            raise TimeoutError(
                f"another process of the run gave no answer for timeout={timeout} seconds. {again} ({text})."
            ) from error
        if "onnection" in text:
            raise ConnectionError(f"another process of the run died. {again} ({text}).") from error
        raise


def lost_worker(error: Exception, seconds: int | None = None) -> OSError:
    """Return what is said of a process that read images and died, or gave none for so many seconds."""
    kind, said = ChildProcessError, "died; it may have run out of memory or of /dev/shm"
    if seconds is not None:
        kind, said = TimeoutError, f"gave none for timeout={seconds} seconds"
    again = f"Go on with resume, and with workers=0 if it comes again ({error})."
    return kind(f"a process that reads images {said}. {again}")


def _device(accelerator: str) -> torch.device:
    if accelerator not in ("auto", "cpu", "gpu"):
        raise ValueError(f"accelerator={accelerator!r} is unknown. Use auto, cpu or gpu.")
    if accelerator == "gpu" and not torch.cuda.is_available():
        raise ValueError("accelerator='gpu', but torch finds no GPU. Use accelerator='cpu'.")
    if accelerator == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _initialized() -> bool:
    return dist.is_available() and dist.is_initialized()
