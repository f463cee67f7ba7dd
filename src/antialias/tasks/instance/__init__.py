"""Instance segmentation: a mask, a box and a class for each object.

Read `_instance.py` first: how the data are opened, the loss, and the task that is registered. `_batches.py` augments
what is learnt from and serves what is tested on, and `_scores.py` says what is measured, of which classes.
"""

from . import _instance as _instance  # registers itself
