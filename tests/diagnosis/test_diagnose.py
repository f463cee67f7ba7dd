"""The effect: each number by brute force on a small network, and what a diagnosis says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import antialias as aa
from antialias.diagnosis import CODES, Diagnosis
from antialias.metrics import STEPS, ClassScores, DenseValues, Instances, SameInstance, Windows, measure_classifier
from antialias.metrics.inputs import Sample
from antialias.surgery import find_body, keep_phase_

from .conftest import TwoSites

GROUP = ("conv2", "shortcut")


@pytest.fixture(scope="module")
def diagnosis(images: Tensor) -> Diagnosis:
    return aa.diagnose(TwoSites().eval(), images)


def by_hand(network: TwoSites, x: Tensor, group: str, phase: tuple[int, int] | None = None) -> Tensor:
    """Return the logits with a group's other phase kept, or with an ideal filter there if there is none."""
    at_1 = nn.functional.conv2d

    def kept(maps: Tensor, here: bool) -> Tensor:
        i, j = phase if here and phase is not None else (0, 0)
        if here and phase is None:
            rows, columns = (torch.fft.fftfreq(n).abs() < 0.25 for n in maps.shape[-2:])
            maps = torch.fft.ifft2(torch.fft.fft2(maps) * (rows[:, None] & columns)).real
        return maps[:, :, i::2, j::2]

    x = kept(at_1(x, network.conv1.weight, padding=1).relu(), group == "conv1")
    here = group == "conv2"
    x = kept(at_1(x, network.conv2.weight, padding=1), here) + kept(at_1(x, network.shortcut.weight), here)
    return network.fc(10 * x.relu()[:, :, 2:-1, 2:-1].mean((2, 3)))


def windows(images: Tensor) -> Tensor:
    """Return for each image the first window and those one pixel further, `(N, 4, C, h, w)`."""
    cut = Windows(ClassScores(TwoSites()))
    return torch.stack([cut.cut(Sample(n, image), [(0, 0), *STEPS]) for n, image in enumerate(images)])


def test_windows_and_flips_are_those_of_the_other_scores(
    diagnosis: Diagnosis, network: TwoSites, images: Tensor
) -> None:
    others = measure_classifier(network, images, distance=1, passes=0)["flips"]
    torch.testing.assert_close(diagnosis.flips.per_image, others.rows)
    with torch.no_grad():
        answers = torch.stack([network(shown).argmax(1) for shown in windows(images)])
    flips = (answers[:, :1] != answers[:, 1:]).float().mean(1)
    assert 0.1 < flips.mean() < 0.9
    torch.testing.assert_close(diagnosis.flips.per_image, flips)


@torch.no_grad()
@pytest.mark.parametrize("group", ["conv1", "conv2"])
def test_effects_are_those_by_hand(diagnosis: Diagnosis, network: TwoSites, images: Tensor, group: str) -> None:
    site = next(site for site in diagnosis.sites if site.name == group)
    shown = windows(images)
    before = network(shown.flatten(0, 1)).argmax(1).view(-1, 4)
    phases = torch.stack([by_hand(network, shown.flatten(0, 1), group, phase) for phase in [(0, 0), *STEPS]])
    averaged = phases.mean(0).argmax(1).view(-1, 4)
    ideal = by_hand(network, shown.flatten(0, 1), group).argmax(1).view(-1, 4)

    def flips(answers: Tensor) -> Tensor:
        return (answers[:, :1] != answers[:, 1:]).float().mean(1)

    assert site.effect is not None
    assert site.ideal is not None
    assert site.agreement is not None
    assert site.ideal_agreement is not None
    assert site.carried is not None
    torch.testing.assert_close(site.effect.per_image, flips(before) - flips(averaged))
    torch.testing.assert_close(site.ideal.per_image, flips(before) - flips(ideal))
    assert site.effect.value == pytest.approx(float((flips(before) - flips(averaged)).mean()))
    torch.testing.assert_close(site.agreement.per_image, (before[:, 0] == averaged[:, 0]).float())
    torch.testing.assert_close(site.ideal_agreement.per_image, (before[:, 0] == ideal[:, 0]).float())
    nexts = phases.argmax(2).view(4, -1, 4)[1:, :, 0]
    torch.testing.assert_close(site.carried.per_image, (nexts != before[:, 0]).float().mean(0))
    if group == "conv1":
        assert diagnosis.borders is not None
        torch.testing.assert_close(diagnosis.borders.per_image, flips(before) - site.carried.per_image)
        assert diagnosis.borders.value == pytest.approx(diagnosis.flips.value - site.carried.value)


@torch.no_grad()
@pytest.mark.parametrize(("group", "pixels"), [(("conv1",), 1), (GROUP, 2)])
@pytest.mark.parametrize("phase", STEPS)
def test_a_next_phase_is_the_image_moved_by_the_product_of_the_strides_before(
    group: tuple[str, ...], pixels: int, phase: tuple[int, int]
) -> None:
    """With circular borders it is so exactly, in an image whose sides the strides divide."""
    network, x = TwoSites("circular").eval(), torch.rand(2, 3, 32, 32)
    place = next(place for place in find_body(network, x).places if place.site.name == group[0])
    assert place.pixels == (pixels, pixels)
    assert place.group == group
    moved = network.maps(x.roll((-phase[0] * pixels, -phase[1] * pixels), (2, 3)))
    assert not torch.allclose(moved, network.maps(x))
    inner = network.fc
    network.fc = nn.Identity()
    whole = Maps(network).eval()
    names = [f"network.{name}" for name in group]
    keep_phase_(whole, names, phase, example=x)
    torch.testing.assert_close(whole(x), moved)
    network.fc = inner


class Maps(nn.Module):
    """Returns a network's maps."""

    def __init__(self, network: TwoSites) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.maps(x)


def test_sites_that_share_a_phase_share_their_effect(diagnosis: Diagnosis) -> None:
    _, conv2, shortcut = diagnosis.sites
    assert [site.code for site in diagnosis.sites] == ["AA001", "AA002", "AA003"]
    assert [site.pixels for site in diagnosis.sites] == [1, 2, 2]
    assert conv2.group == shortcut.group == GROUP
    assert conv2.effect == shortcut.effect
    assert conv2.alias_share != shortcut.alias_share


def test_costs_are_those_of_the_plans(diagnosis: Diagnosis, network: TwoSites) -> None:
    example = torch.zeros(1, 3, 28, 28)
    for site in diagnosis.sites[:2]:
        for name, filter in (("2 phases", aa.PhaseAverage(phases=2)), ("4 phases", aa.PhaseAverage(phases=4))):
            plan = aa.inspect(network, example, filter, where=list(site.group))
            assert site.cost[name] == pytest.approx(1 + sum(one.macs for one in plan.sites) / plan.macs)
    assert 1 < diagnosis.sites[1].cost["fixed"] < diagnosis.sites[1].cost["4 phases"]


def test_worst_names_sites_for_convert(diagnosis: Diagnosis, network: TwoSites) -> None:
    effects = {site.name: site.effect.value for site in diagnosis.sites if site.effect is not None}
    worst = diagnosis.worst(3)
    assert sorted(worst) == sorted(effects)
    assert [effects[name] for name in worst] == sorted(effects.values(), reverse=True)
    assert diagnosis.worst(1) == worst[:1]
    assert [site.rank for site in sorted(diagnosis.sites, key=lambda site: worst.index(site.name))] == [1, 2, 3]
    changed = aa.convert_(network, aa.Fixed(), example=torch.zeros(1, 3, 28, 28), where=worst, stem=True).changed
    assert len(changed) == 3
    with pytest.raises(ValueError, match="n=0 names no site"):
        diagnosis.worst(0)


def test_every_code_has_one_result_and_a_reason(diagnosis: Diagnosis) -> None:
    assert [check.code.code for check in diagnosis.checks] == [code.code for code in CODES]
    assert all(check.result in ("problem", "hint", "fine", "not applicable") for check in diagnosis.checks)
    assert all(check.reason for check in diagnosis.checks)
    results = {check.code.code: check.result for check in diagnosis.checks}
    assert [code for code, result in results.items() if result == "not applicable"] == [
        *("AA004", "AA005", "AA006", "AA007", "AA009", "AA010")
    ]
    assert diagnosis.resizing is None
    assert diagnosis.suppression is None


def test_every_code_has_a_section_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text()
    for code in CODES:
        assert f'<a id="{code.code.lower()}"></a>' in page
        assert f"{code.code} {code.title}" in page
        assert code.explanation in " ".join(page.split())
        assert code.page == f"docs/diagnosis.md#{code.code.lower()}"


def test_it_prints_in_80_columns_and_without_cut_names(diagnosis: Diagnosis) -> None:
    text = diagnosis.text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "TwoSites changes its answer on" in text
    assert all(site.name in text for site in diagnosis.sites)
    assert all(check.code.code in text for check in diagnosis.checks)
    assert "<table>" in diagnosis._repr_html_()


def test_what_is_written_reads_back(diagnosis: Diagnosis, tmp_path: Path) -> None:
    files = diagnosis.write(tmp_path / "new")
    assert [file.name for file in files[:2]] == ["diagnosis.csv", "diagnosis.json"]
    read = Diagnosis.from_dict(json.loads(files[1].read_text()))
    assert read.to_dict() == diagnosis.to_dict()
    assert str(read) == str(diagnosis)
    lines = files[0].read_text().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("site,code,kind,operation,stride,pixels,group,rank,result,reason,alias_share,")
    with pytest.raises(ValueError, match="version=99"):
        Diagnosis.from_dict({**diagnosis.to_dict(), "version": 99})


def test_the_figure_has_every_site_and_the_same_bytes_twice(diagnosis: Diagnosis, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = (diagnosis.draw(tmp_path / f"{n}.svg").read_text() for n in (1, 2))
    assert first == second
    assert all(site.name in first for site in diagnosis.sites)


def test_the_network_is_left_as_it_was_and_batches_change_nothing(network: TwoSites, images: Tensor) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    network.train()
    few = images[:5]
    told: list[tuple[int, int]] = []
    one = aa.diagnose(network, few, batch_size=3, progress=lambda done, total: told.append((done, total)))
    many = aa.diagnose(network, (image for image in few), batch_size=64)
    assert one.to_dict() == many.to_dict()
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
    assert told == sorted(told)
    assert len({total for _, total in told}) == 1
    assert told[-1][0] == told[-1][1]


def test_a_filtered_site_is_diagnosed_with_its_filter(network: TwoSites, images: Tensor) -> None:
    plain = aa.diagnose(network, images[:6]).sites[1]
    aa.convert_(network, aa.Fixed(kernel_size=7), example=images[:1, :, :28, :28], where="conv2")
    found = aa.diagnose(network, images[:6])
    filtered = next(site for site in found.sites if site.kind == "filter")
    assert filtered.code == "AA006"
    assert filtered.alias_share is not None
    assert plain.alias_share is not None
    assert filtered.alias_share.value < plain.alias_share.value / 2
    assert filtered.reasons["ideal"]


def test_a_segmenter_is_diagnosed(images: Tensor) -> None:
    network = aa.models.build("antialias:TinyDeepLab", num_classes=5).eval()
    found = aa.diagnose(network, nn.functional.interpolate(images[:3], 56))
    assert [site.pixels for site in found.sites] == [1, 2, 4, 4]
    assert all(site.effect is not None and site.carried is not None for site in found.sites)
    assert 0 < found.flips.value < 1


class Resizing(nn.Module):
    """Doubles and pads nothing, as a detector's transform does, up to a side of its own."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: list[Tensor]) -> tuple[object, None]:
        resized = [nn.functional.interpolate(image[None], [self.side] * 2, mode="bilinear")[0] for image in images]
        shown = type(
            "Shown", (), {"tensors": torch.stack(resized), "image_sizes": [(self.side, self.side)] * len(images)}
        )
        return shown, None


class Corner(nn.Module):
    """Finds one instance of the class that two strided convolutions name, and as many suppressed ones."""

    def __init__(self, side: int | None = None) -> None:
        super().__init__()
        self.backbone = TwoSites()
        self.transform = Resizing(side) if side else None
        self.nms_thresh, self.detections_per_img = 0.5, 1

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        x = torch.stack(list(images)) if self.transform is None else self.transform(images)[0].tensors
        labels = self.backbone(x).argsort(1, descending=True) + 1
        many = 8 if self.nms_thresh == 1 else 1
        assert self.detections_per_img == (10 if many > 1 else 1)
        box = torch.tensor([[8.0, 8.0, 24.0, 24.0]]).expand(many, 4)
        return [{"boxes": box, "labels": row[:many], "scores": torch.full((many,), 0.9)} for row in labels]


def test_a_detector_is_diagnosed_in_its_backbone(images: Tensor) -> None:
    found = aa.diagnose(Corner().eval(), images[:12], same=SameInstance(iou=0.5))
    assert [site.name for site in found.sites] == ["backbone.conv1", "backbone.conv2", "backbone.shortcut"]
    assert found.sites[1].group == ("backbone.conv2", "backbone.shortcut")
    whole = aa.diagnose(TwoSites().eval(), images[:12])
    torch.testing.assert_close(found.flips.per_image, whole.flips.per_image)  # an instance for each class
    for one, other in zip(found.sites, whole.sites, strict=True):
        assert one.effect is not None
        assert other.effect is not None
        torch.testing.assert_close(one.effect.per_image, other.effect.per_image)
    assert found.suppression is not None
    assert found.suppression.value == pytest.approx(found.flips.value)  # each class is among the suppressed
    assert found.resizing is None


def test_resizing_is_measured_against_moves_after_it(images: Tensor) -> None:
    found = aa.diagnose(Corner(side=40).eval(), images[:12], same=SameInstance(iou=0.5))
    assert found.resizing is not None
    check = next(check for check in found.checks if check.code.code == "AA009")
    assert check.result in ("problem", "hint", "fine")


def test_nothing_detected_says_what_helps(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"nothing was detected in 3 images .* Use same=SameInstance\(score=...\)"):
        aa.diagnose(Corner().eval(), images[:3], same=SameInstance(score=0.95))


def test_what_cannot_be_diagnosed_is_refused_with_a_reason(network: TwoSites, images: Tensor) -> None:
    with pytest.raises(TypeError, match=r"model is a function, whose sites cannot be seen"):
        aa.diagnose(lambda x: x.mean((2, 3)), images)
    with pytest.raises(ValueError, match="Sequential does not subsample"):
        aa.diagnose(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval(), images)
    with pytest.raises(TypeError, match="neither class scores"):
        aa.diagnose(nn.Conv2d(3, 1, 3, 2).eval(), images)
    with pytest.raises(TypeError, match="which neither change nor stay"):
        aa.diagnose(DenseValues(nn.Sequential(nn.Conv2d(3, 1, 2, 2), nn.Upsample(scale_factor=2)).eval()), images)
    assert Instances  # an adapter of any kind may be given, too
    assert isinstance(aa.diagnose(ClassScores(network), images[:2]), Diagnosis)


class Patches(nn.Module):
    """A stem of patches, whose map has nothing to filter."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, 4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.stem(x).relu().mean((2, 3)))


def test_what_is_missing_has_its_reason(images: Tensor) -> None:
    (site,) = aa.diagnose(Patches().eval(), images[:4]).sites
    assert site.effect is not None
    assert site.ideal is None
    assert "patches that do not overlap" in site.reasons["ideal"]


class PerImage(TwoSites):
    """Adds something to its maps that it made for as many images as it was given."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((self.maps(x) + torch.zeros(len(x), 8, 1, 1)).mean((2, 3)))


def test_a_network_that_takes_no_phases_has_ideal_filters_and_the_reason(images: Tensor) -> None:
    found = aa.diagnose(PerImage().eval(), images[:6])
    assert all(site.effect is None and site.carried is None for site in found.sites)
    assert all(site.ideal is not None and site.rank is not None for site in found.sites)
    assert all(site.reasons["effect"] for site in found.sites)
    effects = {site.name: site.ideal.value for site in found.sites if site.ideal is not None}
    assert [effects[name] for name in found.worst(3)] == sorted(effects.values(), reverse=True)
    assert next(check for check in found.checks if check.code.code == "AA008").result == "not applicable"


class Folds(nn.Module):
    """Moves positions into channels, which keeps every sample, and then takes every other row."""

    def __init__(self) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(2)
        self.conv = nn.Conv2d(12, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.unshuffle(x))[:, :, ::2].relu().mean((2, 3))


def test_what_has_no_layer_is_shown_with_its_reason(images: Tensor) -> None:
    found = aa.diagnose(Folds().eval(), images[:4])
    folding, sliced = found.sites
    assert (folding.code, sliced.code) == ("AA007", "AA007")
    assert folding.result == "not applicable"
    assert "keeps every sample" in folding.reason
    assert sliced.alias_share is not None
    assert sliced.result in ("hint", "fine")
    assert "indexing has no stride" in sliced.reasons["effect"]
    with pytest.raises(ValueError, match="none of 2 sites of Folds has a measured effect: folds positions"):
        found.worst()
    assert "No site's effect could be measured" in found.verdict


def test_a_shuffled_loader_is_read_once(images: Tensor) -> None:
    """Read twice it would pair each image with another one."""

    def loader() -> DataLoader[tuple[Tensor, ...]]:
        shuffled = torch.Generator().manual_seed(0)
        return DataLoader(TensorDataset(images[:6], torch.arange(6)), batch_size=4, shuffle=True, generator=shuffled)

    network = TwoSites().eval()
    assert aa.diagnose(network, loader()).to_dict() == aa.diagnose(network, list(loader())).to_dict()
