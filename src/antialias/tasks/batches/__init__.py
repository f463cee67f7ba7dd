"""Batches: which images come when, and which processes read them.

A task's batches are a list by number, of which any process can make any element: everything random is drawn from the
seed, the epoch and the number. `_shuffled.py` holds what the training batches of all tasks share, `_whole.py` what
those of whole images do, which are tested on and measured; `_loading.py` has worker processes read either ahead.
"""

from ._loading import batch_loader as batch_loader
from ._loading import workers_for as workers_for
from ._shuffled import MEMORY_LIMIT as MEMORY_LIMIT
from ._shuffled import ShuffledBatches as ShuffledBatches
from ._shuffled import epoch_generator as epoch_generator
from ._shuffled import log_uniform_scales as log_uniform_scales
from ._whole import ImageRange as ImageRange
from ._whole import WholeBatches as WholeBatches
