"""Label-free distillation: the original's shift-averaged answers teach the converted network."""

from __future__ import annotations

from ._recipe import Recipe as Recipe
from ._result import Moment as Moment
from ._result import Retrofit as Retrofit
from ._result import Scores as Scores
from ._retrofit import retrofit_ as retrofit_

__all__ = ["Moment", "Recipe", "Retrofit", "Scores", "retrofit_"]
