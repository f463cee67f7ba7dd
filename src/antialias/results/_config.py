"""On what a network is measured: a value that its scores are stored with."""

# No postponed annotations: the command line reads these from classes that inherit them in other modules.

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from antialias.metrics import Model, side_multiple_of

OnBroken = Literal["stop", "skip"]


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Say on what a network is measured: networks that are compared have this in common.

    Attributes:
        task: Name of a registered task: classification, semantic, instance or dense.
        data: Name of a data set, as `open_data` takes it.
        size: Shorter side of the images as read, in pixels. `None` is the task's own: a quarter more than the window
            for classification, as they are for masks.
        window: Side of the windows that a classifier sees, in pixels.
        multiple: For semantic segmentation and dense values: heights and widths that the network sees are multiples of
            this, so that networks with different needs see the same crops; what the network needs if `None`.
        test_length: Number of generated test images; the data set's own default if `None`.
        batch_size: Images a batch, on each device, where the scores do not choose it themselves.
        on_broken: What a file that cannot be used does: `"stop"`, or be listed and left out: `"skip"`.
        masked_classes: File that names the classes whose masks are learnt, one a line, as `ClassSplit.write` and
            `antialias split` write it; of the others only boxes are. Scores are given for both sides, too.
        detection_score: For instance segmentation: predictions below this score do not count for consistency.

    Raises:
        ValueError: A setting is impossible; the message says what would be possible.

    Example:
        >>> EvaluationConfig(window=96).image_side
        120
    """

    task: str = "classification"
    data: str = "scenes"
    size: int | None = None
    window: int = 64
    multiple: int | None = None
    test_length: int | None = None
    batch_size: int = 64
    on_broken: OnBroken = "stop"
    masked_classes: str | None = None
    detection_score: float = 0.5

    at_least: ClassVar[Mapping[str, float]] = {"window": 1, "multiple": 1, "batch_size": 1, "detection_score": 0}
    """The least value that a setting may have; 1e-12 stands for anything above 0."""

    def __post_init__(self) -> None:
        for name, (kinds, choices) in _allowed(type(self)).items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                wanted = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
                raise ValueError(f"{name}={value!r} is a {type(value).__name__}. Use {wanted}.")
            if choices and value is not None and value not in choices:
                raise ValueError(f"{name}={value!r} is unknown. Use one of: {', '.join(choices)}.")
        for name, low in self.at_least.items():
            value = getattr(self, name)
            if value is not None and not value >= low:
                wanted = f"{low} or more" if low in (0, 1) else "a number above 0"
                raise ValueError(f"{name}={value} is too small. Use {wanted}.")
        if self.task == "classification" and self.size is not None and self.window > self.size:
            raise ValueError(
                f"window={self.window} does not fit pictures of size={self.size}. Use window<={self.size}."
            )
        if self.masked_classes is not None and self.task != "instance":
            raise ValueError(f"masked_classes is given, but task={self.task!r} learns no objects. Use task='instance'.")

    @property
    def image_side(self) -> int:
        """Side of a classifier's images as read: `size`, or a quarter more than the window."""
        return self.size or 5 * self.window // 4

    def length(self, split: str) -> int | None:
        """Return how many images of a split are generated, where they are."""
        return self.test_length if split == "test" else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            ValueError: A name is no attribute; the message lists the attributes.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(values.keys() - set(known)):
            raise ValueError(f"{unknown[0]} is no setting. Use some of: {', '.join(known)}.")
        return cls(**values)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "EvaluationConfig":
        """Take what says on what a network is measured from a longer list of settings, such as a training run's."""
        return EvaluationConfig(
            **{field.name: values[field.name] for field in fields(EvaluationConfig) if field.name in values}
        )


def common_multiple(networks: Mapping[str, Model], multiple: int | None = None) -> int | None:
    """Check that segmenters can be shown the same heights and widths, and return the multiple of all of them.

    Args:
        networks: The segmenters, by name.
        multiple: What the user wants; `None` leaves it to the networks.

    Raises:
        ValueError: The networks need different multiples and none is wanted, or the wanted one fits not all.

    Example:
        >>> common_multiple({"one": lambda images: images}, 16)
        16
    """
    needs = {name: side_multiple_of(model) for name, model in networks.items()}
    common = math.lcm(*needs.values())
    listed = ", ".join(f"{name} of {need}" for name, need in needs.items())
    if multiple is None and len(set(needs.values())) > 1:
        raise ValueError(
            f"the networks take heights and widths that are different multiples: {listed}. Show them the same with "
            f"--multiple {common}, so that their scores can be compared, or evaluate them one by one."
        )
    if multiple is not None and multiple % common:
        raise ValueError(f"--multiple {multiple} does not fit: {listed}. Use --multiple {common}.")
    return multiple


@cache
def _allowed(config: type[EvaluationConfig]) -> dict[str, tuple[tuple[type, ...], tuple[str, ...]]]:
    """Return the classes of each setting's values, and the words that are allowed, as its type hint says."""
    hints, names = get_type_hints(config), [field.name for field in fields(config)]
    return {name: (_kinds(hints[name]), _choices(hints[name])) for name in names}


def _kinds(hint: Any) -> tuple[type, ...]:
    """Return the classes that a type hint allows; a whole number will do for a float."""
    if get_origin(hint) in (Union, UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    if get_origin(hint) is Literal:
        return (str,)
    return (float, int) if hint is float else (get_origin(hint) or hint,)


def _choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) in (Union, UnionType):
        return tuple(word for part in get_args(hint) for word in _choices(part))
    return get_args(hint) if get_origin(hint) is Literal else ()
