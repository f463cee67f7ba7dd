"""Label-free distillation: a network as it was teaches itself with filters, by its shift-averaged answers.

`_retrofit.py` is the whole in one function, `_config.py` every choice, `_result.py` what comes out. On the way:
`_batches.py` (images and the teacher's answers), `_start.py` (filters and statistics before learning),
`_least_squares.py` (what has a closed form), `_student.py` (what learns), `_distillation.py` (steps, validations, which
state is kept), `_interpolation.py` (states between two), `_checkpoint.py` (a state in a file).
"""

from __future__ import annotations

import warnings

from ._batches import Batches as Batches
from ._batches import digest as digest
from ._batches import digest_of as digest_of
from ._batches import stack_images as stack_images
from ._checkpoint import check_made_from as check_made_from
from ._config import RetrofitConfig as RetrofitConfig
from ._least_squares import fit_batches_ as fit_batches_
from ._least_squares import fit_pointwise_ as fit_pointwise_
from ._least_squares import narrowing_layers as narrowing_layers
from ._result import Retrofit as Retrofit
from ._result import Scores as Scores
from ._result import ValidationStep as ValidationStep
from ._retrofit import retrofit_ as retrofit_
from ._start import match_statistics_ as match_statistics_
from ._start import start_filters_ as start_filters_

__all__ = [
    "Batches",
    "Retrofit",
    "RetrofitConfig",
    "Scores",
    "ValidationStep",
    "check_made_from",
    "digest",
    "digest_of",
    "fit_batches_",
    "fit_pointwise_",
    "match_statistics_",
    "narrowing_layers",
    "retrofit_",
    "stack_images",
    "start_filters_",
]

_FORMER = {"Recipe": RetrofitConfig, "Moment": ValidationStep}


def __getattr__(name: str) -> type:
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = _FORMER[name]
    warnings.warn(f"{name} is {new.__name__} now. Use antialias.retrofit.{new.__name__}.", DeprecationWarning, 2)
    return new
