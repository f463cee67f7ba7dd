"""What every backend of the adaptive filter is held to: output and gradients against the reference in float64."""

from __future__ import annotations

import ctypes
import math
import mmap
from typing import NamedTuple

import pytest
import torch

from antialias.ops import adaptive_blur2d
from antialias.ops._library import LIBRARY, TOLERANCE

needs_kernel = pytest.mark.skipif(not LIBRARY.exists(), reason="no compiler here, as test_backends.py makes sure")

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


class Geometry(NamedTuple):
    size: tuple[int, int]
    kernel_size: int
    stride: tuple[int, int]
    groups: int
    per_group: int
    normalize: str
    mode: str


# Every border, stride and size of filter; odd maps, and some smaller than the border, which folds or winds around.
GEOMETRIES = (
    Geometry((4, 3), 3, (2, 2), 2, 3, "group", "reflect"),
    Geometry((7, 5), 3, (2, 2), 4, 1, "joint", "zeros"),
    Geometry((4, 3), 3, (2, 1), 2, 2, "joint", "replicate"),
    Geometry((5, 9), 3, (1, 1), 1, 9, "group", "circular"),
    Geometry((1, 1), 3, (2, 2), 2, 2, "group", "reflect"),
    Geometry((1, 3), 3, (1, 1), 2, 2, "joint", "circular"),
    Geometry((3, 4), 5, (1, 2), 2, 2, "group", "circular"),
    Geometry((2, 1), 5, (2, 3), 2, 2, "joint", "reflect"),
    Geometry((1, 4), 5, (2, 2), 3, 3, "group", "replicate"),
    Geometry((6, 5), 5, (4, 3), 1, 4, "group", "reflect"),
    Geometry((4, 5), 7, (3, 2), 2, 2, "group", "zeros"),
    Geometry((3, 3), 1, (2, 2), 2, 5, "joint", "reflect"),
)
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
# Every geometry in both layouts and in two of the three types, every type in both layouts.
MATRIX = [
    (geometry, DTYPES[(number + shift) % 3], layout)
    for number, geometry in enumerate(GEOMETRIES)
    for shift, layout in enumerate(LAYOUTS)
]


def make(size, k=3, stride=(2, 2), groups=2, per_group=3, n=2, dtype=torch.float64, layout="contiguous", seed=0):
    """Draw maps, logits and the gradient of what comes out."""
    generator = torch.Generator().manual_seed(seed)
    kept = [math.ceil(side / step) for side, step in zip(size, stride, strict=True)]
    shapes = (n, groups * per_group, *size), (n, groups * k * k, *kept), (n, groups * per_group, *kept)
    tensors = [torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes]
    return [tensor.to(dtype).contiguous(memory_format=LAYOUTS[layout]) for tensor in tensors]


def at_the_end_of_a_page(tensor):
    """Copy a tensor to where the process may read and write nothing behind it."""
    size, page = tensor.numel() * tensor.element_size(), mmap.PAGESIZE
    pages = mmap.mmap(-1, (-(-size // page) + 1) * page)
    end = len(pages) - page
    libc, address = ctypes.CDLL(None, use_errno=True), ctypes.addressof(ctypes.c_char.from_buffer(pages))
    assert libc.mprotect(ctypes.c_void_p(address + end), ctypes.c_size_t(page), 0) == 0
    flat = torch.frombuffer(pages, dtype=tensor.dtype, count=tensor.numel(), offset=end - size)
    return flat.as_strided(tensor.shape, tensor.stride()).copy_(tensor)


def forward_and_gradients(run, x, logits, grad_y, *arguments):
    x, logits = x.detach().requires_grad_(), logits.detach().requires_grad_()
    y = run(x, logits, *arguments)
    return y.detach(), *torch.autograd.grad(y, (x, logits), grad_y)


def assert_close(found, expected, dtype):
    for name, a, b in zip(("y", "grad_x", "grad_logits"), found, expected, strict=True):
        allowed = TOLERANCE[dtype] * torch.finfo(dtype).eps * (b.abs() + 1)
        assert a.dtype == dtype
        assert ((a.double() - b).abs() <= allowed).all(), (name, ((a.double() - b).abs() / allowed).max())


def check(run, geometry, dtype, layout, device="cpu"):
    """Raise unless `run` computes one entry of the matrix as the reference on the CPU does, and keeps the layout."""
    size, k, stride, groups, per_group, normalize, mode = geometry
    n = 2 if k == 3 else 1  # an interpreter may run this
    inputs = make(size, k, stride, groups, per_group, n, dtype, layout, seed=k)
    arguments = (k, stride, normalize, mode)
    found = forward_and_gradients(run, *(tensor.to(device) for tensor in inputs), *arguments)
    exact = [tensor.double() for tensor in inputs]
    assert_close(
        [tensor.cpu() for tensor in found],
        forward_and_gradients(adaptive_blur2d, *exact, *arguments, "reference"),
        dtype,
    )
    assert found[0].is_contiguous(memory_format=LAYOUTS[layout])
