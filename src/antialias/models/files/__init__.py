"""Networks in files: weights as safetensors, how to rebuild the network as JSON beside them.

`_network.py` saves and loads, `_header.py` is what a file says beside its tensors, `_weights.py` reads state dicts that
somebody else wrote. `_pretrained.py` writes folders to publish, with a card (`_card.py`), which `_folder.py` opens.
"""

from __future__ import annotations

from ._header import mean_std_of as mean_std_of
from ._network import load as load
from ._network import save as save
from ._pretrained import save_pretrained as save_pretrained
from ._weights import Checkpoint as Checkpoint
from ._weights import read_checkpoint as read_checkpoint
from ._weights import read_weights as read_weights

__all__ = ["Checkpoint", "load", "mean_std_of", "read_checkpoint", "read_weights", "save", "save_pretrained"]
