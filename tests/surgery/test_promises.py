"""The ten promises of surgery, over the zoo. Each network is taken once through its whole life, then asserted on."""

from __future__ import annotations

import copy
import io
import json
import pickle
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import Adaptive, Fixed
from antialias.surgery import Conversion, Plan, conversion_of, convert_, inspect, replay_
from antialias.surgery.dataflow import Graph, observe
from antialias.surgery.edits import FilterEdit, Insert
from antialias.surgery.sites import find

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d)


@dataclass(eq=False, repr=False)
class Life:
    """What was seen of one network before, during and after its conversion."""

    plan: Plan
    strided: list[str]
    before: list[Tensor]
    after: list[Tensor]
    delta: list[Tensor]
    copied: list[Tensor]
    reverted: list[Tensor]
    state: dict[str, dict[str, Any]]
    seen_by_user: dict[str, list[list[Any]]]
    keys: dict[str, list[str]]
    dicts: dict[str, Any]
    filters: list[nn.Module]
    graph: Graph
    modules: dict[str, list[tuple[str, int, str]]]


@pytest.fixture(scope="module")
def life(name_in_zoo: str, zoo: ModuleType) -> Life:
    model, x = zoo.network(name_in_zoo), zoo.images(name_in_zoo)
    example = zoo.example(model, x)
    _mark(model)
    before, blank = zoo.raw_outputs(model, x), copy.deepcopy(model)
    state = {"before": _state(model)}
    strided = [n for n, m in model.named_modules() if isinstance(m, LAYERS) and max(_pair(m.stride)) > 1]
    modules = {"before": _modules(model)}
    plan = inspect(model, example)
    state["inspected"] = _state(model)
    seen, handles = _listen(model, plan)
    zoo.raw_outputs(model, x)
    seen_before = list(seen)
    seen.clear()

    done = convert_(model, example=example)
    state["converted"] = _state(model)
    seen.clear()
    after = zoo.raw_outputs(model, x)
    seen_after = list(seen)
    for handle in handles:
        handle.remove()
    keys = {"converted": list(model.state_dict())}
    dicts = {"converted": json.loads(json.dumps(done.to_dict()))}
    graph = observe(model, (example,))
    filters = list(done.filters().values())

    twin, exact = copy.deepcopy(blank), blank
    dicts["replayed"] = replay_(twin, dicts["converted"]).to_dict()
    twin.load_state_dict(model.state_dict())
    twin = _through_pickle(copy.deepcopy(twin))
    dicts["pickled"] = _conversion(twin).to_dict()
    copied = zoo.raw_outputs(twin, x)
    replay_(exact, _with_delta(dicts["converted"]))
    delta = zoo.raw_outputs(exact, x)

    done.revert_()
    state["reverted"], keys["reverted"], modules["reverted"] = _state(model), list(model.state_dict()), _modules(model)
    reverted = zoo.raw_outputs(model, x)
    keys["before"] = state["before"]["saved"]
    heard = {"before": seen_before, "after": seen_after}
    return Life(
        plan, strided, before, after, delta, copied, reverted, state, heard, keys, dicts, filters, graph, modules
    )


def _mark(model: nn.Module) -> None:
    """Freeze some parameters, tie two, and put some modules in training mode, to see that all that is kept."""
    for parameter in list(model.parameters())[::3]:
        parameter.requires_grad_(False)
    first: dict[tuple[int, ...], nn.Conv2d] = {}
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and first.setdefault(tuple(module.weight.shape), module) is not module:
            module.weight = first[tuple(module.weight.shape)].weight
            break
    for module in [m for m in model.modules() if isinstance(m, nn.Conv2d)][::2]:
        module.training = True


def _state(model: nn.Module) -> dict[str, Any]:
    names = dict(model.named_parameters(remove_duplicate=False))
    return {
        "parameters": {name: id(p) for name, p in names.items()},
        "kinds": {name: (p.dtype, p.device, p.requires_grad) for name, p in names.items()},
        "training": {name: module.training for name, module in model.named_modules()},
        "buffers": {name: (id(b), b.clone()) for name, b in model.named_buffers()},
        "saved": list(model.state_dict()),
        "hooks": {n: (list(m._forward_hooks), list(m._forward_pre_hooks)) for n, m in model.named_modules()},
        "random": torch.get_rng_state(),
    }


def _modules(model: nn.Module) -> list[tuple[str, int, str]]:
    return [(name, id(module), module.extra_repr()) for name, module in model.named_modules(remove_duplicate=False)]


def _listen(model: nn.Module, plan: Plan) -> tuple[list[Any], list[Any]]:
    """Register a user's hook wherever a filter will be."""
    seen: list[Any] = []
    handles = []
    for site in plan.changed:
        for edit in site.edits:
            if isinstance(edit, Insert):
                handles.append(_listen_at(model.get_submodule(edit.module), edit, seen))
    return seen, handles


def _listen_at(module: nn.Module, edit: Insert, seen: list[Any]) -> Any:
    if edit.side == "input":
        return module.register_forward_pre_hook(lambda _, args: seen.append([edit.module, tuple(args[0].shape)]))
    return module.register_forward_hook(lambda _, args, out: seen.append([edit.module, tuple(out.shape)]))


def _conversion(model: nn.Module) -> Conversion:
    conversion = conversion_of(model)
    assert conversion is not None
    return conversion


def _through_pickle(model: nn.Module) -> nn.Module:
    return pickle.load(io.BytesIO(pickle.dumps(model)))


def _with_delta(values: dict[str, Any]) -> dict[str, Any]:
    """The same conversion with filters of one tap: exact identities, under which only a wrong phase can show."""
    values = copy.deepcopy(values)
    values["steps"][0]["filter"] = Fixed(kernel_size=1).to_dict()
    return values


def _pair(stride: Any) -> tuple[int, ...]:
    return (stride,) if isinstance(stride, int) else tuple(stride)


def test_1_the_function_is_kept(life: Life, zoo: ModuleType) -> None:
    assert zoo.relative_error(life.after, life.before) <= 1e-3
    assert zoo.relative_error(life.delta, life.before) <= 1e-5


def test_2_parameters_are_the_same_objects_under_the_same_names(life: Life) -> None:
    before, after = life.state["before"]["parameters"], life.state["converted"]["parameters"]
    assert {name: after.get(name) for name in before} == before
    assert all(".antialias" in name for name in after.keys() - before.keys())


def test_3_type_device_and_frozen_flag_are_kept(life: Life) -> None:
    before, after = life.state["before"]["kinds"], life.state["converted"]["kinds"]
    assert {name: after[name] for name in before} == before
    parameters = [p for layer in life.filters for p in layer.parameters()]
    assert parameters
    assert {(p.dtype, p.device, p.requires_grad) for p in parameters} == {(torch.float32, torch.device("cpu"), True)}


def test_4_hooks_of_the_user_fire_and_see_maps_of_the_size_they_saw(life: Life) -> None:
    assert life.seen_by_user["before"]
    assert life.seen_by_user["after"] == life.seen_by_user["before"]


def test_5_ties_are_kept(life: Life) -> None:
    before, after = (life.state[when]["parameters"] for when in ("before", "converted"))
    groups = [name for name in before if list(before.values()).count(before[name]) > 1]
    assert len({after[name] for name in groups}) == len({before[name] for name in groups})


def test_6_looking_changes_nothing(life: Life) -> None:
    before, after = life.state["before"], life.state["inspected"]
    for key in ("parameters", "kinds", "training", "saved", "hooks"):
        assert after[key] == before[key], key
    assert torch.equal(after["random"], before["random"])
    for name, (identity, values) in before["buffers"].items():
        assert after["buffers"][name][0] == identity
        assert torch.equal(after["buffers"][name][1], values)
    trained = life.state["converted"]["training"]
    assert {name: trained[name] for name in before["training"]} == before["training"]


def test_7_revert_restores_all(life: Life) -> None:
    for key in ("parameters", "kinds", "training", "saved", "hooks"):
        assert life.state["reverted"][key] == life.state["before"][key], key
    assert life.keys["reverted"] == life.keys["before"]
    assert life.modules["reverted"] == life.modules["before"]
    assert all(torch.equal(a, b) for a, b in zip(life.reverted, life.before, strict=True))


def test_8_whatever_has_a_stride_is_changed_or_reported(life: Life) -> None:
    assert set(life.strided) <= {site.name for site in life.plan.sites}
    assert all(site.reason for site in life.plan.sites)


def test_9_copies_files_and_replays_are_the_same(life: Life) -> None:
    assert json.loads(json.dumps(life.dicts["replayed"])) == life.dicts["converted"]
    assert json.loads(json.dumps(life.dicts["pickled"])) == life.dicts["converted"]
    assert all(torch.equal(a, b) for a, b in zip(life.copied, life.after, strict=True))


def test_10_filtered_sites_run_at_stride_1_and_their_filters_at_the_old_stride(life: Life) -> None:
    left = {site.name for site in life.plan.skipped}
    found = find(life.graph)
    assert {site.name for site in found if site.kind != "filter"} <= left
    wanted = {
        f"{edit.module}.{edit.child}": edit.stride
        for site in life.plan.changed
        for edit in site.edits
        if isinstance(edit, FilterEdit)
    }
    ran = {site.name: site.stride for site in found if site.kind == "filter"}
    assert ran == wanted
    assert [tuple(a.shape) for a in life.after] == [tuple(b.shape) for b in life.before]


def test_adaptive_is_the_default(life: Life) -> None:
    assert life.plan.filter == Adaptive()
