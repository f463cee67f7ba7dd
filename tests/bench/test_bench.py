from __future__ import annotations

import csv
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from matrix import needs_kernel
from torch import nn

from antialias import bench
from antialias.bench import (
    BENCHMARKS,
    MACHINE,
    Benchmark,
    Implementation,
    Outcome,
    Rates,
    Result,
    Shape,
    check,
    compare_with_targets,
    fit_scaling,
    measure,
    read_results,
    table_of_scaling,
    table_of_targets,
    tables_of_times,
)
from antialias.bench.benchmarks import _peers as peers
from antialias.bench.benchmarks._filters import machine
from antialias.bench.measurement._memory import peak_bytes, saved_bytes
from antialias.bench.measurement._passes import PASSES
from antialias.bench.measurement._roofline import Operation, operations_of
from antialias.cli import main
from antialias.nn import BlurPool2d
from antialias.ops import adaptive_blur2d

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


class Slow(nn.Module):
    def __init__(self, layer, seconds):
        super().__init__()
        self.layer, self.seconds = layer, seconds

    def forward(self, x):
        time.sleep(self.seconds)
        return self.layer(x)


def benchmark(passes=("forward", "forward+backward"), **layers):
    x = torch.randn(1, 4, 8, 8)
    implementations = {name: Implementation(layer, (x,), passes, "blur") for name, layer in layers.items()}
    return Benchmark("blur, small", Shape(1, 4, 8, 8), lambda shape: implementations)


def tiny(one):
    """The benchmark's shape, small; odd sides where the network does not mind."""
    return Shape(1, 3, 64, 64) if one.shape.channels == 3 else Shape(1, 16, 9, 10)


NETWORKS = ("evaluation, channels last", "training")
LAYERS = [one for one in BENCHMARKS if one.shape.channels == 64 or one.name.endswith(NETWORKS)]


@pytest.mark.parametrize("one", LAYERS, ids=lambda one: one.name)
def test_implementations_that_compute_the_same_agree_on_tiny_shapes(one):
    implementations = one.make(tiny(one))
    check(one.name, implementations)
    assert set(one.peers) <= set(implementations) | set(peers.missing(one.peers))
    if one.name.startswith(("adaptive", "fixed")):  # an error in any one of them is noticed
        kind = next(each.computes for each in implementations.values() if each.computes)
        names = [name for name, each in implementations.items() if each.computes == kind]
        assert "antialias" in names
        wrong = {"wrong": replace(implementations["antialias"], layer=Twice(implementations["antialias"].layer))}
        with pytest.raises(RuntimeError, match=f"wrong differs from {names[0]} by"):
            check(one.name, {**implementations, **wrong})


class Twice(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *inputs):
        return 2 * self.layer(*inputs)


@pytest.mark.parametrize("name", ["adaptive layer and compilers", "TinyResNet, 64 px, compiled"])
def test_compiled_implementations_agree(name, monkeypatch):
    torch._dynamo.reset()
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda layer, **options: compiler(layer, backend="aot_eager", **options))
    one = next(each for each in BENCHMARKS if each.name == name)
    implementations = one.make(tiny(one))
    check(name, implementations)
    assert any(each.compiled for each in implementations.values())


def test_no_time_is_reported_on_a_wrong_result():
    with pytest.raises(RuntimeError, match="blur, small: box differs from ours by .* in the output. No time is rep"):
        measure(benchmark(ours=BlurPool2d(4), box=nn.AvgPool2d(3, 2, 1)))


def test_a_wrong_gradient_is_a_wrong_result():
    class Deaf(BlurPool2d):
        def forward(self, x):
            return super().forward(x * 2) - super().forward(x.detach())

    with pytest.raises(RuntimeError, match="deaf differs from ours by 1.0e\\+00 in gradient 0"):
        measure(benchmark(ours=BlurPool2d(4), deaf=Deaf(4)))


def test_times_quartiles_and_bytes():
    results = measure(benchmark(fast=BlurPool2d(4), slow=Slow(BlurPool2d(4), 0.05)), 3, Rates(1e9, 1e9))
    by_name = {(result.implementation, result.pass_name): result for result in results}
    for what in ("forward", "forward+backward"):
        assert by_name["slow", what].milliseconds > 50
        assert by_name["fast", what].milliseconds < 25
    assert all(each.lower_quartile <= each.milliseconds <= each.upper_quartile for each in results)
    assert all((each.saved_bytes > 0) == (each.pass_name != "forward") for each in results)
    assert all(each.limit_milliseconds > 0 for each in results)


def test_every_pass_runs():
    layer, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.randn(2, 3, 5, 5)
    before = layer[0].weight.detach().clone()
    for what in PASSES:
        implementation = Implementation(layer, (x,), (what,))
        (found,) = measure(Benchmark("pass", Shape(*x.shape), lambda shape, one=implementation: {"net": one}), 3)
        assert (found.pass_name, found.saved_bytes is None) == (what, what == "backward")
        assert torch.equal(layer[0].weight, before) == (what != "training step")


def test_bytes_of_known_programs():
    x, weight = torch.randn(1000, 1000, requires_grad=True), torch.randn(1000, 1000, requires_grad=True)
    assert saved_bytes(lambda: (x * 2).exp().log().sin(), []) == 8_000_000  # exp and log keep the same one
    assert saved_bytes(lambda: x @ weight, [weight]) == 4_000_000
    grown = peak_bytes(lambda: torch.ones(8_000_000).sum())
    assert grown is None or 31e6 < grown < 36e6


def test_operations_are_counted_from_shapes():
    x, convolution = torch.randn(2, 3, 8, 8), nn.Conv2d(3, 4, 3, bias=False)
    with torch.no_grad():
        (operation,) = operations_of(lambda: convolution(x).flatten())
        copies = operations_of(lambda: torch.empty(5).copy_(x[0, 0, 0, :5].detach()))
    assert copies == [Operation(40, 0)]
    assert operation == Operation(4 * (2 * 3 * 64 + 4 * 27 + 2 * 4 * 36), 2 * 4 * 36 * 27)
    assert Rates(1000, 10).seconds([Operation(500, 1), Operation(100, 20)]) == 2.5
    assert Rates(1000, 10, 5).seconds([Operation(500, 10, 5), Operation(3000, 1, 1)]) == 5


@pytest.mark.parametrize("backend", ["reference", pytest.param("cpp", marks=needs_kernel)])
def test_exponentials_and_products_of_the_adaptive_filter(backend):
    x, logits = torch.randn(2, 8, 6, 6, requires_grad=True), torch.randn(2, 36, 3, 3, requires_grad=True)
    with torch.no_grad():
        forward = operations_of(lambda: adaptive_blur2d(x, logits, 3, backend=backend))
    assert sum(each.exponentials for each in forward) == logits.numel()
    if backend == "cpp":
        operation = max(forward, key=lambda each: each.multiply_adds)
        assert operation == Operation(4 * (2 * 8 * 45 + 2 * 36 * 9), 2 * 8 * 9 * 9, 2 * 36 * 9)
        y = adaptive_blur2d(x, logits, 3, backend=backend)
        backward = operations_of(lambda: torch.autograd.grad(y, (x, logits), torch.ones_like(y)))
        assert max(each.multiply_adds for each in backward) == 2 * operation.multiply_adds
        assert sum(each.exponentials for each in backward) == operation.exponentials


def test_machine_rates():
    shape = Shape(1, 8, 16, 16)
    results = measure(replace(MACHINE, make=lambda _: machine(shape)), 3)
    rates = bench._run._rates(results)
    assert {result.implementation: (result.moved_bytes, result.multiply_adds) for result in results} == {
        "copy": (2 * 4 * 2048, 0),
        "exponential": (2 * 4 * 2048, 0),
        "matrix product": (3 * 4 * 128**2, 128**3),
        "3x3 convolution": (4 * (2 * 2048 + 64 * 9), 2048 * 8 * 9),
    }
    assert 1e6 < rates.bytes_per_second < 1e13
    assert 1e5 < rates.exponentials_per_second < 1e12


def test_threads_of_a_benchmark_end_with_it():
    before, seen = torch.get_num_threads(), []
    layer = nn.ReLU()
    layer.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    measure(replace(benchmark(("forward",), ours=layer), threads=before + 1), 3)
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_another_device_is_timed_there(monkeypatch):
    """Where there is no GPU, its place is taken by the CPU and its calls are counted."""
    moved, waits = [], []
    monkeypatch.setattr(Implementation, "to", lambda self, device: moved.append(device) or self)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waits.append(torch.backends.cudnn.allow_tf32))
    measure(benchmark(("forward",), ours=BlurPool2d(4)), 3, device="cuda")
    assert moved == ["cuda"]
    assert waits == [False] * 2 * (1 + 3)
    monkeypatch.undo()
    layer = Implementation(BlurPool2d(4), (torch.ones(1, 4, 4, 4),)).to("meta")
    assert {tensor.device.type for tensor in (*layer.inputs, *layer.layer.buffers())} == {"meta"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="device='cuda', but torch finds no CUDA device here. Use device='cpu'."):
        bench.run(tmp_path, device="cuda")


def test_runs_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(bench._run, "BENCHMARKS", (benchmark(("forward",), ours=BlurPool2d(4)),))
    monkeypatch.setattr(bench._run, "MACHINE", replace(MACHINE, make=lambda _: machine(Shape(1, 8, 8, 8))))
    outcome = bench.run(tmp_path, rounds=3)
    with outcome.path.open() as file:
        rows = list(csv.DictReader(file))
    named = ["copy", "exponential", "matrix product", "3x3 convolution", "ours"]
    assert [row["contender"] for row in rows] == named
    assert rows[0]["torch"] == torch.__version__
    assert (outcome.missing, outcome.targets, outcome.figures) == ([], [], [])


def test_the_command_prints_times_and_who_was_missing(tmp_path, monkeypatch, capsys):
    mine = replace(
        benchmark(("forward",), eager=BlurPool2d(4), compiled=BlurPool2d(4)), name="TinyResNet, 64 px, compiled"
    )
    monkeypatch.setattr(bench._run, "BENCHMARKS", (replace(mine, peers=("nobody-has-this",)),))
    monkeypatch.setattr(bench._run, "MACHINE", replace(MACHINE, make=lambda _: machine(Shape(1, 8, 8, 8))))
    monkeypatch.setenv("COLUMNS", "80")
    main(["bench", "--out", str(tmp_path), "--rounds", "3", "--only", "Tiny"])
    out = capsys.readouterr().out
    assert "TinyResNet, 64 px, compiled: forward" in out
    assert re.search(r"Adaptive networks, evaluation: compiled / eager +\d\.\d\d +<= 1 +(yes|no)", out)
    assert "Not installed, so not measured: nobody-has-this. `make bench` installs them." in out
    assert "-bars.svg" in out


def test_tables_are_readable_in_80_columns(tmp_path, monkeypatch, capsys):
    """Every number and every word stands there, none of them cut."""
    committed = read_results(RESULTS / "x86-64-intel-r-xeon-r-processor-2-threads.csv")
    outcome = Outcome(committed, compare_with_targets(committed), fit_scaling(committed), [], tmp_path / "a.csv", [])
    monkeypatch.setattr("antialias.cli._bench.run", lambda *args, **options: outcome)
    monkeypatch.setenv("COLUMNS", "80")
    main(["bench", "--only", "e"])
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("Wrote")) <= 80
    assert "…" not in out
    words = Counter(out.split())
    for table in (*tables_of_times(committed), table_of_targets(outcome.targets), table_of_scaling(outcome.scaling)):
        for cell in (*table.columns, *(cell for row in table.rows for cell in row)):
            assert all(words[word] for word in cell.split()), cell
    network = next(line for line in lines if line.strip().startswith("timm:resnetblur50"))
    assert re.search(r" \d\.\d\d +\d+\.\d\d +[\d.]+–[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ *$", network)


def test_a_peer_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "version", lambda name: "")
    assert peers.peer_blurs(4, "zeros") == {}
    assert peers.missing(["kornia", "timm", "kornia"]) == ["kornia", "timm"]


def test_peers_are_imported_in_one_place_only():
    sources = Path(bench.__file__).parents[1].rglob("*.py")
    users = {path.name for path in sources if re.search(r"antialiased_cnns|kornia", path.read_text())}
    assert users - {"_targets.py"} == {"_peers.py"}  # the targets name them


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="only='abacus' names no benchmark. Use a part of: adaptive layer, 8x64"):
        bench.run(tmp_path, only="abacus")
    with pytest.raises(ValueError, match="rounds=2 gives no quartiles. Use 3 or more"):
        measure(benchmark(ours=BlurPool2d(4)), rounds=2)


def test_names_are_unique():
    names = [one.name for one in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert isinstance(measure(benchmark(("forward",), ours=BlurPool2d(4)), 3)[0], Result)
