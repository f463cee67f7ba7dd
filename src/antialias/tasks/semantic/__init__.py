"""Semantic segmentation: a class for each pixel.

Read `_semantic.py` first: how the data are opened, the loss, and the task that is registered. `_batches.py` augments
what is learnt from and serves what is tested on, and `_scores.py` says what is measured.
"""

from . import _semantic as _semantic  # registers itself
