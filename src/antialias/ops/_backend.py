"""Backends of an operation as data: each runs, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Backend:
    """One way to run an operation.

    Attributes:
        name: What `backend=` takes.
        description: What it is, in a few words.
        why_not: Reasons why it cannot run on given inputs; empty if it can.
        run: The operation.
        gradients: Its backward pass as an operation, if it has one: takes the gradient of the output and what `run`
            takes.
    """

    name: str
    description: str
    why_not: Callable[..., list[str]]
    run: Callable[..., Tensor]
    gradients: Callable[..., tuple[Tensor, ...]] | None = None


def pick(backends: Sequence[Backend], name: str, *inputs: Any) -> Backend:
    """Return the backend of that name, or for `"auto"` the first that can run the inputs.

    Args:
        backends: The fastest first; the last is plain torch and runs everything.
        name: `"auto"` or the name of one of them.
        inputs: What their `why_not` looks at.

    Raises:
        ValueError: The name is unknown.
        RuntimeError: The named backend cannot run the inputs.
    """
    if name == "auto" and torch.compiler.is_exporting():
        return backends[-1]  # What is exported must run, or become ONNX, where this library is not installed.
    if name == "auto":
        return next(backend for backend in backends if not backend.why_not(*inputs))
    for backend in backends:
        if backend.name == name:
            if reasons := backend.why_not(*inputs):
                raise RuntimeError(f"backend={name!r} cannot run this input: {'; '.join(reasons)}. Use backend='auto'.")
            return backend
    names = ", ".join(repr(backend.name) for backend in backends)
    raise ValueError(f"backend={name!r} is unknown. Use 'auto' or one of {names}.")
