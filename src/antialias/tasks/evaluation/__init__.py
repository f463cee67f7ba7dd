"""Evaluation: a network on a test set, at once or in parts.

`_evaluate.py` deals the parts out to the processes and joins their scores; `_partial_scores.py` keeps finished parts in
a folder, so that an interrupted evaluation goes on. `_classes.py` says whether a network's answers and the labels mean
the same classes.
"""

from ._classes import WithoutClasses as WithoutClasses
from ._classes import open_test as open_test
from ._evaluate import evaluate as evaluate
from ._evaluate import evaluate_data as evaluate_data
from ._evaluate import measure_flips as measure_flips
from ._partial_scores import PartialScores as PartialScores
