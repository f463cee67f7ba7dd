"""DMNet and Mask^X R-CNN in their tasks: losses, adaptive filters and scores of stability included."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from antialias.models import build
from antialias.nn import Adaptive
from antialias.surgery import conversion_of
from antialias.tasks import TrainConfig, network, task_named, train_

SEMANTIC = TrainConfig(
    task="semantic", size=48, window=40, batch_size=4, epochs=1, max_steps=2, train_length=8, test_length=4
)
INSTANCE = replace(SEMANTIC, task="instance", learning_rate=0.02, detection_score=0.01)


def test_dmnets_auxiliary_loss_counts_four_tenths() -> None:
    task, model = task_named("semantic"), build("antialias:TinyDMNet").train()
    images, masks = torch.rand(2, 3, 40, 40), torch.randint(21, (2, 40, 40), dtype=torch.uint8)
    torch.manual_seed(0)
    loss = task.loss(model, images, masks)
    mean, std = (torch.tensor(values)[:, None, None] for values in model.normalization)  # type: ignore[union-attr]
    torch.manual_seed(0)
    out = model((images - mean) / std)
    expected = F.cross_entropy(out["out"], masks.long()) + 0.4 * F.cross_entropy(out["aux"], masks.long())
    assert torch.allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "model", "scores"),
    [
        (SEMANTIC, "antialias:TinyDMNet", {"mean_iou", "segmentation_consistency"}),
        (INSTANCE, "antialias:TinyMaskX", {"mask_ap", "mask_consistency", "box_consistency"}),
    ],
)
def test_adaptive_ones_learn_and_are_scored(config: TrainConfig, model: str, scores: set[str]) -> None:
    config, task = replace(config, model=model, filter=Adaptive()), task_named(config.task)
    learnt, test = task.open(config, "train"), task.open(config, "test")
    made = network(config, task.outputs(learnt))
    before = {name: p.clone() for name, p in made.named_parameters()}
    train_(made, learnt, config)
    still = {name for name, p in made.named_parameters() if torch.equal(p, before[name])}
    conversion = conversion_of(made)
    assert conversion is not None
    assert len(conversion.changed) >= 7
    assert not {name for name in still if ".antialias." in name}
    assert scores <= set(task.evaluate(made, test, config))
