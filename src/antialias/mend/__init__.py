"""Mend a trained network: try every remedy within a budget, prove it on images of its own, apply the best.

`_mend.py` is the whole in one function, `_config.py` every choice, `_result.py` what comes out, `_figure.py` its
picture. On the way: `_split.py` (images in parts that share no source), `_remedy.py` (what may help, as values),
`_learn.py` (students), `_answers.py` (what is measured of classifiers, segmenters and detectors), `_evaluator.py`
(measures a remedy on a part once), `_course.py` (who goes on, who is chosen), `_folder.py` (what an interrupted mending
goes on from).
"""

from __future__ import annotations

from ._config import MendConfig as MendConfig
from ._mend import mend_ as mend_
from ._remedy import Remedy as Remedy
from ._remedy import ShiftedCopies as ShiftedCopies
from ._remedy import group_name as group_name
from ._remedy import macs_of as macs_of
from ._remedy import price as price
from ._result import Mending as Mending
from ._result import Trial as Trial

__all__ = ["MendConfig", "Mending", "Remedy", "ShiftedCopies", "Trial", "group_name", "macs_of", "mend_", "price"]
