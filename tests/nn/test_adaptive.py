from __future__ import annotations

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from matrix import needs_kernel
from torch import nn

from antialias.nn import INITS, PREDICTORS, AdaptiveBlurPool2d, BlurPool2d, FrozenBatchNorm2d
from antialias.ops import NORMALIZATIONS, PADDING_MODES, adaptive_blur2d


def randomized(layer: AdaptiveBlurPool2d) -> AdaptiveBlurPool2d:
    generator = torch.Generator().manual_seed(0)
    for tensor in (layer.bn.weight, layer.bn.bias, layer.bn.running_mean):
        tensor.data = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    layer.bn.running_var.data = torch.rand(layer.bn.running_var.shape, generator=generator, dtype=tensor.dtype) + 0.5
    return layer


def as_published(layer: AdaptiveBlurPool2d, x: torch.Tensor) -> torch.Tensor:
    """Equations of facts: predict and filter at every position by unfolding, then throw positions away."""
    k, groups, (n, channels, height, width) = layer.kernel_size, layer.groups, x.shape
    x_pad = F.pad(x, [k // 2] * 4, mode="reflect")
    logits = layer.bn(F.conv2d(x_pad, layer.conv.weight))
    weights = (
        logits.softmax(1).view(n, groups, 1, k * k, height, width)
        if layer.normalize == "joint"
        else logits.view(n, groups, 1, k * k, height, width).softmax(3)
    )
    windows = F.unfold(x_pad, k).view(n, groups, channels // groups, k * k, height, width)
    full = (windows * weights).sum(3).view(n, channels, height, width)
    return full[:, :, :: layer.stride[0], :: layer.stride[1]]


@pytest.mark.parametrize("stride", [1, 2, 3, (1, 2)])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_kept_positions_equal_the_published_full_resolution_form(stride, kernel_size, normalize):
    layer = AdaptiveBlurPool2d(16, kernel_size, stride, normalize=normalize, dtype=torch.float64)
    layer = randomized(layer).eval()
    x = torch.randn(2, 16, 11, 14, dtype=torch.float64)
    assert torch.allclose(layer(x), as_published(layer, x), atol=1e-12)


DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SHAPES = [(2, 8, 7, 10), (2, 8, 2, 2), (2, 8, 1, 5), (0, 8, 8, 8)]


@pytest.mark.parametrize(("dtype", "shape", "mode"), list(itertools.product(DTYPES, SHAPES, PADDING_MODES)))
def test_every_type_size_and_border_against_float64(dtype, shape, mode):
    layer = randomized(AdaptiveBlurPool2d(8, groups=4, padding_mode=mode)).eval().to(dtype)
    x = torch.randn(shape).to(dtype)
    y, exact = layer(x), copy.deepcopy(layer).double()(x.double())
    assert y.dtype == dtype
    assert y.shape == (shape[0], 8, -(-shape[2] // 2), -(-shape[3] // 2))
    assert torch.allclose(y.double(), exact, atol=24 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_constant_in_constant_out(mode):
    layer = randomized(AdaptiveBlurPool2d(8, padding_mode=mode)).eval()
    assert torch.allclose(layer(torch.full((1, 8, 6, 6), 3.0)), torch.tensor(3.0), atol=1e-5)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("frozen_norm", [True, False])
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_identity_hands_its_input_on_whatever_it_is(train, frozen_norm, predictor):
    layer = AdaptiveBlurPool2d(8, 3, 1, init="identity", frozen_norm=frozen_norm, predictor=predictor).train(train)
    x = 1000 * torch.randn(4, 8, 9, 9)
    assert (layer(x) - x).norm() / x.norm() < 2e-3


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_binomial_starts_as_the_fixed_blur(kernel_size):
    layer = AdaptiveBlurPool2d(8, kernel_size, init="binomial").eval()
    nn.init.zeros_(layer.bn.weight)
    x = torch.randn(2, 8, 9, 12)
    assert torch.allclose(layer(x), BlurPool2d(8, kernel_size)(x), atol=1e-6)


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("frozen_norm", [True, False])
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_every_start_can_learn(init, frozen_norm, predictor):
    torch.manual_seed(0)
    layer = AdaptiveBlurPool2d(8, init=init, frozen_norm=frozen_norm, predictor=predictor).train()
    x = torch.randn(4, 8, 8, 8)
    before = layer.filters(x).detach()
    optimizer = torch.optim.Adam([p for p in layer.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        (layer(x) - BlurPool2d(8, 5)(x)).square().mean().backward()
        optimizer.step()
    change = layer.filters(x) - before
    assert change.abs().max() > 1e-5
    assert change.std((0, 3, 4)).max() > 1e-7  # filters differ between places, as only learned convolutions make them


def test_frozen_norm_never_changes():
    layer = AdaptiveBlurPool2d(8, frozen_norm=True).train()
    assert isinstance(layer.bn, FrozenBatchNorm2d)
    before = {name: value.clone() for name, value in layer.bn.state_dict().items()}
    layer(torch.randn(4, 8, 8, 8)).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in layer.bn.state_dict().items())
    assert [name for name, parameter in layer.named_parameters() if parameter.requires_grad] == ["conv.weight"]


def test_state_dict_has_the_names_of_published_checkpoints():
    layer = AdaptiveBlurPool2d(16, groups=8)
    assert set(layer.state_dict()) == {
        "conv.weight",
        *(f"bn.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
    }
    assert layer.conv.weight.shape == (8 * 9, 16, 3, 3)


def test_parameters_added_to_resnet50_are_those_of_the_paper():
    channels = [64, 128, 256, 512, 256, 512, 1024]
    added = sum(p.numel() for c in channels for p in AdaptiveBlurPool2d(c, device="meta").parameters())
    assert added / 25_557_032 == pytest.approx(0.070, abs=5e-4)


@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize("momentum", [0.1, None])
def test_training_normalises_as_torchs_own_norm_does(predictor, momentum):
    layer = randomized(AdaptiveBlurPool2d(8, predictor=predictor)).double()
    layer.bn.momentum = momentum
    twin, x = copy.deepcopy(layer), torch.randn(3, 8, 9, 9, dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        y = layer(x)
        expected = adaptive_blur2d(x, twin.bn(twin.conv(x)), backend="reference")
        assert torch.allclose(y, expected, atol=1e-12)
    ours, theirs = (
        torch.autograd.grad(z.square().sum(), [x, *of.parameters()]) for z, of in ((y, layer), (expected, twin))
    )
    assert all(torch.allclose(*pair, atol=1e-10) for pair in zip(ours, theirs, strict=True))
    assert all(torch.equal(*pair) for pair in zip(layer.buffers(), twin.buffers(), strict=True))


@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize("frozen_norm", [True, False])
def test_fixed_statistics_are_folded_into_the_convolution_and_are_never_stale(predictor, frozen_norm):
    layer = AdaptiveBlurPool2d(8, predictor=predictor, frozen_norm=frozen_norm).double().train(frozen_norm)
    x = torch.randn(2, 8, 9, 9, dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        randomized(layer)
        nn.init.normal_(layer.bn.running_mean)
        expected = layer.bn(layer.conv(x))
        assert torch.allclose(layer.logits(x), expected, atol=1e-12)
        learning = [x, *(p for p in layer.parameters() if p.requires_grad)]
        grads = (torch.autograd.grad(z.square().sum(), learning) for z in (layer.logits(x), expected))
        assert all(torch.allclose(*pair, atol=1e-10) for pair in zip(*grads, strict=True))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_who_looks_at_the_norm_sees_it(train, register):
    layer, seen = AdaptiveBlurPool2d(8).train(train), []
    getattr(layer.bn, register)(lambda module, *maps: seen.append(module))
    y = layer(torch.randn(2, 8, 8, 8))
    assert seen == [layer.bn]
    assert y.shape == (2, 8, 4, 4)


@needs_kernel
def test_training_keeps_no_logits():
    layer, x = AdaptiveBlurPool2d(16, groups=8), torch.randn(2, 16, 12, 12, requires_grad=True)
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.data_ptr(), t.numel()) and t, lambda t: t
    ):
        layer(x)
    parameters = {p.data_ptr() for p in layer.parameters()}
    read = 2 * 72 * 6 * 6
    assert [n for at, n in kept.items() if at not in parameters and n > 72] == [x.numel(), read]


def test_a_separable_predictor_is_the_full_one_with_kernels_of_rank_one():
    layer = randomized(AdaptiveBlurPool2d(8, 5, groups=4, predictor="separable", dtype=torch.float64)).eval()
    full = AdaptiveBlurPool2d(8, 5, groups=4, dtype=torch.float64).eval()
    assert sum(p.numel() for p in layer.conv.parameters()) == 8 * 25 + 8 * 100
    depthwise, pointwise = layer.conv.depthwise.weight, layer.conv.pointwise.weight
    state = layer.bn.state_dict(prefix="bn.") | {"conv.weight": pointwise * depthwise.transpose(0, 1)}
    full.load_state_dict(state)
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    assert torch.allclose(layer(x), full(x), atol=1e-12)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(("stride", "mode"), [(2, "reflect"), ((1, 2), "circular"), (3, "replicate")])
def test_a_bottleneck_predicts_by_its_equation(train, stride, mode):
    layer = AdaptiveBlurPool2d(12, 3, stride, 4, padding_mode=mode, predictor="bottleneck").double().train(train)
    layer, x = randomized(layer), torch.randn(2, 12, 7, 9, dtype=torch.float64, requires_grad=True)
    assert layer.conv.bottleneck.weight.shape == (8, 12, 1, 1)
    mean, variance = layer.bn.running_mean.clone(), layer.bn.running_var.clone()
    windows = F.pad(x, [1] * 4, mode=mode).unfold(2, 3, layer.stride[0]).unfold(3, 3, layer.stride[1])
    windows = windows.flatten(4)  # N, C, rows, columns, taps
    one, two, three = (step.weight for step in (layer.conv.depthwise, layer.conv.bottleneck, layer.conv.pointwise))
    read = torch.einsum("nchwt,ct,rc,or->nohw", windows, one.flatten(1), two[:, :, 0, 0], three[:, :, 0, 0])
    if train:
        variance, mean = torch.var_mean(read, (0, 2, 3), correction=0)
    logits = (read - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    logits = logits * layer.bn.weight[:, None, None] + layer.bn.bias[:, None, None]
    filters = logits.unflatten(1, (4, 9)).softmax(2)
    expected = torch.einsum("ngchwt,ngthw->ngchw", windows.unflatten(1, (4, 3)), filters).flatten(1, 2)
    y = layer(x)
    assert torch.allclose(y, expected, atol=1e-12)
    ours, theirs = (torch.autograd.grad(z.square().sum(), [x, *layer.parameters()]) for z in (y, expected))
    assert all(torch.allclose(*pair, atol=1e-10) for pair in zip(ours, theirs, strict=True))


def test_channels_last_stays():
    layer = randomized(AdaptiveBlurPool2d(8)).eval()
    x = torch.randn(2, 8, 9, 9).to(memory_format=torch.channels_last)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(layer(x), layer(x.contiguous()), atol=1e-5)


def test_autocast_keeps_the_type_of_the_map():
    layer = randomized(AdaptiveBlurPool2d(8)).eval()
    x = torch.randn(2, 8, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    assert y.dtype == torch.float32
    assert (y - layer(x)).norm() / layer(x).norm() < 0.05


def test_compiles_forward_and_backward_without_a_graph_break():
    layer, x = AdaptiveBlurPool2d(8), torch.randn(2, 8, 8, 8, requires_grad=True)
    compiled = torch.compile(copy.deepcopy(layer), fullgraph=True, backend="aot_eager")
    (ours,) = torch.autograd.grad(compiled(x).square().sum(), x)
    (eager,) = torch.autograd.grad(layer(x).square().sum(), x)
    assert torch.allclose(ours, eager, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, (1, 2)])
def test_exports_with_dynamic_sizes(stride):
    layer = randomized(AdaptiveBlurPool2d(8, 3, stride)).eval()
    sizes = {0: torch.export.Dim("n"), 2: torch.export.Dim("h", min=4), 3: torch.export.Dim("w", min=4)}
    exported = torch.export.export(layer, (torch.randn(2, 8, 12, 12),), dynamic_shapes=(sizes,)).module()
    other = torch.randn(3, 8, 15, 21)
    assert torch.allclose(exported(other), layer(other), atol=1e-6)


def test_meta_device_then_values():
    layer = AdaptiveBlurPool2d(8, init="identity", device="meta").to_empty(device="cpu")
    layer.reset_parameters()
    x = torch.randn(2, 8, 8, 8)
    assert torch.allclose(layer(x), x[:, :, ::2, ::2], atol=0.02)


def test_deep_copy_is_equal_and_apart():
    layer = randomized(AdaptiveBlurPool2d(8)).eval()
    twin, x = copy.deepcopy(layer), torch.randn(1, 8, 8, 8)
    assert torch.equal(twin(x), layer(x))
    nn.init.zeros_(twin.conv.weight)
    assert not torch.equal(twin(x), layer(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, "channels=0 is no number of channels"),
        ({"kernel_size": 4}, "kernel_size=4 has no centre tap. Use an odd size such as 3 or 5"),
        ({"groups": 8}, "groups=8 does not divide channels=12. Use groups=6 or 12"),
        ({"groups": 5}, "groups=5 does not divide channels=12. Use groups=4 or 6"),
        ({"groups": 99}, "groups=99 does not divide channels=12. Use groups=12"),
        ({"normalize": "batch"}, "normalize='batch' is unknown. Use one of 'group', 'joint'"),
        ({"init": "zeros"}, "init='zeros' is unknown. Use one of 'paper', 'identity', 'binomial'"),
        ({"init": "identity", "normalize": "joint"}, "init='identity' needs filters that sum to one.*init='paper'"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown"),
        ({"predictor": "tiny"}, "predictor='tiny' is unknown. Use one of 'full', 'separable', 'bottleneck'"),
        ({"stride": (2, 2, 2)}, r"stride=\(2, 2, 2\) does not fit 2 dimension"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveBlurPool2d(**{"channels": 12, "groups": 4, **arguments})


def test_training_on_one_value_a_channel_is_refused_and_changes_nothing():
    layer = AdaptiveBlurPool2d(8)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        layer(torch.randn(1, 8, 2, 2))
    assert not layer.bn.running_mean.any()


def test_input_that_does_not_fit():
    with pytest.raises(ValueError, match=r"shape \(1, 3, 8, 8\), but this layer filters 8 channels. Pass \(N, 8, H, W"):
        AdaptiveBlurPool2d(8)(torch.zeros(1, 3, 8, 8))


def test_a_frozen_norm_stays_frozen_when_norms_are_synchronised():
    layer = AdaptiveBlurPool2d(8, frozen_norm=True, init="paper")
    randomized(layer)
    x, before = torch.randn(2, 8, 8, 8), copy.deepcopy(layer.state_dict())
    expected = layer(x)
    layer = nn.SyncBatchNorm.convert_sync_batchnorm(layer).train()
    assert type(layer.bn) is FrozenBatchNorm2d
    assert torch.equal(layer(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_frozen_norm_is_torchs_in_evaluation_and_reads_its_state():
    theirs, ours = nn.BatchNorm2d(8).eval(), FrozenBatchNorm2d(8)
    for value in (theirs.weight, theirs.bias, theirs.running_mean, theirs.running_var):
        nn.init.uniform_(value, 0.5, 2)
    state = theirs.state_dict()
    ours.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(ours.train()(x), theirs(x))
    older = {name: value for name, value in state.items() if name != "num_batches_tracked"}
    ours.load_state_dict(older)  # as torch's own norm reads states of releases that did not count
    with pytest.raises(RuntimeError, match="running_mean"):
        ours.load_state_dict({"weight": state["weight"]})
    assert repr(ours) == "FrozenBatchNorm2d(8, eps=1e-05)"
