from __future__ import annotations

import torch
from torchvision.models import resnet18

from antialias.surgery.dataflow import observe


def test_parts_of_a_graph_print_at_a_glance() -> None:
    """A traceback prints arguments: through its links each value would print the graph, on exponentially many ways."""
    graph = observe(resnet18().eval(), (torch.zeros(1, 3, 64, 64),))
    for part in (graph.ops[-1], graph.ops[-1].outputs[0], graph.calls[-1]):
        assert len(repr(part)) < 2000
