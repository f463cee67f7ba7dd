"""Each name of torch that is not public does what the project needs of it."""

from __future__ import annotations

import io
from collections import OrderedDict

import pytest
import torch
from torch import nn

from antialias import _torch


def test_transforms_of_torch_func_are_noticed():
    noticed = []

    def note(x):
        noticed.append(_torch.is_in_functorch())
        return x.sum()

    torch.func.vmap(note)(torch.ones(2, 3))
    torch.func.grad(note)(torch.ones(3))
    note(torch.ones(3))
    assert noticed == [True, True, False]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # used by torch itself
def test_forward_mode_is_noticed():
    assert not _torch.is_in_forward_mode()
    with torch.autograd.forward_ad.dual_level():
        assert _torch.is_in_forward_mode()
    assert not _torch.is_in_forward_mode()


def test_modes_are_left_for_a_while():
    seen = []

    class Mode(_torch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(_torch.schema_name(func))
            return func(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Mode():
        x.exp()
        with _torch.without_modes():
            x.sin()
        torch.exp(x, out=x)
    assert seen == ["aten::exp", "aten::exp"]


def test_leaves_of_nested_arguments():
    assert _torch.tree_leaves(((1, [2]), {"a": (3,)}, None)) == [1, 2, 3, None]


def test_norms_and_convolutions_have_a_class_in_common():
    norms = (nn.BatchNorm1d(2), nn.BatchNorm2d(2), nn.BatchNorm3d(2), nn.SyncBatchNorm(2))
    assert all(isinstance(norm, _torch.BatchNorm) for norm in norms)
    assert not isinstance(nn.GroupNorm(1, 2), _torch.BatchNorm)
    convolutions = (nn.Conv1d(2, 2, 1), nn.Conv2d(2, 2, 1), nn.ConvTranspose2d(2, 2, 1))
    assert all(isinstance(convolution, _torch.Convolution) for convolution in convolutions)
    assert not isinstance(nn.Linear(2, 2), _torch.Convolution)


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_hooks_of_every_kind_are_noticed(kind):
    module = nn.BatchNorm2d(2)
    assert not _torch.has_hooks(module)
    handle = getattr(module, f"register_{kind}_hook")(lambda *_: None)
    assert _torch.has_hooks(module)
    handle.remove()
    assert not _torch.has_hooks(module)


def test_intermediate_layers_are_those_of_the_network():
    network = nn.Sequential(OrderedDict(a=nn.Conv2d(3, 4, 1), b=nn.ReLU(), c=nn.Conv2d(4, 5, 1), d=nn.Conv2d(5, 6, 1)))
    layers, x = _torch.intermediate_layers(network, {"b": "0", "c": "1"}), torch.randn(1, 3, 4, 4)
    assert list(layers.state_dict()) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    maps = layers(x)
    assert list(maps) == ["0", "1"]
    assert torch.equal(maps["0"], network.a(x).relu())
    assert torch.equal(maps["1"], network.c(maps["0"]))


def test_values_of_one_type_are_mapped():
    assert _torch.tree_map_only(int, lambda n: n + 1, (1, ["a", {"b": 2}])) == (2, ["a", {"b": 3}])


def test_functions_are_run_without_those_who_watch_them():
    seen = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func)
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(2).as_subclass(Watched)
    with _torch.DisableTorchFunction():
        torch.exp(x)
    assert seen == []
    torch.exp(x)
    assert seen == [torch.exp]


def test_own_buffers_can_be_put_back():
    module = nn.Sequential(nn.BatchNorm2d(2))
    before = module[0].running_mean
    assert not _torch.own_buffers(module)
    module[0].running_mean = torch.ones(2)
    _torch.own_buffers(module[0])["running_mean"] = before
    assert module[0].running_mean is before
    assert module.state_dict()["0.running_mean"] is not None


def test_own_children_can_be_taken_without_telling():
    module, told = nn.Sequential(nn.ReLU()), []
    handle = nn.modules.module.register_module_module_registration_hook(lambda *names: told.append(names))
    try:
        child = _torch.own_children(module).pop("0")
        assert not list(module.children())
        _torch.own_children(module)["0"] = child
        assert list(module.children()) == [child]
        assert not told
    finally:
        handle.remove()


def test_hooks_are_called_in_the_order_of_their_dictionaries():
    module, order = nn.Identity(), []
    for number in (1, 2):
        module.register_forward_pre_hook(lambda *_, number=number: order.append(f"before {number}"))
        module.register_forward_hook(lambda *_, number=number: order.append(f"after {number}"))
    del _torch.forward_pre_hooks(module)[next(iter(_torch.forward_pre_hooks(module)))]
    _torch.forward_hooks(module).popitem()
    module(torch.zeros(1))
    assert order == ["before 2", "after 1"]


def test_argument_names_are_those_of_the_operation():
    assert _torch.argument_names(torch.ops.aten.add.Tensor) == ["self", "other", "alpha"]


def test_is_compiled() -> None:
    plain, inside = nn.Linear(2, 2), nn.Linear(2, 2)
    inside.compile(backend="eager")
    assert [_torch.is_compiled(m) for m in (plain, inside, torch.compile(plain, backend="eager"))] == [
        False,
        True,
        True,
    ]


def test_dimension_ranges() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch._check(x.shape[2] >= 5)
            torch._check(x.shape[2] <= 9)
            return x.flatten(1).sum(1)

    auto = torch.export.Dim.AUTO
    program = torch.export.export(Model(), (torch.zeros(2, 3, 7, 8),), dynamic_shapes=({0: auto, 2: auto},))
    assert _torch.dimension_ranges(program) == [(1, None), 3, (5, 9), 8]


def test_a_compiled_program_answers_as_the_network(tmp_path) -> None:
    assert _torch.why_not_compiled() is None  # a compiler builds the kernels, too
    file, path, x = io.BytesIO(), tmp_path / "model.pt2", torch.randn(2, 3)
    _torch.compile_program(torch.export.export(nn.ReLU(), (x,)), file)
    path.write_bytes(file.getvalue())
    assert torch.equal(_torch.load_compiled(str(path))(x), x.relu())


def test_why_not_compiled(monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    assert "no-such-compiler" in str(_torch.why_not_compiled()) or "C++" in str(_torch.why_not_compiled())


def test_forget_compiled() -> None:
    made: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, example: list[torch.Tensor]) -> torch.fx.GraphModule:
        made.append(graph)
        return graph

    compiled, x = torch.compile(nn.ReLU(), backend=backend), torch.ones(2)
    compiled(x), compiled(x)
    assert len(made) == 1
    _torch.forget_compiled()
    assert torch.equal(compiled(x), x)
    assert len(made) == 2
