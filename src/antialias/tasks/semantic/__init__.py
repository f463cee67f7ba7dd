"""Semantic segmentation: a class for each pixel.

`_semantic.py` opens the data, defines the loss and the scores, and registers the task; `_batches.py` augments what is
learnt from and serves what is tested on.
"""

from . import _semantic as _semantic  # registers itself
