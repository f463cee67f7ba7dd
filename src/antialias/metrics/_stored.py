"""What a file says of a score, looked at before it is one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_FIX = "Use a file that antialias wrote, or measure again."


def check_score(data: Any, *, share: str) -> None:
    """Refuse values that are no score's: of another kind, or a share beyond 1.

    Args:
        data: As `Score.to_dict` gives it.
        share: The unit of shares.

    Raises:
        ValueError: A field is missing, is of another kind, or says what cannot be.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a score is {data!r:.60}, no object. {_FIX}")
    for field in ("name", "value", "interval", "images", "protocol", "level"):
        if field not in data:
            raise ValueError(f"the score {data.get('name')!r:.60} has no {field}. {_FIX}")
    unit, interval = data.get("unit", share), data["interval"]
    largest = 1 + 1e-6 if unit == share else math.inf
    is_pair = isinstance(interval, list) and len(interval) == 2 and all(_is_number(one, largest) for one in interval)
    sound = {
        "name": isinstance(data["name"], str),
        "value": _is_number(data["value"], largest),
        "interval": is_pair and not interval[0] > interval[1],
        "images": type(data["images"]) is int and 0 <= data["images"] < 2**53,
        "protocol": isinstance(data["protocol"], Mapping),
        "level": _is_number(data["level"], 1) and 0 < data["level"] < 1,
        "unit": isinstance(unit, str),
        "spread": data.get("spread") is None or _is_number(data["spread"], math.inf),
        "per_image": _are_numbers(data.get("per_image", []), largest),
        "resampled": _are_numbers(data.get("resampled", []), largest),
    }
    for field, is_sound in sound.items():
        if not is_sound:
            raise ValueError(f"the score {data['name']!r:.60} cannot have {field}={data[field]!r:.60}. {_FIX}")


def check_curve(data: Any) -> None:
    """Refuse values that are no curve's, but for its scores.

    Args:
        data: As `Curve.to_dict` gives it.

    Raises:
        ValueError: A field is missing or of another kind, or there is no distance.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a curve is {data!r:.60}, no object. {_FIX}")
    for field, kind in (("name", str), ("direction", str), ("scores", Mapping)):
        if not isinstance(data.get(field), kind) or not data[field]:
            raise ValueError(f"a curve cannot have {field}={data.get(field)!r:.60}. {_FIX}")


def _is_number(value: Any, largest: float) -> bool:
    return type(value) in (int, float) and not (abs(value) > largest or abs(value) > 1e300)


def _are_numbers(values: Any, largest: float) -> bool:
    return isinstance(values, list) and all(value is None or _is_number(value, largest) for value in values)
