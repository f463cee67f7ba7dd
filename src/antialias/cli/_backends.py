"""The verb `backends`."""

from __future__ import annotations

import torch

import antialias as aa


def backends(*, device: str = "cpu", dtype: str = "float32", channels_last: bool = False) -> None:
    """List the kernels of the adaptive filter, which one runs, and why the others do not.

    Args:
        device: Device of the maps, such as cpu or cuda.
        dtype: Type of the maps, such as float32 or bfloat16.
        channels_last: The maps are in channels_last memory format.

    Raises:
        ValueError: `dtype` is no type of torch's.
    """
    if not isinstance(kind := getattr(torch, dtype, None), torch.dtype):
        raise ValueError(f"dtype={dtype} is unknown. Use a torch type such as float32 or bfloat16.")
    x = torch.empty(1, 8, 16, 16, dtype=kind, device=device)
    for status in aa.backends(x.to(memory_format=torch.channels_last) if channels_last else x):
        print(status)
