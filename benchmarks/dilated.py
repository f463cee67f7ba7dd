"""Four phases averaged from the last stride on, against the same turned into dilation: difference and time.

    python benchmarks/dilated.py      # about two minutes on an idle core; writes benchmarks/dilated.csv

Four phases of a map can be one map of twice the sides, if every layer behind the stride is spread by two (atrous, as in
DeepLab). A row is an untrained network: the relative difference of its answers in the two forms, and the median of the
processor's time of a forward pass over the network's as it is; passes take turns, on one thread. Squeeze and excitation
sees all phases in the dilated form and one in the other: that is another function, and not here.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import seeds
import torch
from torch import nn

from antialias.models import build
from antialias.nn import PhaseAverage
from antialias.surgery import convert_, phase_groups

NETWORKS = ("antialias:MobileNetV2", "torchvision:resnet18")
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
ROUNDS = 15


def dilated(network: nn.Module, sites: tuple[str, ...]) -> nn.Module:
    """Return a copy of a network without the strides of some sites, and all behind them spread by two."""
    network, behind = copy.deepcopy(network), False
    for name, layer in network.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        if name in sites:
            layer.stride, behind = (1, 1), True
        elif behind and layer.kernel_size != (1, 1):
            layer.dilation, layer.padding = (2, 2), tuple(2 * side for side in layer.padding)
    return network


def rows() -> Iterator[dict[str, object]]:
    """Yield the table's rows."""
    for name in NETWORKS:
        for memory, memory_format in FORMATS.items():
            for images in (1, 8):
                plain = build(name).eval().to(memory_format=memory_format)
                x = torch.rand(images, 3, 224, 224).to(memory_format=memory_format)
                sites, averaged = phase_groups(plain, x[:1])[-1], copy.deepcopy(plain)
                convert_(averaged, PhaseAverage(), where=list(sites), example=x[:1])
                forms, seconds = (plain, averaged, dilated(plain, sites)), ([], [], [])
                with torch.no_grad():
                    phases, spread = forms[1](x), forms[2](x)
                    for turn in range(ROUNDS + 1):
                        for form, taken in zip(forms, seconds, strict=True):
                            start = time.thread_time()
                            form(x)
                            if turn:  # the first one warms up
                                taken.append(time.thread_time() - start)
                median, of_phases, of_dilated = map(statistics.median, seconds)
                row = {
                    "network": name,
                    "sites": " ".join(sites),
                    "memory": memory,
                    "images": images,
                    "difference": f"{float((phases - spread).norm() / phases.norm()):.1e}",
                    "phases_over_plain": f"{of_phases / median:.2f}",
                    "dilated_over_plain": f"{of_dilated / median:.2f}",
                    "dilated_over_phases": f"{of_dilated / of_phases:.2f}",
                }
                print(*row.values(), flush=True)
                yield row


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seeds.write(Path(__file__).with_suffix(".csv"), rows())


if __name__ == "__main__":
    main()
