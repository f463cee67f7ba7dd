"""Optional dependencies, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra installs it.

    Args:
        module: Dotted name of the module, such as `"matplotlib.pyplot"`.
        extra: Name of the extra of `antialias` that brings it.

    Raises:
        ImportError: `module` is not installed; the message names the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.partition(".")[0] != error.name.partition(".")[0]:
            raise
        raise ImportError(f"{error.name} is not installed. Run: pip install 'antialias[{extra}]'") from error
