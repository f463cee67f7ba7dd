"""Watch one forward pass without leaving a trace in the network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils.weak import WeakTensorKeyDictionary

from antialias._torch import TorchDispatchMode, argument_names, own_buffers, schema_name, tree_leaves, tree_map_only

from ._graph import Call, Graph, Op, Value

_INSIDE = tuple(f"{Path(file).parent}{os.sep}" for file in (__file__, torch.__file__))
_LOCATED = (
    *("convolution", "max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool2d", "avg_pool3d", "amax", "max"),
    *("mean", "slice", "index", "index_select", "im2col", "unfold", "grid_sampler_2d"),
)

T = TypeVar("T")

_one_run: ContextVar[bool] = ContextVar("one_run", default=False)

Watch = Callable[[Op, Mapping[str, Any], Callable[..., Any]], None]
"""Called with an operation, its arguments, and what runs it again, unobserved, with some of them replaced."""


def observe(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None, watch: Watch | None = None
) -> Graph:
    """Run `model(*args, **kwargs)` once in evaluation mode and return its dataflow.

    Watching real operations, instead of tracing symbolically, sees through control flow, lists of images,
    activations called as functions and modules called several times. The network is left as it was: modes,
    buffers and random state are put back, and no hook stays.

    Args:
        model: The network.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        watch: Called after each operation.
    """
    with untouched(model):
        args, kwargs = copied((args, dict(kwargs or {})))
        recorder = _Recorder(model, watch)
        recorder.start(args, kwargs)
        with recorder.watching_modules(), recorder:
            answer = model(*args, **kwargs)
        recorder.finish(answer)
    return recorder.graph


def copied(tree: T) -> T:
    """Copy tensors in nested arguments, so that a network may write into them, and none is one of inference mode."""
    return tree_map_only(Tensor, Tensor.clone, tree)


class _Recorder(TorchDispatchMode):
    def __init__(self, model: nn.Module, watch: Watch | None) -> None:
        super().__init__()
        self.graph, self._watch = Graph(), watch
        self._names = {module: name for name, module in model.named_modules()}
        self._values: MutableMapping[Tensor, Value] = WeakTensorKeyDictionary()
        self._call: Call | None = None

    def start(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        for tensor in tensors_in((args, kwargs)):
            self._values[tensor] = Value(tuple(tensor.shape))

    def finish(self, answer: object) -> None:
        self.graph.outputs = [self._values.get(tensor) for tensor in tensors_in(answer)]
        for value in self.graph.outputs:
            if value is not None:
                value.is_output = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = dict(zip(argument_names(func), args, strict=False)) | (kwargs or {})
        inputs = self._values_in(arguments)
        result = func(*args, **(kwargs or {}))
        if inputs:
            self._record(schema_name(func), arguments, inputs, result)
        if inputs and self._watch is not None:

            def again(**replaced: Any) -> Any:
                named = dict(zip(argument_names(func), args, strict=False))
                others = {key: value for key, value in {**(kwargs or {}), **replaced}.items() if key not in named}
                return func(*(replaced.get(key, value) for key, value in named.items()), **others)

            self._watch(self.graph.ops[-1], arguments, again)
        return result

    def _record(self, name: str, arguments: dict[str, Any], inputs: tuple[Value, ...], result: object) -> None:
        name = name.partition("::")[2].rstrip("_") if not name.endswith("__") else name
        others = tuple(t for t in tensors_in(arguments) if t not in self._values)
        settings = {key: value for key, value in arguments.items() if not tensors_in(value)}
        source = _caller(self._call) if name in _LOCATED or "upsample" in name else ""
        op = Op(len(self.graph.ops), name, settings, inputs, (), others, self._call, source)
        op.outputs = tuple(self._assign(tensor, op) for tensor in tensors_in(result))
        for value in dict.fromkeys(inputs):
            value.consumers.append(op)
        self.graph.ops.append(op)

    def _assign(self, tensor: Tensor, op: Op) -> Value:
        self._values[tensor] = Value(tuple(tensor.shape), op)
        return self._values[tensor]

    def _values_in(self, tree: object) -> tuple[Value, ...]:
        return tuple(self._values[tensor] for tensor in tensors_in(tree) if tensor in self._values)

    @contextmanager
    def watching_modules(self) -> Iterator[None]:
        handles = (register_module_forward_pre_hook(self._enter), register_module_forward_hook(self._leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        call = Call(module, self._names.get(module), self._call, len(self.graph.ops))
        call.input = self._value_of(args[0]) if args else None
        self.graph.calls.append(call)
        self._call = call

    def _leave(self, module: nn.Module, args: tuple[Any, ...], answer: object) -> None:
        assert self._call is not None
        call, self._call = self._call, self._call.parent
        call.last = len(self.graph.ops)
        call.output = self._value_of(answer)

    def _value_of(self, argument: object) -> Value | None:
        return self._values.get(argument) if isinstance(argument, Tensor) else None


def tensors_in(tree: object) -> list[Tensor]:
    """List the tensors in nested arguments or outputs."""
    if isinstance(tree, Tensor):
        return [tree]
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _caller(call: Call | None) -> str:
    """Return `file:line` of the network that called an operation, or a layer of PyTorch's that no such line called."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        if call is not None and frame.f_code is observe.__code__:
            return f"{call.name} ({type(call.module).__name__})"
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@contextmanager
def fork_rng() -> Iterator[None]:
    """Put the random state of the CPU, and of CUDA where it is in use, back at the end."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def one_run() -> Iterator[None]:
    """Let a network run once for an answer, in this thread: averages over copies of its input rest."""
    before = _one_run.set(True)
    try:
        yield
    finally:
        _one_run.reset(before)


def is_one_run() -> bool:
    """Return whether `one_run` holds in this thread.

    Example:
        >>> with one_run():
        ...     print(is_one_run())
        True
    """
    return _one_run.get()


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Run a network in evaluation mode, and put back its modes, its buffers and the random state at the end.

    No gradients are kept, and inference mode is left: in it, torch shows other operations to those who watch. What runs
    a network several times for an answer runs it once.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, key, buffer, buffer.detach().clone())
        for module in model.modules()
        for key, buffer in own_buffers(module).items()
        if buffer is not None
    ]
    with one_run(), fork_rng(), torch.inference_mode(False), torch.no_grad():
        try:
            for module, _ in modes:
                module.training = False  # not .eval(), which a network may override
            yield
        finally:
            for module, mode in modes:
                module.training = mode
            for module, key, buffer, before in buffers:
                own_buffers(module)[key] = buffer
                if not buffer.is_meta and not torch.equal(buffer, before):
                    buffer.copy_(before)
