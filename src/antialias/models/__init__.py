"""Networks: by name, from files, and the small ones of this package."""

from ._build import build as build
from ._build import read_weights as read_weights
from ._file import load as load
from ._file import save as save
from ._frozen import freeze_as_ as freeze_as_
from ._labels import imagenet_labels as imagenet_labels
from ._tiny import TinyResNet as TinyResNet

__all__ = ["TinyResNet", "build", "freeze_as_", "imagenet_labels", "load", "read_weights", "save"]
