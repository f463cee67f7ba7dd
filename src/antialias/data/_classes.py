"""Which number a class has: names decide, ids and the order of folders never, and what one side lacks is named."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"\d+(\.\d+)?")
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class ClassMismatch:
    """Classes that a split of a data set and its reference do not share.

    The reference is the training split or the classes that a network was trained on.

    Attributes:
        place: What a message calls the split.
        reference: What a message calls the reference.
        unknown: Classes that the reference lacks; their labels are the last.
        missing: Classes of the reference that the split lacks.

    Example:
        >>> print(ClassMismatch(place="val", reference="train", unknown=("d",), missing=("a", "b")))
        val has 1 class that train lacks: d; it lacks 2 classes that train has: a, b.
    """

    place: str
    reference: str
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = []
        for verb, other, names in (("has", "lacks", self.unknown), ("lacks", "has", self.missing)):
            if names:
                count = "1 class" if len(names) == 1 else f"{len(names)} classes"
                listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
                parts.append(f"{verb} {count} that {self.reference} {other}: {listed}")
        return f"{self.place} {'; it '.join(parts)}."


def match_classes(
    names: Sequence[str], reference: Sequence[str] | None, *, place: str, reference_place: str
) -> tuple[tuple[str, ...], ClassMismatch | None]:
    """Number the classes of a split as its reference does, by name; what the reference lacks comes last.

    Args:
        names: Classes of the split, in the order that they have without a reference.
        reference: Classes whose numbers hold; `None` where there are none.
        place: What a message calls the split.
        reference_place: What a message calls the reference.

    Returns:
        The names by number, and what differs, `None` where nothing does. Unknown classes are warned of.

    Raises:
        ValueError: A name is there twice.

    Example:
        >>> match_classes(("a", "b"), ("b", "a"), place="val", reference_place="train")
        (('b', 'a'), None)
    """
    for owner, listed in ((place, names), (reference_place, reference or ())):
        double = [name for name, count in Counter(listed).items() if count > 1]
        if double:
            raise ValueError(f"{owner} has two classes of the name {double[0]!r}. Give each its own.")
    if reference is None:
        return tuple(names), None
    own, known = set(names), set(reference)
    unknown = tuple(name for name in names if name not in known)
    missing = tuple(name for name in reference if name not in own)
    if not unknown and not missing:
        return tuple(reference), None
    mismatch = ClassMismatch(place=place, reference=reference_place, unknown=unknown, missing=missing)
    if unknown:
        warnings.warn(str(mismatch), stacklevel=4)
    return (*reference, *unknown), mismatch


def plain_name(name: str) -> str:
    """Return a name as it is compared: letters with accents in one code each, whichever system wrote them."""
    return unicodedata.normalize("NFC", name)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names, as numbers where all of them are numbers.

    Example:
        >>> in_order(["10", "9", "1"]), in_order(["10", "9", "b"])
        (['1', '9', '10'], ['10', '9', 'b'])
    """
    names = sorted(names)
    return sorted(names, key=float) if all(map(_NUMBER.fullmatch, names)) else names
