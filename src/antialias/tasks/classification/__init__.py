"""Classification: one label an image.

Read `_classification.py` first: how the data are opened, the loss, and the task that is registered. `_batches.py` cuts
the windows of a fixed scale that are learnt from and tested on, `_resized.py` those of any scale, and `_scores.py` says
what is measured.
"""

from . import _classification as _classification  # registers itself
