"""Sequences and volumes: networks of one and three dimensions convert as those of maps do."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import antialias as aa
from antialias.nn import AdaptiveBlurPool1d, AdaptiveBlurPool3d, BlurPool1d, BlurPool3d, Filter, Gaussian

CONV = {1: (nn.Conv1d, F.conv1d), 3: (nn.Conv3d, F.conv3d)}
SIZES = {1: [(96,), (93,)], 3: [(6, 12, 16), (5, 11, 14)]}
LAYERS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "Conv1d /2": (1, lambda: nn.Conv1d(4, 4, 3, 2, 1)),
    "Conv1d 8 /4": (1, lambda: nn.Conv1d(4, 4, 8, 4, 2)),
    "Conv1d 1 /3": (1, lambda: nn.Conv1d(4, 4, 1, 3)),
    "Conv1d /2 dilated": (1, lambda: nn.Conv1d(4, 4, 3, 2, 2, dilation=2)),
    "MaxPool1d 4": (1, lambda: nn.MaxPool1d(4)),
    "MaxPool1d 3 /2": (1, lambda: nn.MaxPool1d(3, 2, 1)),
    "AvgPool1d 3 /2": (1, lambda: nn.AvgPool1d(3, 2, 1)),
    "Conv3d /2": (3, lambda: nn.Conv3d(4, 4, 3, 2, 1)),
    "Conv3d /1x2x2": (3, lambda: nn.Conv3d(4, 4, (1, 3, 3), (1, 2, 2), (0, 1, 1))),
    "Conv3d /2x1x1": (3, lambda: nn.Conv3d(4, 4, (3, 1, 1), (2, 1, 1), (1, 0, 0))),
    "MaxPool3d 2": (3, lambda: nn.MaxPool3d(2)),
    "MaxPool3d 1x3x3 /1x2x2": (3, lambda: nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))),
    "AvgPool3d 1x2x2": (3, lambda: nn.AvgPool3d((1, 2, 2))),
}


def network(name: str) -> tuple[nn.Sequential, Tensor, tuple[int, ...]]:
    """A layer and a norm between convolutions, in double precision, an input, and the layer's stride."""
    torch.manual_seed(0)
    dims, make = LAYERS[name]
    convolution, norm = CONV[dims][0], {1: nn.BatchNorm1d, 3: nn.BatchNorm3d}[dims]
    layer: Any = make()
    behind = norm(4)
    nn.init.uniform_(behind.running_mean)
    model = nn.Sequential(convolution(2, 4, 3, padding=1), nn.ReLU(), layer, behind, nn.ReLU(), convolution(4, 3, 1))
    stride = tuple(layer.stride) if isinstance(layer.stride, tuple) else (layer.stride,) * dims
    return model.double().eval(), torch.randn(2, 2, *SIZES[dims][0], dtype=torch.float64), stride


def every(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    return x[(..., *(slice(None, None, step) for step in stride))]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", LAYERS)
def test_a_fixed_filter_blurs_what_is_subsampled_and_then_subsamples(name: str, size: int) -> None:
    model, x, stride = network(name)
    dims = len(stride)
    x = torch.randn(2, 2, *SIZES[dims][size], dtype=torch.float64)
    before = model(x)
    layer: Any = copy.deepcopy(model[2])
    layer.stride = (1,) * dims
    dense = layer(model[1](model[0](x)))
    if isinstance(layer, CONV[dims][0]):
        dense = model[4](model[3](dense))
    kernel = torch.ones(1, dtype=torch.float64)
    for step in stride:
        row = [0.25, 0.5, 0.25] if step > 1 else [0.0, 1.0, 0.0]
        kernel = kernel[..., None] * torch.tensor(row, dtype=torch.float64)
    padded = F.pad(dense, (1, 1) * dims, "reflect")
    blurred = every(CONV[dims][1](padded, kernel.expand(4, 1, *[3] * dims), groups=4), stride)
    expected = model[5](blurred if isinstance(layer, CONV[dims][0]) else model[4](model[3](blurred)))
    done = aa.convert_(model, aa.Fixed(), example=x)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    (site,) = done.changed
    assert (site.stride, site.output_size) == (stride, before.shape[2:])
    (filter_,) = done.filters().values()
    assert type(filter_) is {1: BlurPool1d, 3: BlurPool3d}[dims]
    done.revert_()
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("predictor", ["full", "separable"])
@pytest.mark.parametrize("name", LAYERS)
def test_an_identity_start_and_one_tap_compute_what_was_computed(name: str, predictor: Any) -> None:
    model, x, stride = network(name)
    description, before = repr(model), model(x)
    with_one_tap = aa.convert_(model, aa.Fixed(kernel_size=1), example=x)
    torch.testing.assert_close(model(x), before, rtol=1e-12, atol=1e-12)
    with_one_tap.revert_()
    done = aa.convert_(model, aa.Adaptive(groups=2, predictor=predictor), example=x)
    assert (model(x) - before).norm() <= 1e-3 * before.norm()
    (filter_,) = done.filters().values()
    assert type(filter_) is {1: AdaptiveBlurPool1d, 3: AdaptiveBlurPool3d}[len(stride)]
    assert done.changed[0].parameters == sum(p.numel() for p in filter_.parameters())
    done.revert_()
    assert repr(model) == description
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("filter", [aa.Fixed(padding_mode="circular"), aa.Adaptive(groups=2, padding_mode="circular")])
@pytest.mark.parametrize("name", ["Conv1d /2", "Conv1d 1 /3", "Conv3d /2", "Conv3d /1x2x2", "Conv3d /2x1x1"])
def test_a_circular_shift_by_a_whole_stride_moves_the_answer_by_one(name: str, filter: Filter) -> None:
    model, x, stride = network(name)
    for number in (0, 2):
        conv: Any = model[number]
        border = [side for amount in reversed(conv.padding) for side in (amount, amount)]
        conv.padding_mode, conv._reversed_padding_repeated_twice = "circular", border
    for layer in aa.convert_(model, filter, example=x).filters().values():
        if isinstance(layer, (AdaptiveBlurPool1d, AdaptiveBlurPool3d)):
            nn.init.uniform_(layer.bn.weight)  # filters that differ from place to place
    places = tuple(range(2, x.dim()))
    moved, by_one = model(x.roll(stride, places)), model(x).roll((1,) * len(stride), places)
    torch.testing.assert_close(moved, by_one, rtol=1e-10, atol=1e-10)


def audio() -> nn.Sequential:
    """A stack as networks of waveforms have it: long strides first, then pools."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv1d(1, 16, 80, 4, 38), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4)),
        *(nn.Conv1d(16, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(4)),
        *(nn.Conv1d(16, 32, 3, 2, 1), nn.BatchNorm1d(32), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(32, 5)),
    ).eval()


def video() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv3d(3, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU(), nn.MaxPool3d((1, 2, 2))),
        *(
            nn.Conv3d(8, 8, 3, 2, 1),
            nn.BatchNorm3d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.Linear(8, 5),
        ),
    ).eval()


CASES = [(audio, (2, 1, 512)), (video, (2, 3, 4, 16, 16))]


def converted(make: Callable[[], nn.Sequential], filter: Filter, x: Tensor) -> nn.Sequential:
    """A converted network whose filters differ from place to place."""
    model = make()
    for layer in aa.convert_(model, filter, example=x).filters().values():
        if isinstance(norm := getattr(layer, "bn", None), nn.Module):
            nn.init.uniform_(norm.weight)
    return model


@pytest.mark.parametrize("filter", [aa.Fixed(), aa.Adaptive(groups=4)], ids=repr)
@pytest.mark.parametrize(("make", "shape"), CASES)
def test_a_converted_network_is_saved_copied_and_trained(
    make: Callable[[], nn.Sequential], shape: tuple[int, ...], filter: Filter, tmp_path: Path
) -> None:
    x = torch.randn(shape)
    model = converted(make, filter, x)
    expected = model(x)
    aa.save(model, tmp_path / "network.safetensors")
    assert torch.equal(aa.load(tmp_path / "network.safetensors", make())(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(copy.deepcopy(model)))(x), expected)
    model.train()(x).square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_a_converted_network_compiles_and_exports(make: Callable[[], nn.Sequential], shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    model = converted(make, aa.Adaptive(groups=4, predictor="separable"), x)
    expected = model(x)
    torch.testing.assert_close(torch.compile(model, backend="eager", fullgraph=True)(x), expected)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("items", min=2)},))
    twice = torch.cat([x, x])
    torch.testing.assert_close(program.module()(twice), torch.cat([expected, expected]), rtol=1e-4, atol=1e-5)


def multiply_adds(model: nn.Module, x: Tensor) -> int:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("make", "shape"), [(audio, (1, 1, 1024)), (video, (1, 3, 4, 16, 16))])
def test_multiply_adds_are_those_that_torch_counts(make: Callable[[], nn.Sequential], shape: tuple[int, ...]) -> None:
    model, x = make(), torch.randn(shape)
    plan = aa.inspect(model, x, aa.Fixed())
    assert plan.macs == multiply_adds(model, x)
    done = aa.convert_(model, aa.Fixed(), example=x)
    assert plan.macs + sum(site.macs for site in plan.changed) == multiply_adds(model, x)
    done.revert_()
    plan = aa.inspect(model, x, aa.Adaptive(groups=4))
    done = aa.convert_(model, aa.Adaptive(groups=4), example=x)
    weighted = 0  # sums of shifted maps, which are no convolutions
    for site, layer in zip(plan.changed, done.filters().values(), strict=True):
        filter_: Any = layer
        kept = int(torch.tensor(site.output_size).prod())
        weighted += kept * site.channels * int(torch.tensor(filter_.kernel_size).prod())
    assert plan.macs + sum(site.macs for site in plan.changed) == multiply_adds(model, x) + weighted


def sites(model: nn.Module, x: Any, filter: Filter | None = None) -> dict[str, str]:
    return {site.name: site.place or site.reason for site in aa.inspect(model, x, filter).sites}


def test_torchvisions_networks_of_videos_keep_their_answers() -> None:
    torch.manual_seed(0)
    model, x = torchvision.models.video.r3d_18(weights=None).eval(), torch.randn(1, 3, 4, 32, 32)
    names = [f"layer{n}.0.{part}" for n in (2, 3, 4) for part in ("conv1.0", "downsample.0")]
    assert list(sites(model, x)) == ["stem.0", *names]
    assert sites(model, x)["layer2.0.conv1.0"] == "output of layer2.0.conv1.2"
    before = model(x)
    done = aa.convert_(model, aa.Adaptive(predictor="separable"), example=x)
    after = model(x)
    assert (after - before).norm() <= 1e-3 * before.norm()
    assert after.argmax() == before.argmax()
    done.revert_()
    assert torch.equal(model(x), before)
    aa.convert_(model, aa.Fixed(), example=x, where="layer2.*")
    assert not torch.equal(model(x), before)


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("mc3_18", [(1, 2, 2)] * 7),
        ("r2plus1d_18", [(1, 2, 2), *[(1, 2, 2), (2, 1, 1), (2, 2, 2)] * 3]),
    ],
)
def test_time_is_filtered_where_it_is_subsampled(name: str, strides: list[tuple[int, ...]]) -> None:
    with torch.device("meta"):
        model, x = torchvision.models.get_model(name, weights=None), torch.randn(1, 3, 4, 32, 32)
    plan = aa.inspect(model, x, aa.Fixed())
    assert [site.stride for site in plan.sites] == strides
    aa.convert_(model, aa.Fixed(), example=x)
    for layer in (layer for layer in model.modules() if isinstance(layer, BlurPool3d)):
        assert layer.kernel_size == tuple(3 if step > 1 else 1 for step in layer.stride)


def test_a_real_network_of_waveforms_keeps_its_answer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers: Any = pytest.importorskip("transformers")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.Wav2Vec2Config(
        **small, conv_dim=(8,) * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2
    )
    model, x = transformers.Wav2Vec2Model(config).eval(), torch.randn(1, 4000)
    before = model(x).last_hidden_state
    done = aa.convert_(model, aa.Adaptive(), example=x)
    layers = "feature_extractor.conv_layers"
    assert [site.place for site in done.changed] == [f"output of {layers}.{n}.activation" for n in range(1, 7)]
    assert (model(x).last_hidden_state - before).norm() <= 1e-3 * before.norm()


class Functions(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.conv = function, nn.Conv3d(2, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.conv(x))


@pytest.mark.parametrize(
    ("model", "shape", "filter", "reason"),
    [
        (
            audio(),
            (1, 1, 512),
            aa.Polyphase(),
            "Polyphase takes maps of two dimensions, and this one has 1: use Fixed or",
        ),
        (video(), (1, 3, 4, 16, 16), aa.Polyphase(), "Polyphase takes maps of two dimensions, and this one has 3"),
        (
            video(),
            (1, 3, 4, 16, 16),
            aa.PhaseAverage(),
            "PhaseAverage takes maps of two dimensions, and this one has 3",
        ),
        (video(), (1, 3, 4, 16, 16), Gaussian(), "Gaussian takes maps of two dimensions, and this one has 3"),
        (
            video(),
            (1, 3, 4, 16, 16),
            aa.Fixed(phase="norm"),
            "phases are chosen in maps of two dimensions, and this one has 3: leave phase= out",
        ),
        (
            nn.Sequential(nn.Conv1d(1, 4, 3), nn.MaxPool1d(2, ceil_mode=True)),
            (1, 1, 33),
            aa.Fixed(),
            "ceil_mode, whose windows over the end are kept in two dimensions only: use ceil_mode=False",
        ),
        (
            nn.Sequential(Functions(lambda x: F.avg_pool3d(x, 2))),
            (1, 2, 4, 8, 8),
            aa.Fixed(),
            "it is no max or average pool of maps in two dimensions: let a module, such as nn.MaxPool3d, pool",
        ),
        (
            nn.Sequential(nn.Conv1d(1, 4, 3), nn.AvgPool1d(10)),
            (1, 1, 12),
            aa.Fixed(),
            "global pool: one position is left",
        ),
    ],
)
def test_what_is_not_done_is_said(model: nn.Module, shape: tuple[int, ...], filter: Filter, reason: str) -> None:
    with pytest.raises(ValueError, match="has no site to filter") as error:
        aa.convert_(model.eval(), filter, example=torch.randn(shape))
    assert reason in str(error.value)


def test_a_network_of_maps_and_sequences_gets_a_layer_for_each() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.maps = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)
            self.sequences = nn.Conv1d(4, 4, 3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.sequences(self.maps(self.stem(x)).relu().flatten(2))

    torch.manual_seed(0)
    model, x = Both().eval(), torch.randn(1, 3, 16, 16)
    before = model(x)
    done = aa.convert_(model, aa.Adaptive(groups=2), example=x)
    assert [type(layer).__name__[-2:] for layer in done.filters().values()] == ["2d", "1d"]
    assert (model(x) - before).norm() <= 1e-3 * before.norm()
    done.revert_()
    assert [site.name for site in aa.convert_(model, aa.Polyphase(), example=x).changed] == ["maps"]
