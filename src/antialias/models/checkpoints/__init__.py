"""Other people's checkpoints, loaded into networks that this package converts.

Read `_load.py` first: `load_checkpoint` reads a file (`files/`), finds the network (`_recognise.py`), says the file's
names in the network's words (`_layout.py`), gives it the filters that the file has (`_convert.py`), and fills it, all
or nothing.
"""

from __future__ import annotations

from ._load import load_checkpoint as load_checkpoint
from ._load import network_with_weights as network_with_weights

__all__ = ["load_checkpoint", "network_with_weights"]
