"""Frozen dataclasses to JSON and back, by their type hints."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Reduce `value` to what JSON can hold, so that a record equals itself after a round trip."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def to_dict(record: Any) -> dict[str, Any]:
    """Turn a dataclass into nested dictionaries and lists; a field's value that has a `to_dict` says itself how."""
    return {field.name: _encode(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        own = getattr(value, "to_dict", None)
        return to_dict(value) if own is None else own()
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    return plain(value)


def from_dict(kind: type[T], values: Mapping[str, Any]) -> T:
    """Rebuild a dataclass of type `kind` from `to_dict`'s dictionary.

    A field whose metadata says what it was called `"formerly"` is read under that name, too.

    Raises:
        ValueError: `values` has keys that `kind` has not, lacks some, or a value is of another kind.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} is {values!r:.60}, no object. Use what to_dict gave.")
    hints = get_type_hints(kind)
    former = {old: field.name for field in dataclasses.fields(kind) if (old := field.metadata.get("formerly"))}  # pyrefly: ignore
    values = {former.get(name, name): value for name, value in values.items()}
    if unknown := sorted(values.keys() - hints.keys()):
        known = ", ".join(hints)
        raise ValueError(f"{kind.__name__} has no field {', '.join(unknown)}. Its fields are {known}.")
    needed = [field.name for field in dataclasses.fields(kind) if _has_no_default(field)]  # pyrefly: ignore
    if missing := [name for name in needed if name not in values]:
        raise ValueError(f"{kind.__name__} has no {missing[0]}. It needs {', '.join(needed)}.")
    return kind(**{name: _checked(kind, name, hints[name], value) for name, value in values.items()})


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(owner: type, name: str, kind: Any, value: Any) -> Any:
    """Return a field's value; one of another kind is named with its place."""
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    kinds = tuple(get_origin(part) or part for part in parts)
    plain_kinds = {str: (str,), bool: (bool,), int: (int,), float: (int, float), tuple: (list, tuple)}
    allowed = tuple(one for part in kinds for one in plain_kinds.get(part, ()))
    if value is not None and all(part in plain_kinds or part is types.NoneType for part in kinds):
        is_bool = isinstance(value, bool) and bool not in allowed
        if not isinstance(value, allowed) or is_bool or (isinstance(value, int | float) and abs(value) > 1e300):
            raise ValueError(f"{owner.__name__} cannot have {name}={value!r:.60}. Use what to_dict gave.")
    return _decode(kind, value)


def _decode(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if dataclasses.is_dataclass(kind):
        own = getattr(kind, "from_dict", None)
        return from_dict(kind, value) if own is None else own(value)  # pyrefly: ignore
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _decode(next(a for a in arguments if a is not types.NoneType), value)
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_decode(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    return value
