"""Training: from a config to a folder that holds the network and its scores.

Read `_run.py` first: `fit` opens the data, builds the network, hands both to Lightning's trainer, and measures and
saves what comes out. `_lightning.py` says what Lightning learns in a step and which batches a process gets,
`_callbacks.py` what is kept while it trains, `_optimizer.py` how weights move. `_loop.py` takes the same steps without
Lightning, in one process, for a small network that is wanted now.
"""

from ._loop import train_ as train_
from ._run import TrainingRun as TrainingRun
from ._run import fit as fit
