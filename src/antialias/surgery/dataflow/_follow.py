"""Follow a value through operations that treat every position alike."""

from __future__ import annotations

from dataclasses import dataclass

from ._graph import Op, Value

_BENDING_NAMES = """
relu relu6 hardtanh leaky_relu rrelu_with_noise _prelu_kernel elu celu selu silu gelu mish hardswish hardsigmoid sigmoid
tanh softplus log_sigmoid_forward softsign threshold clamp clamp_min clamp_max abs exp pow sqrt reciprocal maximum
minimum where
"""
_NORM_NAMES = """
native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit_no_training batch_norm_with_update
"""
_EVEN_NAMES = "add sub rsub mul div neg clone detach alias contiguous _to_copy lift_fresh native_dropout copy"
_BENDING, _NORMS, _EVEN = (frozenset(names.split()) for names in (_BENDING_NAMES, _NORM_NAMES, _EVEN_NAMES))


@dataclass(frozen=True, eq=False)
class Step:
    """A value on the way after an operation, and whether an activation lies between.

    Attributes:
        value: The value.
        activated: An activation lies between the operation and this value.
    """

    value: Value
    activated: bool


def follow(*values: Value) -> list[Step]:
    """List the values after `values` that hold all that is later read of them, as far as all is pointwise in space.

    A filter and a subsampling at any of them leave the strided maps what they were, whatever lies between. A single
    value is the first of its own list; of several, the list begins where they have become one.
    """
    steps = [Step(values[0], False)] if len(values) == 1 else []
    while (cut := _next_cut(*values)) is not None:
        values, bends = cut[:1], cut[1]
        steps.append(Step(values[0], bends or (bool(steps) and steps[-1].activated)))
    return steps


def _next_cut(*start: Value) -> tuple[Value, bool] | None:
    """Find the nearest later value through which everything read of `start` passes, and whether the way there bends."""
    inside, done, bends = set(start), set[Op](), False
    while waiting := {op for value in inside for op in value.consumers} - done:
        op = min(waiting, key=lambda op: op.index)
        if not is_pointwise(op) or not inside.issuperset(op.inputs):
            return None
        done.add(op)
        inside.add(op.output)
        bends = bends or op.name in _BENDING
        if not any(value.is_output or not done.issuperset(value.consumers) for value in inside - {op.output}):
            return op.output, bends
    return None


def is_pointwise(op: Op) -> bool:
    """Return whether `op` treats every position of a map alike, whatever the other positions hold."""
    if op.name in _NORMS:
        return not op.settings.get("training", False)
    if op.name not in _BENDING | _EVEN:
        return False
    weights_are_even = all(len(t.shape) < 2 or t.shape[-1] == t.shape[-2] == 1 for t in op.others)
    return weights_are_even and all(value.shape == op.output.shape for value in op.inputs)


def is_norm(op: Op) -> bool:
    """Return whether `op` is a normalisation with stored statistics."""
    return op.name in _NORMS
