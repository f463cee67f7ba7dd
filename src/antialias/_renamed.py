"""Keywords that go on working under the name they once had."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def renamed_keywords(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keywords by their old names, with a warning.

    Args:
        **names: The keyword's name of today by the one that it had.

    Example:
        >>> import warnings
        >>> @renamed_keywords(repeats="passes")
        ... def count(*, passes: int = 1) -> int:
        ...     return passes
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     count(repeats=3), str(caught[0].message)
        (3, 'count(repeats=) is deprecated. Use passes=.')
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given: dict[str, Any] = kwargs
            for old, new in names.items():
                if old not in given:
                    continue
                if new in given:
                    raise TypeError(f"{function.__name__}() got {old}= and {new}=, which are one. Use {new}=.")
                warnings.warn(
                    f"{function.__name__}({old}=) is deprecated. Use {new}=.", DeprecationWarning, stacklevel=2
                )
                given[new] = given.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
