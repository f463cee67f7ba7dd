"""Part (b): two networks with real ImageNet weights on real photographs, and what steadies them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias.mend import MendConfig, Mending, mend_
from antialias.metrics import ClassScores, ImageCount, accuracy, watched
from antialias.models import build, imagenet_labels
from antialias.nn import Adaptive
from antialias.report import Mended, ShiftViewer, shift_viewer
from antialias.retrofit import RetrofitConfig
from antialias.surgery import convert_

from ._config import DemoConfig, Stage
from ._photographs import HELD_OUT, LEARN, crops, labelled_crops

NETWORKS: Mapping[str, str] = {
    "MobileNetV2": "antialias:MobileNetV2",
    "EfficientNet-Lite0": "antialias:EfficientNetLite0",
}
BUDGET = 2.0


@dataclass(frozen=True)
class Real:
    """Hold what was tried on one network.

    Attributes:
        name: Its name.
        mending: Every remedy with its scores, and the one that was applied.
        change: Relative change of the logits by converting alone, with filters that start as identities.
        same: Share of crops whose answer the conversion kept.
        sites: Number of filters that the conversion placed.
        right: Labelled photographs that it named before and after, of how many.
        viewer: The least stable photograph before and after.
    """

    name: str
    mending: Mending
    change: float
    same: float
    sites: int
    right: tuple[int, int, int]
    viewer: ShiftViewer

    @property
    def section(self) -> Mended:
        """The page's section."""
        chosen = self.mending.chosen.name if self.mending.chosen is not None else ""
        front = tuple(trial.name for trial in self.mending.front)
        table = self.mending.to_table()
        return Mended(network=self.name, table=table, front=front, chosen=chosen, budget=self.mending.budget)

    @property
    def points(self) -> list[str]:
        """What was found, a sentence each."""
        before, after, photographs = self.right
        return [
            f"{self.name}: {self.mending.verdict}",
            f"{self.name} names {before} of {photographs} labelled photographs of ImageNet before and {after} after.",
            f"Converting it alone, {self.sites} adaptive filters that start as identities, changed its logits by "
            f"{self.change:.0e} of their size and kept its answer on {self.same:.0%} of the crops.",
        ]


def headline(networks: list[Real]) -> str:
    """Say what came of mending, in a sentence."""
    first = networks[0].mending
    flips = f"{networks[0].name} changes its answer on {first.table[0].flips:.0%} of moves by 1 to 3 pixels"
    helped = [one for one in networks if one.mending.gained]
    if not helped and first.chosen is not None:
        count = len(first.chosen.scores["flips"].per_image)
        return f"{flips}, mended on {first.chosen.flips:.0%}, which {count} photographs are too few to prove"
    if not helped:
        return f"{flips}; nothing within {BUDGET:g} times its cost proved to help"
    best = helped[0]
    assert best.mending.chosen is not None
    before, after = best.mending.table[0].flips, best.mending.chosen.flips
    return (
        f"{best.name} changed its answer on {before:.0%} of moves by 1 to 3 pixels, mended on {after:.0%}, at "
        f"{best.mending.chosen.cost:.2f} times the cost"
    )


def mend_real_networks(config: DemoConfig, stage: Stage) -> list[Real]:
    """Mend each network on photographs that it learns from and chooses by, and measure it on others.

    Args:
        config: How much.
        stage: Opens a progress bar for a part that is named.
    """
    learn = crops(LEARN, config.crops * len(LEARN), side=config.side)
    held_out = crops(HELD_OUT, config.held_out_crops * len(HELD_OUT), side=config.side)
    # Nothing learns: photographs of which there are some thirty do not teach, but may choose. The yardstick is what
    # costs as much as the budget.
    how = MendConfig(
        retrofit=RetrofitConfig(steps=config.mend_steps),
        most=config.remedies,
        keep=config.reported,
        passes=1,
        copies=(round(BUDGET),),
    )
    networks = []
    for name, model in NETWORKS.items():
        original = build(model).eval().to(memory_format=torch.channels_last)
        mended = copy.deepcopy(original)
        sites, change, same = change_of_conversion(original, held_out.images)
        with stage(f"Mending {name}") as progress:
            mending = mend_(mended, learn, budget=BUDGET, held_out=held_out, config=how, progress=progress)
        images, labels = labelled_crops()
        shown = {"as it is": original} | ({"mended": mended} if mending.changed else {})
        with stage(f"Looking at {name}") as progress, watched(ImageCount(progress, 2 + len(shown))):
            before, after = (round(accuracy(one, images, labels).value * len(labels)) for one in (original, mended))
            viewer = least_stable(shown, held_out.images, mending)
        networks.append(Real(name, mending, change, same, sites, (before, after, len(labels)), viewer))
    return networks


@torch.no_grad()
def change_of_conversion(model: nn.Module, images: Tensor) -> tuple[int, float, float]:
    """Return how many filters a conversion places, the relative change of the logits, and the share of same answers."""
    network = copy.deepcopy(model)
    sites = len(convert_(network, Adaptive()).changed)
    inputs = ClassScores(model).inputs(images)
    old, new = model(inputs), network(inputs)
    return sites, float((new - old).norm() / old.norm()), float((new.argmax(1) == old.argmax(1)).float().mean())


def least_stable(networks: Mapping[str, nn.Module], images: Tensor, mending: Mending) -> ShiftViewer:
    """Let every network look along a path over a crop of the photograph on which the first one flips most.

    Args:
        networks: By the name that the page shows.
        images: Crops of the held-out photographs, in turns.
        mending: What was measured, a row a photograph.
    """
    place = int(mending.table[0].scores["flips"].per_image.argmax())
    name = HELD_OUT[place].replace("_", " ")
    return shift_viewer(networks, images[place], name, class_names=imagenet_labels())
