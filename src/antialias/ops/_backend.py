"""Backends of an operation as data: each runs, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from antialias._torch import is_in_forward_mode, is_in_functorch


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


@dataclass(frozen=True)
class BackendStatus:
    """One backend seen from one input: whether `"auto"` picks it, and if it cannot run, why.

    Attributes:
        name: What `backend=` takes.
        description: What it is, in a few words.
        selected: `"auto"` runs this one.
        why_not: Reasons why it cannot run; empty if it can.
    """

    name: str
    description: str
    selected: bool
    why_not: tuple[str, ...]

    def __str__(self) -> str:
        mark = "selected" if self.selected else "available" if not self.why_not else "cannot run"
        reasons = f" Reasons: {'; '.join(self.why_not)}." if self.why_not else ""
        return f"{self.name}: {mark} ({self.description}).{reasons}"


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
    if name == "auto" and (is_exporting() or torch.jit.is_tracing()):
        return backends[-1]
    if name == "auto":
        return next(backend for backend in backends if not backend.why_not(*inputs))
    for backend in backends:
        if backend.name == name:
            if reasons := backend.why_not(*inputs):
                raise RuntimeError(f"backend={name!r} cannot run this input: {'; '.join(reasons)}. Use backend='auto'.")
            return backend
    names = ", ".join(repr(backend.name) for backend in backends)
    raise ValueError(f"backend={name!r} is unknown. Use 'auto' or one of {names}.")


def is_exporting() -> bool:
    """Say whether `torch.export` looks on, whose program must run, or become ONNX, without this library."""
    return torch.compiler.is_exporting()


def why_not_maps(x: Tensor, device: str, place: str, dtypes: Sequence[torch.dtype]) -> list[str]:
    """Say why kernels for one kind of device and some types cannot run on maps like `x`; empty if they can.

    Args:
        x: The maps.
        device: Type of the device that the kernels are for.
        place: What that is called in a reason.
        dtypes: Types that the kernels know.
    """
    reasons = []
    if x.device.type != device:
        reasons.append(f"x is on {x.device.type}, not on {place}")
    if not torch.compiler.is_compiling() and is_in_functorch():
        reasons.append("a transform of torch.func is active, which plain torch operations support best")
    if not torch.compiler.is_compiling() and is_in_forward_mode():
        reasons.append("forward-mode derivatives are taken, which the kernels have not")
    if x.dtype not in dtypes:
        reasons.append(f"x is {x.dtype}, not one of {', '.join(map(str, dtypes))}")
    return reasons
