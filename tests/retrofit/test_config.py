from __future__ import annotations

from typing import Any

import pytest

from antialias.retrofit import RetrofitConfig


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": -1}, "steps=-1 is too small. Use 0 or more."),
        ({"batch_size": 0}, "batch_size=0 is too small. Use 1 or more."),
        ({"evaluate_every": 0}, "evaluate_every=0 is too small."),
        ({"learning_rate": 0.0}, "learning_rate=0.0 is not positive."),
        ({"temperature": float("nan")}, "temperature=nan is not positive."),
        ({"strength": 1.5}, "strength=1.5 is no share. Use a number from 0 to 1."),
        ({"ridge": 0.0}, "ridge=0.0 is not positive."),
        ({"fit_images": 0}, "fit_images=0 is too small."),
        ({"frozen": 1.5}, "frozen=1.5 is no share."),
        ({"views": 0}, "views=0 is too small. Use 1 or more."),
        ({"radius": 1, "views": 2}, "radius=1 is too small. Use 2 or more."),
        ({"radius": 8}, "radius=8 needs several views of an image. Use views=2 or more."),
        ({"agreement": 0.5}, "agreement=0.5 needs several views of an image. Use views=2 or more."),
        ({"agreement": -1, "views": 2}, "agreement=-1 is too small."),
        ({"choose_by": "loss"}, "choose_by='loss' is unknown. Use 'consistency', 'flips'."),
        ({"margin": -0.1}, "margin=-0.1 is no share."),
        ({"average": 1.0}, "average=1.0 is no decay. Use a number from 0 to below 1."),
        ({"shares": (0.5, 1.0)}, r"shares=\(0.5, 1.0\) are not all between 0 and 1"),
        ({"learn": "head"}, "learn='head' is unknown. Use 'all', 'norms', 'filters'."),
    ],
)
def test_a_value_out_of_range_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetrofitConfig(**arguments)


def test_a_config_is_a_value() -> None:
    assert RetrofitConfig(steps=3) == RetrofitConfig(steps=3)
    assert hash(RetrofitConfig(steps=3)) != hash(RetrofitConfig(steps=4))
