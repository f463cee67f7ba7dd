"""Networks whose images are aligned by what they show."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import antialias as aa
from antialias.models import TinyResNet, build
from antialias.nn import PhaseAlign2d
from antialias.surgery import conversion_of
from antialias.surgery.dataflow import observe
from antialias.surgery.edits import moved

CONFIG = aa.PhaseAlignment()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return TinyResNet().eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    coarse = torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    return F.interpolate(coarse, (48, 48), mode="bicubic")


@pytest.fixture
def aligned(network: nn.Module, images: Tensor) -> nn.Module:
    converted = copy.deepcopy(network)
    aa.convert_(converted, CONFIG, example=images[:1])
    return converted


def test_it_answers_what_the_network_answers_to_aligned_images(
    network: nn.Module, aligned: nn.Module, images: Tensor
) -> None:
    with torch.no_grad():
        assert torch.equal(aligned(images), network(PhaseAlign2d()(images)))
        assert not torch.equal(aligned(images), network(images))


def test_it_learns_as_it_is_and_goes_back(network: nn.Module, aligned: nn.Module, images: Tensor) -> None:
    plain = copy.deepcopy(network)
    assert list(aligned.state_dict()) == list(plain.state_dict())
    assert torch.equal(aligned.train()(images), plain.train()(images))
    conversion_of(aligned).revert_()
    assert conversion_of(aligned) is None
    assert torch.equal(aligned.eval()(images), plain.eval()(images))


def test_it_is_saved_copied_and_pickled(aligned: nn.Module, images: Tensor, tmp_path: Path) -> None:
    aa.save(aligned, tmp_path / "network.safetensors")
    loaded = aa.load(tmp_path / "network.safetensors", model=TinyResNet()).eval()
    with torch.no_grad():
        for other in (loaded, copy.deepcopy(aligned), pickle.loads(pickle.dumps(aligned))):
            assert torch.equal(other(images), aligned(images))
    assert conversion_of(loaded).filter == CONFIG


@pytest.mark.parametrize("first", [True, False])
def test_copies_are_made_of_aligned_images(network: nn.Module, images: Tensor, first: bool) -> None:
    both, copies = copy.deepcopy(network), aa.ShiftAverage(copies=3)
    for config in (CONFIG, copies) if first else (copies, CONFIG):
        aa.convert_(both, config, example=images)
    with torch.no_grad():
        shown = PhaseAlign2d()(images)
        expected = sum(network(moved(shown, offset, "replicate")) for offset in copies.offsets) / 3
        torch.testing.assert_close(both(images), expected)


def test_filters_and_phases_go_with_it(network: nn.Module, images: Tensor) -> None:
    for config in (aa.Fixed(), aa.PhaseAverage(phases=2)):
        other, both = copy.deepcopy(network), copy.deepcopy(network)
        aa.convert_(other, config, example=images)
        aa.convert_(both, CONFIG, example=images)
        aa.convert_(both, config, example=images)
        with torch.no_grad():
            torch.testing.assert_close(both(images), other(PhaseAlign2d()(images)))


def test_whoever_watches_the_network_sees_it_without(network: nn.Module, aligned: nn.Module, images: Tensor) -> None:
    ops = [[op.name for op in observe(each, (images,)).ops] for each in (network, aligned)]
    assert ops[0] == ops[1]


def test_a_plan_says_what_it_costs(network: nn.Module, images: Tensor) -> None:
    plan = aa.inspect(network, images[:1], aa.PhaseAlignment(period=16))
    (site,) = plan.sites
    assert (site.place, site.macs) == ("input of the network", PhaseAlign2d.macs_of_a_pixel * 48 * 48)
    assert "moved by up to 8 pixels" in site.reason


class Pair(nn.Module):
    """A classifier of two images of one scene, and of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 5, 3, stride=4)

    def forward(self, colour: Tensor, *, depth: Tensor, scale: Tensor) -> Tensor:
        """Return logits."""
        return self.conv(torch.cat([colour, depth], 1)).mean((2, 3)) * scale


def test_all_images_of_a_scene_move_alike(images: Tensor) -> None:
    pair, align = Pair().eval(), PhaseAlign2d()
    depth, scale = torch.rand(6, 1, 48, 48), torch.rand(6, 1)
    aligned = copy.deepcopy(pair)
    aa.convert_(aligned, CONFIG, example={"colour": images, "depth": depth, "scale": scale})
    with torch.no_grad():
        offsets = align.offsets(images)
        expected = pair(align.moved(images, offsets), depth=align.moved(depth, offsets), scale=scale)
        assert torch.equal(aligned(images, depth=depth, scale=scale), expected)


def test_two_threads_and_compilation(aligned: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        expected = aligned(images)
        assert torch.equal(torch.compile(aligned, backend="eager")(images), expected)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: torch.no_grad()(aligned)(images), range(8)))
    assert all(torch.equal(answer, expected) for answer in answers)


def test_it_is_exported_with_every_dimension_free(aligned: nn.Module, images: Tensor, tmp_path: Path) -> None:
    for to, name in (("onnx", "network.onnx"), ("program", "network.pt2")):
        exported = aa.export(aligned, tmp_path / name, to=to, example=images[:1])
        assert set(exported.ranges) == {"batch", "height", "width"}


def test_what_it_does_not_fit(network: nn.Module, aligned: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"PhaseAlignment moves the network's input, no site\. Leave where out\."):
        aa.convert_(copy.deepcopy(network), CONFIG, example=images, where="layer1*")
    with pytest.raises(ValueError, match=r"TinyResNet aligns its images already\. Call conversion_of"):
        aa.convert_(aligned, CONFIG, example=images)
    with pytest.raises(ValueError, match=r"TinyDeepLab returns \(6, 21, 48, 48\), not the logits \(N, K\)"):
        aa.convert_(build("antialias:TinyDeepLab", num_classes=21), CONFIG, example=images)
    with pytest.raises(ValueError, match=r"Linear is given no images \(N, C, H, W\), which could be aligned"):
        aa.convert_(nn.Linear(4, 4), CONFIG, example=torch.rand(2, 4))
    with pytest.raises(ValueError, match=r"use convert_\(network, PhaseAlignment\(\)\)"):
        CONFIG.build(3, (2, 2))
    with pytest.raises(ValueError, match=r"PhaseAlignment changes what a whole network is given or answers"):
        aa.aa_layer(CONFIG)
    with pytest.raises(ValueError, match=r"TinyResNet is given no images \(N, C, H, W\), which could be aligned"):
        aligned(images[0])
    with pytest.raises(ValueError, match="is for what subsamples"):
        aa.inspect(network, images, CONFIG, sites="up")
