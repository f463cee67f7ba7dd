"""Find where a convolutional network aliases, fix it with content-adaptive low-pass filters, prove it.

Example:
    >>> import torch, antialias as aa
    >>> network = aa.models.TinyResNet(num_classes=10)
    >>> conversion = aa.convert_(network, aa.Adaptive(kernel_size=3, groups=8))
    >>> len(conversion.changed)
    7
"""

from __future__ import annotations

from . import metrics as metrics
from . import models as models
from . import nn as nn
from . import ops as ops
from ._version import __version__ as __version__
from .clips import Flicker as Flicker
from .clips import flicker as flicker
from .diagnosis import Diagnosis as Diagnosis
from .diagnosis import diagnose as diagnose
from .mend import Mending as Mending
from .mend import mend_ as mend_
from .metrics import Score as Score
from .metrics import consistency as consistency
from .metrics import filter_statistics as filter_statistics
from .models import aa_layer as aa_layer
from .models import load as load
from .models import load_checkpoint as load_checkpoint
from .models import save as save
from .nn import Adaptive as Adaptive
from .nn import Fixed as Fixed
from .nn import Importance as Importance
from .nn import PhaseAlignment as PhaseAlignment
from .nn import PhaseAverage as PhaseAverage
from .nn import Polyphase as Polyphase
from .nn import ShiftAverage as ShiftAverage
from .ops import backends as backends
from .retrofit import retrofit_ as retrofit_
from .runtimes import Exported as Exported
from .runtimes import export as export
from .surgery import Conversion as Conversion
from .surgery import Plan as Plan
from .surgery import convert_ as convert_
from .surgery import inspect as inspect

__all__ = [
    "Adaptive",
    "Conversion",
    "Diagnosis",
    "Exported",
    "Fixed",
    "Flicker",
    "Importance",
    "Mending",
    "PhaseAlignment",
    "PhaseAverage",
    "Plan",
    "Polyphase",
    "Score",
    "ShiftAverage",
    "__version__",
    "aa_layer",
    "backends",
    "consistency",
    "convert_",
    "diagnose",
    "export",
    "filter_statistics",
    "flicker",
    "inspect",
    "load",
    "load_checkpoint",
    "mend_",
    "metrics",
    "models",
    "nn",
    "ops",
    "retrofit_",
    "save",
]
