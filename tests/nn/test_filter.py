from __future__ import annotations

import dataclasses

import pytest
import torch

from antialias.nn import Adaptive, AdaptiveBlurPool2d, BlurPool2d, Filter, Fixed, filter_from_dict

CONFIGS = [Fixed(), Fixed(kernel_size=4, padding_mode="circular"), Adaptive(), Adaptive(groups=2, normalize="joint")]
CONFIGS += [Adaptive(predictor="separable"), Adaptive(predictor="bottleneck")]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_is_a_value(config):
    assert filter_from_dict(config.to_dict()) == config
    assert hash(dataclasses.replace(config)) == hash(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.kernel_size = 5


def test_keywords_only():
    with pytest.raises(TypeError, match="positional argument"):
        Fixed(3)  # type: ignore[misc]


def test_builds_the_layers():
    fixed, adaptive = Fixed(kernel_size=5).build(12, (2, 2)), Adaptive().build(12, (2, 2), init="identity")
    assert isinstance(fixed, BlurPool2d)
    assert isinstance(adaptive, AdaptiveBlurPool2d)
    assert (adaptive.groups, adaptive.init) == (6, "identity")
    assert Adaptive(init="binomial").build(8, (2, 2), init="identity").init == "binomial"
    assert Adaptive(normalize="joint").build(8, (2, 2), init="identity").init == "paper"


def test_fixed_leaves_the_dimension_alone_that_is_not_subsampled():
    assert Fixed(kernel_size=3).build(8, (1, 2)).kernel_size == (1, 3)
    assert Fixed(kernel_size=3).build(8, (1, 1)).kernel_size == (3, 3)


def test_device_and_type_reach_the_layer():
    for config in (Fixed(), Adaptive()):
        layer = config.build(8, (2, 2), device=torch.device("meta"), dtype=torch.bfloat16)
        tensors = [*layer.parameters(), *(b for b in layer.buffers() if b.is_floating_point())]
        assert {(t.device.type, t.dtype) for t in tensors} == {("meta", torch.bfloat16)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fixed(kernel_size=9), "kernel_size=9 is no binomial filter of this layer. Use 1 to 7"),
        (lambda: Adaptive(kernel_size=2), "kernel_size=2 has no centre tap"),
        (lambda: Adaptive(groups=0), "groups=0 is no number of groups. Use 1 or more"),
        (lambda: Adaptive(init="identity", normalize="joint"), "init='identity' needs filters that sum to one"),
        (lambda: Fixed(padding_mode="same"), "padding_mode='same' is unknown"),
        (
            lambda: filter_from_dict({"filter": "Sharpen"}),
            "filter 'Sharpen' is unknown. Use one of Adaptive, At",
        ),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_filter_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Filter()  # type: ignore[abstract]
