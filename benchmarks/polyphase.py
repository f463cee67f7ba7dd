"""Time of a forward pass with the phase chosen behind the filter, `phase="norm"`, and before it, `phase="input_norm"`.

    python benchmarks/polyphase.py      # about a minute on an idle core; writes benchmarks/polyphase.csv

All networks are untrained; their passes take turns, on one thread. A row is a network and a filter: the median of the
processor's milliseconds, and of those over the plain network's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import seeds
import torch

from antialias.models import build
from antialias.nn import Adaptive, Filter
from antialias.surgery import convert_

FILTERS: dict[str, Filter | None] = {
    "plain": None,
    "adaptive k3 G8": Adaptive(),
    **{
        f"adaptive k3 G8, {predictor} predictor, phase={phase}": Adaptive(
            predictor=predictor, phase=phase, padding_mode="circular"
        )
        for phase in ("norm", "input_norm")
        for predictor in ("full", "separable", "bottleneck")
    },
}
NETWORKS = (("antialias:TinyResNet", 64, 64), ("antialias:TinyResNet", 16, 64), ("torchvision:resnet18", 2, 128))
ROUNDS = 7


def rows() -> Iterator[dict[str, object]]:
    """Yield the table's rows."""
    for name, images, side in NETWORKS:
        x, models, seconds = torch.randn(images, 3, side, side), {}, {title: [] for title in FILTERS}
        for title, filter in FILTERS.items():
            models[title] = build(name).eval()
            if filter is not None:
                convert_(models[title], filter, example=x[:1])
        with torch.no_grad():
            for turn in range(ROUNDS + 1):
                for title, model in models.items():
                    start = time.thread_time()
                    model(x)
                    if turn:  # the first one warms up
                        seconds[title].append(time.thread_time() - start)
        medians = {title: statistics.median(each) for title, each in seconds.items()}
        for title, median in medians.items():
            row = {
                "network": name,
                "images": images,
                "side": side,
                "filter": title,
                "milliseconds": f"{1e3 * median:.1f}",
            }
            yield row | {"over_plain": f"{median / medians['plain']:.2f}"}


def main() -> None:
    torch.set_num_threads(1)
    seeds.write(Path(__file__).with_suffix(".csv"), rows())


if __name__ == "__main__":
    main()
