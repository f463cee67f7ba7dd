"""What was installed when a report was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("antialias", "torch", "torchvision", "timm", "lightning")


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the packages (default: those that move numbers) that are installed."""
    found = {"python": platform.python_version()}
    for package in packages or PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
