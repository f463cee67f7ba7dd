"""Networks: by name, from files, and the small ones of this package.

`_build.py` turns a name into a network: that of a file (`files/`, `checkpoints/` for other people's, `onnx/`), or of a
library (`libraries/`, whose `aa_layer` is for timm's own constructors). This package's own networks are classifiers
(`backbones/`), and what detects and segments on them (`heads/`). `_origin.py` is how a network remembers its name,
`_class_names.py` how it remembers its classes.
"""

from __future__ import annotations

from ._build import build as build
from ._class_names import class_names as class_names
from ._class_names import name_classes_ as name_classes_
from .backbones import TinyResNet as TinyResNet
from .backbones import freeze_as_ as freeze_as_
from .backbones import imagenet_labels as imagenet_labels
from .checkpoints import load_checkpoint as load_checkpoint
from .files import load as load
from .files import read_weights as read_weights
from .files import save as save
from .files import save_pretrained as save_pretrained
from .libraries import aa_layer as aa_layer
from .onnx import OnnxNetwork as OnnxNetwork
from .onnx import OnnxOptions as OnnxOptions
from .onnx import load_onnx as load_onnx

__all__ = [
    "OnnxNetwork",
    "OnnxOptions",
    "TinyResNet",
    "aa_layer",
    "build",
    "class_names",
    "freeze_as_",
    "imagenet_labels",
    "load",
    "load_checkpoint",
    "load_onnx",
    "name_classes_",
    "read_weights",
    "save",
    "save_pretrained",
]
