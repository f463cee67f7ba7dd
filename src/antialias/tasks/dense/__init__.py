"""Dense values: numbers for each pixel, such as depth or the probability of text; measured, not trained.

`_dense.py` is all of it.
"""

from . import _dense as _dense  # registers itself
