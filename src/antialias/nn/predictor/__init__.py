"""What the predicting layers have in common: a convolution and a BatchNorm that give numbers at each kept position.

`_predictor.py` is the module itself. `_convolution.py` has the two convolutions that it may start with, and
`_frozen.py` the norm that it has inside a network whose norms are frozen.
"""

from __future__ import annotations

from ._frozen import FrozenBatchNorm2d as FrozenBatchNorm2d
from ._predictor import PREDICTORS as PREDICTORS
from ._predictor import Predictor as Predictor
from ._predictor import PredictorKind as PredictorKind

__all__ = ["PREDICTORS", "FrozenBatchNorm2d", "Predictor", "PredictorKind"]
