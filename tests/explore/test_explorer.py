"""What the page shows is what the library says when it is called directly."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from antialias import Adaptive, Fixed, PhaseAlignment, PhaseAverage, ShiftAverage, convert_
from antialias.explore import Choice, Explorer, Limits, Networks
from antialias.explore._explorer import change_of
from antialias.metrics import ClassScores, DenseValues, Instances, LabelMaps, SameInstance, predicted_filters
from antialias.models import TinyResNet
from antialias.report.images._label_maps import class_colour

from .conftest import explorer, images, network


def opened(data: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))))


def window(one: Explorer, at: tuple[int, int]) -> torch.Tensor:
    held = next(iter(one.images.values()))
    height, width = one.window_in(held)
    return held.pixels[None, :, at[1] : at[1] + height, at[0] : at[0] + width].float() / 255


def said_at(one: Explorer, path: list[tuple[int, int]], choice: Choice) -> list[dict[str, Any]]:
    held = next(iter(one.images.values()))
    for length in range(1, len(path) + 1):
        said = one.answer(held, path[:length], choice)
    assert said["path"] == path
    assert json.dumps(said)
    return said["networks"]


def assert_probabilities(trace: dict[str, Any], logits: torch.Tensor) -> None:
    best = logits.softmax(1)[0].sort(descending=True)
    shown = [(one["label"], one["probability"]) for one in trace["predictions"][-1]]
    expected = zip(best.indices[:3].tolist(), best.values[:3].tolist(), strict=True)
    assert shown == [(f"class {label}", pytest.approx(value, abs=1e-4)) for label, value in expected]


@pytest.mark.parametrize("filter", ["fixed", "adaptive"])
def test_class_scores_are_those_of_the_network_and_of_a_converted_copy(classifier: Explorer, filter: str) -> None:
    path = [(0, 0), (1, 0), (1, 1)]
    first, second = said_at(classifier, path, Choice(filter))
    converted = network("classes")
    pixels = window(classifier, path[-1])
    assert_probabilities(first["trace"], ClassScores(converted)(pixels))
    config = {"fixed": Fixed(kernel_size=3), "adaptive": Adaptive(kernel_size=3)}[filter]
    conversion = convert_(converted, config, example=torch.rand(1, 3, 56, 56))
    assert_probabilities(second["trace"], ClassScores(converted)(pixels))
    added = sum(site.macs for site in conversion.changed)
    assert second["macs"] - first["macs"] == added > 0
    assert len(second["trace"]["predictions"]) == 3
    changed = [one["label"] for one, *_ in first["trace"]["predictions"]]
    assert first["change"] == float(changed[-1] != changed[-2])


def test_phases_are_averaged_where_and_as_often_as_offered(classifier: Explorer) -> None:
    offers = classifier.networks.offers
    assert [offer.cost for offer in offers] == sorted(offer.cost for offer in offers)
    assert {offer.phases for offer in offers} == {2, 4}
    number = 1 + next(i for i, offer in enumerate(offers) if offer.phases == 2)
    _, second = said_at(classifier, [(2, 3)], Choice("none", number))
    averaged = network("classes")
    offer = offers[number - 1]
    convert_(averaged, PhaseAverage(phases=2), where=list(offer.sites), example=torch.rand(1, 3, 56, 56))
    assert_probabilities(second["trace"], ClassScores(averaged)(window(classifier, (2, 3))))
    assert second["cost"] == pytest.approx(offer.cost, rel=1e-3)
    assert second["network"] == offer.name


def test_label_maps_are_drawn_class_by_class() -> None:
    one = explorer("labels")
    (said,) = said_at(one, [(3, 4), (2, 5)], Choice())
    segmenter = LabelMaps(network("labels"))
    before, after = segmenter(window(one, (3, 4)))[0], segmenter(window(one, (2, 5)))[0]
    drawn = torch.from_numpy(opened(said["map"]).copy()).long()
    assert torch.equal(drawn, torch.tensor([class_colour(label) for label in range(3)])[after.long()])
    # One pixel to the left and one down: what both windows show.
    assert said["change"] == pytest.approx(float((before[1:, :-1] != after[:-1, 1:]).float().mean()))
    assert said["moved"] == 1
    shares = {name: share for name, _, share in said["legend"]}
    assert shares == pytest.approx({f"class {one}": float((after == one).float().mean()) for one in after.unique()})


def test_objects_have_the_boxes_of_the_detector_in_pixels_of_the_image() -> None:
    one = explorer("objects")
    (said,) = said_at(one, [(0, 0), (1, 2)], Choice())
    found = Instances(network("objects"))(window(one, (1, 2)))[0]
    boxes = {f"class {label}": box for label, box in zip(found["labels"].tolist(), found["boxes"], strict=True)}
    shown = {row["label"]: row["boxes"][-1] for row in said["trace"]["objects"] if row["boxes"][-1]}
    assert shown.keys() == boxes.keys()
    for label, box in shown.items():
        assert box == pytest.approx((boxes[label] + torch.tensor([1.0, 2.0, 1.0, 2.0])).tolist(), abs=0.1)


def test_values_range_from_dark_to_bright_and_change_in_spreads() -> None:
    one = explorer("values")
    (said,) = said_at(one, [(3, 3), (4, 3)], Choice())
    dense = DenseValues(network("values"))
    before, after = dense(window(one, (3, 3)))[0], dense(window(one, (4, 3)))[0]
    assert said["range"] == pytest.approx([float(after.min()), float(after.max())])
    change = (before[..., 1:] - after[..., :-1]).abs().mean() / before.std(correction=0)
    assert said["change"] == pytest.approx(float(change))


def test_filter_maps_are_those_that_the_converted_network_predicts(classifier: Explorer) -> None:
    held = next(iter(classifier.images.values()))
    shown = classifier.filters(held, (1, 2), Choice("adaptive"))
    converted = network("classes")
    convert_(converted, Adaptive(kernel_size=3), example=torch.rand(1, 3, 56, 56))
    predicted = predicted_filters(converted, window(classifier, (1, 2)))
    sites = shown["data"][0]["sites"]
    assert [site["site"] for site in sites] == list(predicted)
    for site, filters in zip(sites, predicted.values(), strict=True):
        assert (site["height"], site["width"]) == tuple(filters.weights.shape[-2:])
        assert site["high"] == pytest.approx(float(filters.weights.max()), abs=1e-6)
    assert '<section id="filters">' in shown["html"]
    assert classifier.filters(held, (1, 2), Choice("fixed")) == {"html": "", "data": []}


def test_a_forgotten_answer_cuts_the_path() -> None:
    one = explorer("classes", limits=Limits(answers=3 * 600))
    held = next(iter(one.images.values()))
    for left in range(5):
        said = one.answer(held, [(i, 0) for i in range(left + 1)], Choice())
    assert said["path"] == [(2, 0), (3, 0), (4, 0)]


def test_windows_that_share_nothing_do_not_count() -> None:
    maps = LabelMaps(network("labels"))
    one = torch.zeros(8, 8)
    assert change_of(maps, one, one, (0, 8), (8, 8), SameInstance()) is None
    assert change_of(maps, one, one, (7, -7), (8, 8), SameInstance()) == 0


def test_the_mended_network_stands_beside_and_is_of_the_same_kind() -> None:
    torch.manual_seed(5)
    other = TinyResNet(num_classes=5).eval()
    one = explorer("classes", mended=other)
    assert one.networks.start == Choice("mended")
    _, second = said_at(one, [(0, 0)], Choice("mended"))
    assert_probabilities(second["trace"], ClassScores(other)(window(one, (0, 0))))
    with pytest.raises(ValueError, match=r"gives LabelMaps, the other ClassScores\. Give two of one kind"):
        Networks(network("classes"), torch.rand(3, 56, 56), mended=network("labels"))


def test_aligning_is_part_of_the_cost() -> None:
    other = network("classes")
    convert_(other, PhaseAlignment(), example=torch.rand(1, 3, 56, 56))
    first, second = said_at(explorer("classes", mended=other), [(0, 0)], Choice("mended"))
    assert first["macs"] < second["macs"] == first["macs"] + 42 * 56 * 56


def test_the_cost_of_shifted_copies_is_what_the_windows_took() -> None:
    for threshold, runs in ((1e-9, 1), (None, 5)):
        other = network("classes")
        convert_(other, ShiftAverage(copies=5, threshold=threshold), example=torch.rand(1, 3, 56, 56))
        first, second = said_at(explorer("classes", mended=other), [(0, 0)], Choice("mended"))
        assert second["cost"] == pytest.approx(runs)
        assert second["macs"] == runs * first["macs"]


def test_without_a_mended_network_two_phases_of_the_input_come_first() -> None:
    networks = Networks(network("classes"), torch.rand(3, 56, 56))
    offer = networks.offers[networks.start.phases - 1]
    assert (networks.start.filter, offer.phases, offer.sites) == ("none", 2, ("conv1",))
    assert offer.cost == max(one.cost for one in networks.offers if one.phases == 2)


def test_what_cannot_be_changed_says_why_and_the_rest_goes_on() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    networks = Networks(plain, torch.rand(3, 56, 56))
    assert (networks.offers, networks.start) == ((), Choice())
    assert networks.refused == "no site was found whose phases could be averaged"
    with pytest.raises(ValueError, match="has no site to filter"):
        networks.shown(Choice("fixed"))
    one = Explorer(networks, images(), side=64)
    said = one.answer(next(iter(one.images.values())), [(0, 0)], Choice("fixed"))
    assert [each["network"] for each in said["networks"]] == ["as it is"]
    assert "has no site to filter" in said["refused"]
    assert networks.shown(Choice()) == (networks.first,)
    with pytest.raises(ValueError, match=r"filter='blur' is not offered\. Use one of: none, fixed, adaptive"):
        networks.checked("blur", 0)
    with pytest.raises(ValueError, match=r"phases=1 is not offered\. Use 0 for none to 0"):
        networks.checked("none", 1)


def test_images_are_resampled_to_the_side_and_long_ones_cut() -> None:
    one = explorer()
    assert [tuple(held.pixels.shape) for held in one.images.values()] == [(3, 64, 90)] * 2
    assert images()["hills"].shape == (3, 80, 112)
    long = Explorer(one.networks, {"long": torch.zeros(3, 40, 4000).byte()}, side=64)
    assert next(iter(long.images.values())).pixels.shape == (3, 64, 256)
