"""What one forward pass of a network does, as a value.

`_example` makes something to run the network on, `_observe` runs it and leaves no trace, `_graph` is what comes out:
operations, the values between them, and the module calls around them. Two questions are answered on that graph alone:
where a value goes while every position is treated alike (`_follow`), and how many multiply-adds it all takes (`_macs`).
"""

from __future__ import annotations

from ._example import arguments as arguments
from ._example import input_size as input_size
from ._example import random_input as random_input
from ._follow import Step as Step
from ._follow import follow as follow
from ._follow import is_norm as is_norm
from ._graph import Call as Call
from ._graph import Graph as Graph
from ._graph import Op as Op
from ._graph import Value as Value
from ._graph import each as each
from ._graph import pair as pair
from ._macs import network_macs as network_macs
from ._macs import op_macs as op_macs
from ._observe import Watch as Watch
from ._observe import copied as copied
from ._observe import fork_rng as fork_rng
from ._observe import is_one_run as is_one_run
from ._observe import observe as observe
from ._observe import one_run as one_run
from ._observe import tensors_in as tensors_in
from ._observe import untouched as untouched

__all__ = [
    "Call",
    "Graph",
    "Op",
    "Step",
    "Value",
    "Watch",
    "arguments",
    "copied",
    "each",
    "follow",
    "fork_rng",
    "input_size",
    "is_norm",
    "is_one_run",
    "network_macs",
    "observe",
    "one_run",
    "op_macs",
    "pair",
    "random_input",
    "tensors_in",
    "untouched",
]
