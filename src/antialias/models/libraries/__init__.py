"""Networks of libraries, and of this package, by name.

`_own.py` lists the networks of this package, `_others.py` asks timm, torchvision, segmentation_models_pytorch and the
user's own modules, `_from_transformers.py` loads folders of transformers; `_architecture.py` chooses between them.
"""

from __future__ import annotations

from ._architecture import build_architecture as build_architecture

__all__ = ["build_architecture"]
