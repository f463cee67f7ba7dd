"""Compile the Triton kernels for GPUs that are not here: `python benchmarks/triton_resources.py` writes
`benchmarks/triton_resources.csv`.

Registers, spills and shared memory are what ptxas and cuobjdump say of the machine code. Bytes are counted from the
shapes, each map once, and times predicted from them at the bandwidths in the table: no GPU was timed.
"""

from __future__ import annotations

import csv
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import triton
from torch import Tensor
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from antialias.ops.adaptive import _triton_kernels as kernels
from antialias.ops.adaptive import _triton_launch as ours
from antialias.ops.adaptive._reference import Settings

SHAPE, GROUPS, STRIDE = (32, 256, 56, 56), 8, (2, 2)
# TB/s of memory bandwidth, as the makers state it: A100 80 GB (sm_80), H100 SXM (sm_90).
TARGETS = {80: 2.04, 90: 3.35}
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.float64: "*fp64"}
# Kernel size, type, layout, joint softmax.
CASES = (
    *((k, torch.float32, layout, False) for k in (1, 3, 5, 7) for layout in LAYOUTS),
    *((3, torch.bfloat16, layout, False) for layout in LAYOUTS),
    *((3, dtype, "contiguous", False) for dtype in (torch.float16, torch.float64)),
    (3, torch.float32, "contiguous", True),
)


def launches(kernel_size: int, dtype: torch.dtype, layout: str, joint: bool) -> Iterator[ours.Launch]:
    """Prepare the three kernels on tensors that have no memory."""
    n, channels, height, width = SHAPE
    kept = (-(-height // STRIDE[0]), -(-width // STRIDE[1]))

    def maps(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=dtype, device="meta", memory_format=LAYOUTS[layout])

    x, y, logits = maps(*SHAPE), maps(n, channels, *kept), maps(n, GROUPS * kernel_size**2, *kept)
    settings = Settings(kernel_size, *STRIDE, joint, "reflect")
    yield ours.forward_launch(x, logits, y, settings)
    yield from ours.backward_launches(y, x, logits, x, logits, settings)


def compiled(launch: ours.Launch, capability: int) -> Any:
    """Compile a launch, specialised as at run time: ones are constants, multiples of 16 are known as such."""
    kernel = getattr(kernels, launch.kernel)
    signature: dict[str, str] = {}
    constants: dict[str, Any] = {}
    attributes: dict[tuple[int], list[list[object]]] = {}
    for place, name in enumerate(kernel.arg_names):
        value = launch.arguments[name]
        if isinstance(value, Tensor):
            signature[name] = POINTERS[value.dtype]
        elif name.isupper() or value == 1:
            signature[name], constants[name] = "constexpr", value
        else:
            signature[name] = "i32"
        if isinstance(value, Tensor) or (signature[name] == "i32" and value % 16 == 0):
            attributes[place,] = [["tt.divisibility", 16]]
    source = ASTSource(kernel, signature, constants, attributes)
    return triton.compile(source, GPUTarget("cuda", capability, 32), {"num_warps": ours.WARPS})


def resources(binary: Any) -> dict[str, int]:
    """Read what the machine code needs: registers a thread, bytes spilled a thread, bytes of shared memory a block."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary.asm["cubin"])
        file.flush()
        command = [knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {key: int(value) for key, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", said)}
    return {
        "registers": found["REG"],
        "spilled_bytes": found["STACK"] + found["LOCAL"],
        "shared_bytes": binary.metadata.shared,
    }


def moved_bytes(launch: ours.Launch) -> int:
    """Count the bytes of the maps that a kernel reads and writes, each once."""
    tensors = [value for value in launch.arguments.values() if isinstance(value, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def row(launch: ours.Launch, capability: int) -> dict[str, object]:
    """Compile one launch for one GPU."""
    moved, tile = moved_bytes(launch), {name: launch.arguments.get(name) for name in ("BLOCK_C", "BLOCK_P", "BLOCK_Q")}
    return {
        "kernel": launch.kernel,
        "target": f"sm_{capability}",
        "programs": launch.grid[0] * launch.grid[1] * launch.grid[2],
        "tile": "x".join(str(value) for value in tile.values() if value),
        **resources(compiled(launch, capability)),
        "moved_mb": round(moved / 1e6, 2),
        "predicted_microseconds": round(moved / TARGETS[capability] / 1e6, 1),
    }


def main() -> None:
    """Write the table."""
    path = Path(__file__).with_suffix(".csv")
    rows = [
        {
            "kernel_size": k,
            "dtype": str(dtype).removeprefix("torch."),
            "layout": layout,
            "joint": joint,
            **row(each, arch),
        }
        for k, dtype, layout, joint in CASES
        for each in launches(k, dtype, layout, joint)
        for arch in TARGETS
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "triton"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**each, "triton": triton.__version__} for each in rows)
    print(f"Wrote {path}: {len(rows)} kernels, {sum(bool(each['spilled_bytes']) for each in rows)} of them spill")


if __name__ == "__main__":
    main()
