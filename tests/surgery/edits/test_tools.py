"""Tools that make modules anew, fold them, wrap them or copy them: every filter goes on running, or torch refuses."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils import fusion, parametrizations, prune
from torchvision.models.feature_extraction import create_feature_extractor

from antialias.nn import LAYERS, Adaptive, Filter, Fixed, Polyphase
from antialias.surgery import convert_, inspect

X = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(name: str = "shufflenet_v2_x0_5") -> Any:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, num_classes=5).eval()
    return with_statistics(model)


def with_statistics(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 1.5)
            module.running_mean.normal_(0, 0.1)
    return model


def runs(model: nn.Module, x: Tensor = X) -> int:
    """Count the calls of filters in a pass."""
    calls: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda m, *_: calls.append(m)) for m in model.modules() if isinstance(m, LAYERS)]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return len(calls)


def frozen(module: nn.Module) -> nn.Module:
    """Make frozen norms the way detectors do, which keeps no child of a norm."""
    if isinstance(module, nn.BatchNorm2d):
        norm = torchvision.ops.FrozenBatchNorm2d(module.num_features)
        norm.load_state_dict({k: v for k, v in module.state_dict().items() if k in norm.state_dict()})
        return norm
    for name, child in module.named_children():
        setattr(module, name, frozen(child))
    return module


@pytest.mark.parametrize("filter", [Fixed(), Adaptive(init="paper")], ids=str)
@pytest.mark.parametrize(
    "tool",
    [
        nn.SyncBatchNorm.convert_sync_batchnorm,
        timm.layers.convert_sync_batchnorm,
        frozen,
        timm.layers.freeze_batch_norm_2d,
    ],
    ids=["torch sync", "timm sync", "frozen", "timm frozen"],
)
def test_norms_made_anew_keep_their_filters(tool: Callable[[nn.Module], Any], filter: Filter) -> None:
    model = network()
    plain = copy.deepcopy(model)(X)
    done = convert_(model, filter, example=X)
    if "frozen" in getattr(tool, "__name__", "") or "freeze" in getattr(tool, "__name__", ""):
        model = model.eval()
    keys, expected = set(done.filters()), model(X)
    model = tool(model).eval()
    assert runs(model) == len(keys) == 7
    torch.testing.assert_close(model(X), expected, rtol=1e-4, atol=1e-5)
    assert set(done.filters()) == keys
    torch.testing.assert_close(done.revert_()(X), plain, rtol=1e-4, atol=1e-5)
    assert runs(model) == 0


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "resnet18", "mobilenet_v2"])
def test_folding_norms_into_convolutions_keeps_filters(name: str) -> None:
    model = network(name)
    done = convert_(model, Adaptive(init="paper"), example=X)
    folded = fuse(model)
    assert runs(folded) == len(done.filters())
    torch.testing.assert_close(folded(X), model(X), rtol=1e-4, atol=1e-5)


def test_fusing_lists_of_modules_runs_each_filter_once() -> None:
    model = network("resnet18")
    convert_(model, Adaptive(init="paper"), example=X)
    expected = model(X)
    lists = [["conv1", "bn1", "relu"]]
    for block in (f"layer{s}.{b}" for s in (1, 2, 3, 4) for b in (0, 1)):
        lists += [[f"{block}.conv1", f"{block}.bn1"], [f"{block}.conv2", f"{block}.bn2"]]
    lists += [[f"layer{s}.0.downsample.0", f"layer{s}.0.downsample.1"] for s in (2, 3, 4)]
    fused = torch.ao.quantization.fuse_modules(model, lists)
    assert runs(fused) == 7
    torch.testing.assert_close(fused(X), expected, rtol=1e-4, atol=1e-5)


def test_a_fused_activation_leaves_its_filter_to_what_is_put_there() -> None:
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()]
    model = with_statistics(nn.Sequential(*layers, nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))).eval()
    convert_(model, Adaptive(init="paper"), example=X, stem=True)
    expected = model(X)
    fused = torch.ao.quantization.fuse_modules(model, [["0", "1", "2"], ["3", "4"]])
    assert runs(fused) == 2
    torch.testing.assert_close(fused(X), expected, rtol=1e-4, atol=1e-5)


def test_a_filtered_norm_is_no_pair_to_fuse() -> None:
    model = network()
    convert_(model, example=X)
    with pytest.raises((NotImplementedError, AssertionError), match="FilteredBatchNorm2d"):
        torch.ao.quantization.fuse_modules(model, [["stage2.0.branch1.0", "stage2.0.branch1.1"]])


def test_norms_folded_by_hand_leave_their_filter_to_what_is_put_there() -> None:
    model = network()
    convert_(model, Adaptive(init="paper"), example=X)
    expected, block = model(X), model.stage2[0].branch1
    block[0] = fusion.fuse_conv_bn_eval(block[0], block[1])
    block[1] = nn.Identity()
    assert runs(model) == 7
    torch.testing.assert_close(model(X), expected, rtol=1e-4, atol=1e-5)


class Adapter(nn.Module):
    """What PEFT's LoRA does to a convolution, in few lines."""

    def __init__(self, base_layer: nn.Conv2d) -> None:
        super().__init__()
        self.base_layer = base_layer
        sizes = (base_layer.kernel_size, base_layer.stride, base_layer.padding)
        self.lora_A = nn.Conv2d(base_layer.in_channels, 2, *sizes, bias=False)
        self.lora_B = nn.Conv2d(2, base_layer.out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + self.lora_B(self.lora_A(x))

    @torch.no_grad()
    def merged(self) -> nn.Module:
        delta = torch.einsum("or,rikl->oikl", self.lora_B.weight.flatten(1), self.lora_A.weight)
        self.base_layer.weight += delta
        return self.base_layer


@pytest.mark.parametrize("filter", [Fixed(), Adaptive(init="paper")], ids=str)
def test_adapters_beside_a_layer_read_what_it_reads(filter: Filter) -> None:
    model = network("resnet18")
    before = copy.deepcopy(model)(X)
    done = convert_(model, filter, example=X)
    owners = [name for name, m in model.named_modules() if isinstance(m, nn.Conv2d) and name.startswith("layer")]
    owners = [name for name in owners if "antialias" not in name]
    keys = set(done.filters())
    for name in owners:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, Adapter(model.get_submodule(name)))
    adapted = model(X)
    assert runs(model) == 7
    assert set(done.filters()) == keys
    for name in owners:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, model.get_submodule(name).merged())
    assert runs(model) == 7
    torch.testing.assert_close(model(X), adapted, rtol=1e-4, atol=1e-5)
    assert done.revert_()(X).shape == before.shape
    assert runs(model) == 0


def test_adapters_made_at_stride_1_are_merged_before_the_stride_is_given_back() -> None:
    model = network("resnet18")
    expected, done = model(X), convert_(model, example=X)
    model.layer2[0].conv1 = Adapter(model.layer2[0].conv1)
    converted = model(X)
    fact = r"cannot be reverted: layer2.0.conv1 has an adapter that was made while it ran at stride 1 \(1 of 7 sites\)"
    with pytest.raises(ValueError, match=rf"{fact}.*Merge the adapters first .*or convert a network that has them"):
        done.revert_()
    assert torch.equal(model(X), converted)
    model.layer2[0].conv1 = model.layer2[0].conv1.base_layer
    torch.testing.assert_close(done.revert_()(X), expected)


def test_a_network_with_adapters_is_converted_and_reverted() -> None:
    model = network("resnet18")
    model.layer2[0].conv1 = Adapter(model.layer2[0].conv1)
    expected = model(X)
    done = convert_(model, example=X)
    torch.testing.assert_close(model(X), expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(done.revert_()(X), expected)


@pytest.mark.parametrize(
    ("name", "wanted"), [("resnet18", "avgpool"), ("shufflenet_v2_x0_5", "conv5.2"), ("googlenet", "avgpool")]
)
def test_features_are_extracted(name: str, wanted: str) -> None:
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model, seen = torchvision.models.get_model(name, weights=None, **options).eval(), []
    done = convert_(model, Adaptive(init="paper"), example=X)
    extractor = create_feature_extractor(model, [wanted])
    model.get_submodule(wanted).register_forward_hook(lambda _, args, out: seen.append(out))
    model(X)
    torch.testing.assert_close(extractor(X)[wanted], seen[0])
    assert runs(extractor) == len(done.filters())


class Pooled(nn.Module):
    """A block that pools by a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.max_pool2d(self.conv(x).relu(), 2, ceil_mode=True)


def test_functions_are_traced_with_their_filters() -> None:
    model = nn.Sequential(Pooled(), nn.Conv2d(8, 4, 1)).eval()
    convert_(model, Adaptive(init="paper"), example=X)
    traced = torch.fx.symbolic_trace(model)
    torch.testing.assert_close(traced(X[..., :37, :51]), model(X[..., :37, :51]))


@pytest.mark.parametrize("make", [lambda: network("resnet18"), lambda: nn.Sequential(Pooled(), nn.Conv2d(8, 4, 1))])
@pytest.mark.parametrize("filter", [Fixed(), Polyphase(), Adaptive(phase="learned")], ids=str)
def test_replicas_run_their_own_parameters_on_their_own_maps(make: Callable[[], Any], filter: Filter) -> None:
    """`DataParallel` copies modules without their parameters, and runs the copies in threads at the same time."""
    model = make().eval()
    convert_(model, filter, example=X)
    inputs = [torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
    expected = [model(x) for x in inputs]
    replicas = [replica(model) for _ in inputs]
    for each in replicas:
        for own, other in zip(each.modules(), model.modules(), strict=True):
            assert own is not other
    doubled = replica(model, scale=2.0)
    assert not torch.equal(doubled(inputs[0]), expected[0])
    answers: list[Any] = [None] * len(inputs)
    barrier = threading.Barrier(len(inputs))

    def work(index: int) -> None:
        barrier.wait()
        for _ in range(4):
            answers[index] = replicas[index](inputs[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer, right in zip(answers, expected, strict=True):
        assert answer is not None
        torch.testing.assert_close(answer, right)


def replica(model: nn.Module, scale: float = 1.0) -> Any:
    """What `torch.nn.parallel.replicate` makes for one device."""
    copies = {module: module._replicate_for_data_parallel() for module in model.modules()}
    for module, twin in copies.items():
        for name, child in module._modules.items():
            if child is not None:
                setattr(twin, name, copies[child])
        for name, parameter in module._parameters.items():
            if parameter is None:
                twin._parameters[name] = None
            else:
                setattr(twin, name, parameter.detach() * scale)
        for name, buffer in module._buffers.items():
            twin._buffers[name] = None if buffer is None else buffer.clone()
    return copies[model]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_follow_too(copied: Callable[[Any], Any]) -> None:
    model = network()
    convert_(model, example=X)
    twin = copied(model)
    expected = twin(X)
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(twin).eval()
    assert runs(synchronised) == 7
    torch.testing.assert_close(synchronised(X), expected)
    average = torch.optim.swa_utils.AveragedModel(synchronised).eval()
    assert runs(average) == 7


def test_what_changes_weights_only_keeps_filters() -> None:
    model = network("resnet18")
    done = convert_(model, Adaptive(init="paper"), example=X)
    expected = model(X)
    parametrizations.weight_norm(model.layer2[0].conv2)
    parametrizations.weight_norm(model.layer2[0].downsample[0])
    prune.identity(model.layer3[0].conv2, "weight")
    torch.testing.assert_close(model(X), expected, rtol=1e-4, atol=1e-5)
    nn.utils.parametrize.remove_parametrizations(model.layer2[0].conv2, "weight")
    nn.utils.parametrize.remove_parametrizations(model.layer2[0].downsample[0], "weight")
    assert runs(model) == 7
    done.revert_()
    assert runs(model) == 0
    assert type(model.layer2[0].conv2) is nn.Conv2d


def test_another_pool_in_place_of_a_filtered_one_brings_its_own_subsampling() -> None:
    model = network("resnet18")
    convert_(model, example=X)
    model.maxpool = nn.MaxPool2d(3, 2, 1)
    assert runs(model) == 6
    model.maxpool = nn.Identity()
    assert runs(model) == 6


@torch.no_grad()
@pytest.mark.parametrize(
    "name", ["fastvit_t8", "repvgg_a0", "levit_128s", "mobileone_s0", "repvit_m1", "lcnetv2_small", "ghostnetv3_050"]
)
def test_branches_that_become_one_convolution_keep_their_filter_behind_the_sum(name: str) -> None:
    torch.manual_seed(0)
    model = with_statistics(timm.create_model(name, num_classes=5).eval())
    x = torch.rand(1, *((3, 224, 224) if "levit" in name else (3, 64, 64)))
    plain = model(x)
    done = convert_(model, Adaptive(init="paper"), example=x)
    expected, deployed = model(x), timm.utils.reparameterize_model(copy.deepcopy(model))
    assert runs(deployed, x) == len(done.filters())
    torch.testing.assert_close(deployed(x), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert torch.equal(done.revert_()(x), plain)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
def test_a_scripted_module_cannot_take_a_filter_over() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, stride=2, padding=1), nn.ReLU())
    convert_(model, Fixed(), example=X)
    scripted = torch.jit.script(nn.ReLU())
    with pytest.raises(ValueError, match=r"a scripted module in the place of 2, which .* Use torch\.compile"):
        model[2] = scripted


def test_a_stride_that_a_block_reads_is_left_to_it() -> None:
    done = convert_(timm.create_model("ghostnetv3_050").eval(), Fixed(), example=X)
    assert done.model.blocks[1][0].stride == 2


def test_one_filter_serves_the_branches_of_a_sum() -> None:
    plan = inspect(timm.create_model("repvgg_a0").eval(), X)
    branches = [site for site in plan.changed if site.name.startswith("stages.0.0")]
    assert {site.place for site in branches} == {"output of stages.0.0"}
    assert [site.parameters > 0 for site in branches].count(True) == 1
    assert all(site.macs > 0 for site in branches)


@torch.no_grad()
def test_what_was_compiled_before_is_compiled_again() -> None:
    """Compiled code guards strides, but no hooks: a filter of stride 1 was left out."""
    torch.manual_seed(0)
    model = torchvision.models.resnet50(num_classes=5, replace_stride_with_dilation=[False, True, True]).eval()
    compiled = torch.compile(model, backend="eager")
    before = compiled(X)
    done = convert_(model, Fixed(), example=X, where=lambda site: site.kind.startswith("dilated"))
    torch.testing.assert_close(compiled(X), model(X))
    assert not torch.allclose(compiled(X), before)
    done.revert_()
    torch.testing.assert_close(compiled(X), before)


@torch.no_grad()
@pytest.mark.filterwarnings("ignore")  # of the tracer, which is deprecated
@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5"])
def test_traces_of_jit_hold_the_filters(name: str) -> None:
    model = network(name)
    convert_(model, Adaptive(init="paper"), example=X)
    traced, other = torch.jit.trace(model, (X,)), torch.rand(1, 3, 96, 80)
    torch.testing.assert_close(traced(other), model(other), rtol=1e-4, atol=1e-5)
