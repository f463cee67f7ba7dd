"""Networks of libraries, and of this package, by name.

`_own.py` lists the networks of this package, `_others.py` asks timm, torchvision, segmentation_models_pytorch and the
user's own modules, `_from_transformers.py` loads folders of transformers; `_architecture.py` chooses between them.
`_aa_layer.py` lets timm's constructors place the filters.
"""

from __future__ import annotations

from ._aa_layer import aa_layer as aa_layer
from ._aa_layer import with_aa_layer as with_aa_layer
from ._architecture import build_architecture as build_architecture
from ._architecture import without_memory as without_memory

__all__ = ["aa_layer", "build_architecture", "with_aa_layer", "without_memory"]
