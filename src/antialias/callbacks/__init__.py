"""Callbacks for people who train with Lightning (docs/plugins.md).

`_convert.py` holds the one there is. It is imported when it is first asked for, since it inherits from Lightning's.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from antialias._extras import require

if TYPE_CHECKING:
    from ._convert import ConvertCallback as ConvertCallback

__all__ = ["ConvertCallback"]


def __getattr__(name: str) -> Any:
    # The class inherits from Lightning's, which nothing else here needs (PEP 562).
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if find_spec("pytorch_lightning") is None:
        require("lightning", extra="lightning")
    return getattr(importlib.import_module("antialias.callbacks._convert"), name)


def __dir__() -> list[str]:
    return __all__
