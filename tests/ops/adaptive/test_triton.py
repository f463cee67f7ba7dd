from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from antialias.ops import adaptive_blur2d, backends
from antialias.ops.adaptive import _triton, _triton_launch
from antialias.ops.adaptive._reference import Settings

HERE = Path(__file__)
SCRIPT = HERE.parents[3] / "benchmarks" / "triton_resources.py"


def test_agrees_with_the_reference_under_the_interpreter():
    worker = HERE.with_name("interpreted_triton.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(worker)]
    done = subprocess.run(command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("triton_resources", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("capability", "layout"), [(80, "contiguous"), (90, "channels last")])
def test_compiles_for_gpus_that_are_not_here(script, capability, layout):
    launches = list(script.launches(3, torch.float32, layout, False))
    assert [launch.kernel for launch in launches] == ["forward", "backward_logits", "backward_x"]
    for launch in launches:
        used = script.resources(script.compiled(launch, capability))
        assert 16 < used["registers"] <= 255
        assert used["spilled_bytes"] == 0
        assert used["shared_bytes"] <= 48 << 10


def test_the_committed_table_has_every_kernel(script):
    with SCRIPT.with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(script.CASES) * len(script.TARGETS)
    assert all(row["spilled_bytes"] == "0" for row in rows if row["kernel_size"] == "3" and row["dtype"] != "float64")
    first, *_ = script.launches(3, torch.float32, "contiguous", False)
    n, channels, height, width = script.SHAPE
    maps = n * height * width * 4
    assert script.moved_bytes(first) == maps * channels + maps // 4 * (channels + 9 * script.GROUPS)


def test_the_grid_covers_everything():
    x, logits = torch.empty(2, 40, 17, 70, device="meta"), torch.empty(2, 18, 9, 35, device="meta")
    y, settings = torch.empty(2, 40, 9, 35, device="meta"), Settings(3, 2, 2, False, "reflect")
    launches = (
        _triton_launch.forward_launch(x, logits, y, settings),
        *_triton_launch.backward_launches(y, x, logits, x, logits, settings),
    )
    forward, of_logits, of_map = launches
    assert forward.grid[0] * forward.arguments["BLOCK_P"] >= 9 * 35
    assert forward.grid[1] * forward.arguments["BLOCK_C"] >= 40
    assert of_logits.grid[0] * of_logits.arguments["BLOCK_P"] >= 9 * 35
    assert of_map.grid[0] * of_map.arguments["BLOCK_Q"] >= 17 * 70
    assert all(launch.grid[2] == 2 for launch in launches)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.empty(1, 4, 8, 8), "x is on cpu, not on a CUDA device"),
        (
            torch.empty(1, 4, 8, 8, dtype=torch.complex64),
            "x is torch.complex64, not one of torch.float32, torch.bfloat16",
        ),
    ],
)
def test_says_why_it_cannot_run(x, message):
    assert message in "; ".join(_triton.why_not(x))
    with pytest.raises(RuntimeError, match="backend='triton' cannot run this input: x is on cpu"):
        adaptive_blur2d(x, torch.empty(1, 9, 4, 4), backend="triton")


def test_without_triton_the_reason_is_given_and_the_reference_runs(monkeypatch):
    monkeypatch.setattr(_triton, "_MISSING", "triton is not installed. Run: pip install triton")
    assert "triton is not installed. Run: pip install triton" in str(backends()[1])
    x, logits = torch.randn(1, 4, 8, 8, dtype=torch.float16), torch.randn(1, 9, 4, 4, dtype=torch.float16)
    assert adaptive_blur2d(x, logits).shape == (1, 4, 4, 4)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Found no\n NVIDIA driver"), "its kernels do not run: RuntimeError: Found no NVIDIA driver"),
        (OSError("no ptxas"), "its kernels do not run: OSError: no ptxas"),
    ],
)
def test_kernels_that_do_not_build_give_their_reason_once(monkeypatch, error, message):
    def fail(*arguments):
        calls.append(arguments)
        raise error

    calls = []
    monkeypatch.setattr(_triton, "_tried", [])
    monkeypatch.setattr(_triton, "_run", fail)
    monkeypatch.setattr(_triton, "interpreted", lambda: True)
    assert _triton.why_not(torch.empty(1)) == _triton.why_not(torch.empty(2)) == [message]
    assert len(calls) == 1
    assert (
        next(status for status in backends(torch.empty(1, dtype=torch.float16)) if status.selected).name == "reference"
    )


def test_a_kernel_that_computes_something_else_is_not_used(monkeypatch):
    def zeros(launch):
        launch.arguments["y" if launch.kernel == "forward" else "statistics"].zero_()

    monkeypatch.setattr(_triton, "_tried", [])
    monkeypatch.setattr(_triton, "_run", zeros)
    monkeypatch.setattr(_triton, "interpreted", lambda: True)
    (reason,) = _triton.why_not(torch.empty(1))
    assert "its kernels do not run: RuntimeError: y differs from the reference's by " in reason


ABSENT = """
import sys
from importlib.machinery import PathFinder
real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name.partition(".")[0] == "triton" else real(name, *rest)
import antialias
assert "triton is not installed. Run: pip install triton" in str(antialias.backends()[1]), antialias.backends()
assert "triton" not in sys.modules
"""


def test_the_package_is_imported_without_triton():
    subprocess.run([sys.executable, "-c", ABSENT], check=True)
