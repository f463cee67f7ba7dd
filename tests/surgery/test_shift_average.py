"""Averages over shifted copies, against loops in plain Python, one image at a time."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import antialias as aa
from antialias.models import TinyResNet, build
from antialias.surgery import conversion_of
from antialias.surgery.dataflow import observe
from antialias.surgery.edits import moved, runs_of

OFFSETS = [(0, 0), (3, 1), (-3, -1), (1, 3), (-1, -3), (2, -2), (-2, 2), (-4, -4)]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    network = TinyResNet().eval()
    with torch.no_grad():
        network.fc.weight *= 4  # sure of some images, and not of others
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def window(image: Tensor, down: int, right: int) -> Tensor:
    """Return a window of an image that borders continue, moved by an offset."""
    return F.pad(image[None], (8, 8, 8, 8), mode="replicate")[:, :, 8 + down : 40 + down, 8 + right : 40 + right]


def one_by_one(network: nn.Module, images: Tensor, copies: int, threshold: float | None) -> tuple[Tensor, int]:
    """Return the averages and the runs of a loop over images and copies."""
    answers, runs = [], 0
    with torch.no_grad():
        for image in images:
            answered = list[Tensor]()
            for offset in OFFSETS[:copies]:
                answered.append(network(window(image, *offset))[0])
                first, second = sum(answered).sort(descending=True).values[:2]
                if threshold is not None and first - second >= threshold:
                    break
            runs += len(answered)
            answers.append(sum(answered) / len(answered))
    return torch.stack(answers), runs


@pytest.mark.parametrize("copies", [2, 5, 8])
@pytest.mark.parametrize("threshold", [None, 0.02, 0.1, 0.3, 100.0])
def test_each_image_is_answered_in_as_many_copies_as_decide(
    network: nn.Module, images: Tensor, copies: int, threshold: float | None
) -> None:
    expected, runs = one_by_one(network, images, copies, threshold)
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(copies=copies, threshold=threshold), example=images[:1])
    assert runs_of(averaging) == copies
    with torch.no_grad():
        torch.testing.assert_close(averaging(images), expected, atol=1e-5, rtol=1e-5)
    assert runs_of(averaging) == runs / len(images)
    if (copies, threshold) == (8, 0.3):
        assert len(images) < runs < copies * len(images)


def test_in_a_circle_it_is_the_average_over_rolled_images(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(padding_mode="circular"), example=images)
    with torch.no_grad():
        rolled = [network(images.roll((-down, -right), (2, 3))) for down, right in OFFSETS]
        torch.testing.assert_close(averaging(images), torch.stack(rolled).mean(0), atol=1e-5, rtol=1e-5)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(-4, 4), st.integers(-4, 4))
@settings(max_examples=60, deadline=None)
def test_a_moved_image_is_a_window_of_the_continued_one(height: int, width: int, down: int, right: int) -> None:
    image = torch.rand(2, 1, height, width)
    padded = F.pad(image, (4, 4, 4, 4), mode="replicate")
    expected = padded[:, :, 4 + down : 4 + down + height, 4 + right : 4 + right + width]
    assert torch.equal(moved(image, (down, right), "replicate"), expected)


def test_the_lattice_has_every_row_and_column_once() -> None:
    offsets = aa.ShiftAverage().offsets
    assert list(offsets) == OFFSETS
    assert all(sorted(step % 8 for step in steps) == list(range(8)) for steps in zip(*offsets, strict=True))


def test_an_image_is_answered_alike_alone_and_in_a_batch(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(threshold=0.1), example=images)
    with torch.no_grad():
        alone = torch.cat([averaging(image[None]) for image in images])
        torch.testing.assert_close(averaging(images), alone, atol=1e-5, rtol=1e-5)


def test_it_learns_as_it_is_and_goes_back(network: nn.Module, images: Tensor) -> None:
    averaging, plain = copy.deepcopy(network), copy.deepcopy(network)
    names = list(averaging.state_dict())
    conversion = aa.convert_(averaging, aa.ShiftAverage(), example=images)
    assert list(averaging.state_dict()) == names
    assert torch.equal(averaging.train()(images), plain.train()(images))
    conversion.revert_()
    assert conversion_of(averaging) is None
    averaging.eval(), plain.eval()
    assert torch.equal(averaging(images), plain(images))


def test_it_is_saved_copied_and_pickled(network: nn.Module, images: Tensor, tmp_path: Path) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(copies=5, threshold=0.2), example=images)
    aa.save(averaging, tmp_path / "network.safetensors")
    loaded = aa.load(tmp_path / "network.safetensors", model=TinyResNet()).eval()
    with torch.no_grad():
        expected = averaging(images)
        for other in (loaded, copy.deepcopy(averaging), pickle.loads(pickle.dumps(averaging))):
            torch.testing.assert_close(other(images), expected)
    assert str(conversion_of(loaded).filter) == "ShiftAverage(padding_mode='replicate', copies=5, threshold=0.2)"


def test_filters_go_before_it_and_after_it(network: nn.Module, images: Tensor) -> None:
    before, after = copy.deepcopy(network), copy.deepcopy(network)
    aa.convert_(before, aa.Fixed(), example=images)
    aa.convert_(before, aa.ShiftAverage(threshold=0.1), example=images)
    aa.convert_(after, aa.ShiftAverage(threshold=0.1), example=images)
    aa.convert_(after, aa.Fixed(), example=images)
    with torch.no_grad():
        assert torch.equal(before(images), after(images))
        expected, _ = one_by_one(aa.convert_(copy.deepcopy(network), aa.Fixed()).model, images, 8, 0.1)
        torch.testing.assert_close(before(images), expected, atol=1e-5, rtol=1e-5)
    conversion_of(after).revert_()
    assert torch.equal(after(images), network(images))


def test_whoever_watches_the_network_sees_one_run(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(), example=images)
    ops = [[op.name for op in observe(each, (images,)).ops] for each in (network, averaging)]
    assert ops[0] == ops[1]
    assert aa.inspect(averaging, images).macs == aa.inspect(network, images).macs


def test_a_network_in_two_threads_averages_in_both(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(), example=images)
    with torch.no_grad():
        expected = averaging(images)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: torch.no_grad()(averaging)(images), range(16)))
    assert all(torch.equal(answer, expected) for answer in answers)


class Wrapped(nn.Module):
    """A classifier of keywords that returns more than logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: Tensor, weights: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits, weighted an image, and a number."""
        logits = self.network(pixel_values)
        return {"logits": logits if weights is None else logits * weights, "loss": logits.sum()}


def test_rows_of_other_arguments_stay_with_their_image(network: nn.Module, images: Tensor) -> None:
    weights = torch.linspace(0.1, 3, len(images))[:, None]
    averaging = Wrapped(copy.deepcopy(network)).eval()
    aa.convert_(averaging, aa.ShiftAverage(threshold=0.2), example={"pixel_values": images, "weights": weights})
    with torch.no_grad():
        answer = averaging(pixel_values=images, weights=weights)["logits"]
        for number in range(len(images)):
            expected, _ = one_by_one(lambda x, w=weights[number]: network(x) * w, images[number][None], 8, 0.2)
            torch.testing.assert_close(answer[number], expected[0], atol=1e-5, rtol=1e-5)


def test_half_precision_and_compilation(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    aa.convert_(averaging, aa.ShiftAverage(threshold=0.1), example=images)
    with torch.no_grad():
        expected = averaging(images)
        assert torch.equal(torch.compile(averaging, backend="eager")(images), expected)
        with torch.autocast("cpu", torch.bfloat16):
            assert averaging(images).dtype == network(images).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"copies": 1}, r"copies=1 is not offered\. Use 2 to 8\."),
        ({"copies": 9}, r"copies=9 is not offered"),
        ({"copies": True}, r"copies=True is not offered"),
        ({"threshold": 0.0}, r"threshold=0\.0 is not above 0\. Use such as 1\.0, or None for all copies\."),
        ({"threshold": float("nan")}, r"threshold=nan is not above 0"),
        ({"phase": "norm"}, r"ShiftAverage chooses no samples\. Leave phase out\."),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aa.ShiftAverage(**arguments)


def test_what_it_does_not_fit(network: nn.Module, images: Tensor) -> None:
    averaging = copy.deepcopy(network)
    with pytest.raises(ValueError, match=r"ShiftAverage moves the network's input, no site\. Leave where out\."):
        aa.convert_(averaging, aa.ShiftAverage(), example=images, where="layer1*")
    with pytest.raises(ValueError, match=r"TinyDeepLab returns \(8, 21, 32, 32\), not the logits \(N, K\)"):
        aa.convert_(build("antialias:TinyDeepLab", num_classes=21), aa.ShiftAverage(), example=images)
    with pytest.raises(ValueError, match=r"Linear is given no images \(N, C, H, W\), which could be shifted"):
        aa.convert_(nn.Linear(4, 4), aa.ShiftAverage(), example=torch.rand(2, 4))
    with pytest.raises(ValueError, match=r"use convert_\(network, ShiftAverage\(\)\)"):
        aa.ShiftAverage().build(3, (2, 2))
    aa.convert_(averaging, aa.ShiftAverage(), example=images)
    with pytest.raises(ValueError, match=r"averages over shifted copies already\. Call conversion_of"):
        aa.convert_(averaging, aa.ShiftAverage(), example=images)
    with pytest.raises(ValueError, match=r"Export it without: conversion_of\(model\)\.revert_\(\)\."):
        aa.export(averaging, "network.onnx", example=images)
    with pytest.warns(FutureWarning), pytest.raises(RuntimeError, match="which no exported graph can count"):
        torch.jit.trace(averaging, images)


def test_a_plan_says_the_most_that_it_costs(network: nn.Module, images: Tensor) -> None:
    plan = aa.inspect(network, images, aa.ShiftAverage(copies=5, threshold=1.0))
    (site,) = plan.sites
    assert (site.place, site.macs) == ("input of the network", 4 * plan.macs)
    assert "or to fewer where these decide: costs are the most" in site.reason
