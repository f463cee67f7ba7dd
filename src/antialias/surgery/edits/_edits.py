"""The few things surgery does to a network, each as plain data that can be done, undone, saved and repeated."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, get_origin, get_type_hints

from torch import nn

from antialias._torch import forward_hooks, forward_pre_hooks, own_children
from antialias.nn import Filter, PhaseReturn2d, PolyphasePool2d

from ..dataflow import pair
from ._functional import POOL, RETURN, UP, patch, unpatch
from ._hooks import CHILD, CropToPhase, ReturnOutput, WrapInput
from ._places import Attachment, Side, attach, detach, remove_hooks
from ._pools import Stride1AvgPool2d, Stride1MaxPool2d

_SIZES, _LARGEST = {"kernel_size": 1, "stride": 1, "padding": 0}, 1024


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """One reversible change of one module.

    Attributes:
        module: The module's name.
        saved_as: Name of the kind of change in files.
        kinds: Every kind of change, by that name.
    """

    module: str
    saved_as: ClassVar[str]
    kinds: ClassVar[dict[str, type[Edit]]] = {}

    def __init_subclass__(cls) -> None:
        if "saved_as" in cls.__dict__:
            Edit.kinds[cls.saved_as] = cls

    @abstractmethod
    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        """Change `model` in place and return what was there before."""

    @abstractmethod
    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        """Put back what `apply` changed."""

    def to_dict(self) -> dict[str, Any]:
        """Return the edit as plain values for JSON."""
        return {"edit": self.saved_as, **dataclasses.asdict(self)}


@dataclass(frozen=True, kw_only=True)
class SetAttributes(Edit):
    """Set attributes of a module, such as its stride.

    Attributes:
        attributes: Pairs of names and values: `stride`, `kernel_size`, `padding` and `ceil_mode`, and nothing else, as
            a file may hold them.

    Raises:
        ValueError: It is another attribute, or a value that such a one cannot have.
    """

    saved_as: ClassVar[str] = "Retune"

    attributes: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name, value in self.attributes.items():
            least = _SIZES.get(name, 0)
            sizes = value if isinstance(value, (list, tuple)) else (value,)
            fits = all(type(size) is int and least <= size <= _LARGEST for size in sizes) and 1 <= len(sizes) <= 3
            if not (type(value) is bool if name == "ceil_mode" else name in _SIZES and fits):
                raise ValueError(
                    f"{name}={str(value)[:80]!r} is nothing that a conversion sets. It sets ceil_mode, and stride, "
                    f"kernel_size and padding of up to {_LARGEST}. Use a file of antialias.save."
                )

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        module = _layer(model, self.module)
        before = {name: getattr(module, name) for name in self.attributes}
        for name, value in self.attributes.items():
            setattr(module, name, tuple(value) if isinstance(value, list) else value)
        return before

    def is_adapted(self, model: nn.Module) -> bool:
        """Say whether an adapter around the layer has one of the same form, which was made as the edit left it."""
        outer, layer = model.get_submodule(self.module), _layer(model, self.module)
        form = {name: getattr(layer, name, None) for name in ("in_channels", "kernel_size", *self.attributes)}
        beside = set(outer.modules()) - set(layer.modules())
        return any(all(getattr(one, name, self) == value for name, value in form.items()) for one in beside)

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        """Put back what `apply` set; what somebody else has put there since is theirs."""
        module = _layer(model, self.module, *before)
        for name, value in before.items():
            if pair(getattr(module, name, None)) == pair(self.attributes[name]):
                setattr(module, name, value)


@dataclass(frozen=True, kw_only=True)
class Stride1Pool(Edit):
    """Let the window of a pool slide by one; with `ceil_mode`, the map keeps the extent that it had with the stride."""

    saved_as: ClassVar[str] = "Slide"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        pool: Any = model.get_submodule(self.module)
        before = {"__class__": pool.__class__, "stride": pool.stride}
        pool.kept_stride, pool.stride = pool.stride, 1
        pool.__class__ = Stride1MaxPool2d if isinstance(pool, nn.MaxPool2d) else Stride1AvgPool2d
        return before

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        pool: Any = model.get_submodule(self.module)
        if isinstance(pool, (Stride1MaxPool2d, Stride1AvgPool2d)):
            pool.__class__, pool.stride = before["__class__"], before["stride"]
            del pool.kept_stride


@dataclass(frozen=True, kw_only=True)
class KeepPhase(Edit):
    """Let a "same"-padded layer keep the sampling phase it had with its stride.

    Attributes:
        stride: The former stride, one number for each dimension, such as `(s_h, s_w)`.
    """

    saved_as: ClassVar[str] = "KeepPhase"

    stride: tuple[int, ...]

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        model.get_submodule(self.module).register_forward_hook(CropToPhase(self.stride), prepend=True)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_hooks(_layer(model, self.module, "stride")), CropToPhase)


@dataclass(frozen=True, kw_only=True)
class FilterEdit(Edit):
    """A change that brings a filter.

    Attributes:
        channels: Channels of the map.
        stride: Stride of the filter, one number for each dimension, such as `(s_h, s_w)`.
        like: Name of a parameter whose device and type the filter takes.
        frozen_norm: The norms around it are frozen.
        depthwise: A depthwise convolution loses its stride.
        upsampled: The stride is by how much the map was upsampled, of which the filter keeps every sample.
    """

    channels: int
    stride: tuple[int, ...]
    like: str = ""
    frozen_norm: bool = False
    depthwise: bool = False
    upsampled: ClassVar[bool] = False

    @property
    @abstractmethod
    def child(self) -> str:
        """Name of the filter in the module."""

    @property
    def path(self) -> str:
        """Name of the filter in the network."""
        return f"{self.module}.{self.child}".lstrip(".")

    def build(self, config: Filter, **options: Any) -> nn.Module:
        """Make the filter; it starts as an identity unless `config` says otherwise."""
        options |= {"init": "identity", "frozen_norm": self.frozen_norm}
        if self.upsampled:
            options["upsampled"] = True
        return (config.at_depthwise() if self.depthwise else config).build(self.channels, self.stride, **options)

    def add_filter(self, model: nn.Module, config: Filter) -> nn.Module:
        """Make the filter, register it in the module, and return the module."""
        owner, options = model.get_submodule(self.module), dict[str, Any]()
        if self.like:
            like = model.get_parameter(self.like)
            options = {"device": like.device, "dtype": like.dtype if like.is_floating_point() else None}
        owner.add_module(self.child, self.build(config, **options).train(owner.training))
        return owner


@dataclass(frozen=True, kw_only=True)
class Insert(FilterEdit):
    """Put a filter at the first input or at the output of a module, as its child `antialias`.

    A hook, and no wrapper, so that all parameters keep their names.

    Attributes:
        side: Which end of the module.
        had_stride: The filter is at the input of the module that had the stride.
    """

    saved_as: ClassVar[str] = "Insert"

    side: Side
    had_stride: bool = False

    @property
    def child(self) -> str:
        return CHILD

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        owner = self.add_filter(model, config)
        attach(owner, owner.get_submodule(CHILD), Attachment(self.side, self.had_stride, self.module))
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        detach(model.get_submodule(self.module))


@dataclass(frozen=True, kw_only=True)
class Patch(FilterEdit):
    """Filter a pool that a module calls as a function.

    Attributes:
        index: Which of the pools the module calls.
    """

    saved_as: ClassVar[str] = "Redirect"

    index: int

    @property
    def child(self) -> str:
        return f"{POOL}{self.index}"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        patch(self.add_filter(model, config))
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        owner = model.get_submodule(self.module)
        del own_children(owner)[self.child]
        unpatch(owner)


@dataclass(frozen=True, kw_only=True)
class Smooth(Insert):
    """Put a filter behind a module that upsamples."""

    saved_as: ClassVar[str] = "Smooth"
    upsampled: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class SmoothFunction(Patch):
    """Filter a map that a module upsamples by a function; `index` says which of its calls of `interpolate`."""

    saved_as: ClassVar[str] = "SmoothFunction"
    upsampled: ClassVar[bool] = True

    @property
    def child(self) -> str:
        return f"{UP}{self.index}"


@dataclass(frozen=True, kw_only=True)
class Replace(FilterEdit):
    """Put a filter in the place of a module that filters alike, such as another library's.

    Attributes:
        replaced: Name of that module in `module`.
    """

    saved_as: ClassVar[str] = "Replace"

    replaced: str

    @property
    def child(self) -> str:
        return self.replaced

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        before = {"layer": model.get_submodule(self.path)}
        self.add_filter(model, config)
        return before

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        model.set_submodule(self.path, before["layer"])


@dataclass(frozen=True, kw_only=True)
class SharePhase(Edit):
    """Let a polyphase layer keep the samples that another one chose.

    Attributes:
        child: Name of the layer in its module.
        leader: Name of the other layer in the network.
    """

    saved_as: ClassVar[str] = "SharePhase"

    child: str
    leader: str

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        _pool(model, f"{self.module}.{self.child}".lstrip(".")).follow(_pool(model, self.leader))
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        """Leave it to the edit that brought the layer, which takes it away."""


@dataclass(frozen=True, kw_only=True)
class ReturnPhase(Edit):
    """Put upsampled maps back where a polyphase layer took them from.

    Attributes:
        index: Which of the module's calls of `interpolate`; -1 where the module itself upsamples.
        pools: Names in the network of the polyphase layers whose subsampling is taken back, the finest first.
    """

    saved_as: ClassVar[str] = "ReturnPhase"

    index: int
    pools: tuple[str, ...]

    @property
    def child(self) -> str:
        """Name of the layer that does it in the module."""
        return RETURN if self.index < 0 else f"{RETURN}{self.index}"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        owner = model.get_submodule(self.module)
        owner.add_module(self.child, PhaseReturn2d(*(_pool(model, name) for name in self.pools)))
        if self.index < 0:
            owner.register_forward_hook(ReturnOutput(), prepend=True)
        else:
            patch(owner)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        owner = model.get_submodule(self.module)
        del own_children(owner)[self.child]
        remove_hooks(forward_hooks(owner), ReturnOutput)
        unpatch(owner)


@dataclass(frozen=True, kw_only=True)
class WrapBorders(Edit):
    """Continue a layer's input in a circle, in place of its own padding.

    Attributes:
        before: Rows and columns added in front.
        after: Rows and columns added behind.
    """

    saved_as: ClassVar[str] = "WrapBorders"

    before: tuple[int, int]
    after: tuple[int, int]

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        module: Any = model.get_submodule(self.module)
        own = {name: getattr(module, name) for name in ("padding", "padding_mode") if hasattr(module, name)}
        module.padding = 0 if isinstance(module.padding, int) else (0, 0)
        if "padding_mode" in own:
            module.padding_mode = "zeros"  # in any other mode a convolution pads by what it noted when it was made
        module.register_forward_pre_hook(WrapInput(self.before, self.after))  # after all others
        return own

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        outer, module = model.get_submodule(self.module), _layer(model, self.module, *before)
        if any(isinstance(hook, WrapInput) for each in (outer, module) for hook in forward_pre_hooks(each).values()):
            for name, value in before.items():
                setattr(module, name, value)
        for each in (outer, module):
            remove_hooks(forward_pre_hooks(each), WrapInput)


def _layer(model: nn.Module, name: str, *attributes: str) -> nn.Module:
    """Return the layer at a name, inside of the adapters that wrap it, or of the fused one that has such attributes."""
    module: Any = model.get_submodule(name)
    while isinstance(inner := getattr(module, "base_layer", None), nn.Module):
        module = inner
    layers = [layer for path, layer in module.named_modules() if CHILD not in path.split(".")]
    return next((layer for layer in layers if all(hasattr(layer, each) for each in attributes)), module)


def _pool(model: nn.Module, name: str) -> PolyphasePool2d:
    pool = model.get_submodule(name)
    assert isinstance(pool, PolyphasePool2d)
    return pool


def edit_from_dict(values: Mapping[str, Any]) -> Edit:
    """Read back what `Edit.to_dict` wrote, also after JSON made lists of tuples; nobody vouches for it.

    Raises:
        ValueError: There is no such edit, or a value is of another type or out of range.
    """
    plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    kind = Edit.kinds.get(str(plain.pop("edit", None)))
    if kind is None:
        raise ValueError(f"edit={str(values.get('edit'))[:80]!r} is unknown. Use one of: {', '.join(Edit.kinds)}.")
    hints = get_type_hints(kind)
    for name, value in plain.items():
        hint = get_origin(hints.get(name)) or hints.get(name)
        fits = type(value) is hint if isinstance(hint, type) and hint in (str, int, bool, tuple) else hint is not None
        if not (fits and _in_range(value, 2**20 if name == "channels" else _LARGEST)):
            raise ValueError(f"{name}={str(value)[:80]!r} is nothing that {kind.saved_as} takes.")
    return kind(**plain)


def _in_range(value: Any, largest: int) -> bool:
    """Return whether numbers are finite and not beyond a size, in lists of them, too."""
    if isinstance(value, (list, tuple)):
        return all(_in_range(each, largest) for each in value)
    return abs(value) <= largest if isinstance(value, (int, float)) else True
