"""The callback in real trainings of a step or two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import antialias as aa
from antialias.callbacks import ConvertCallback
from antialias.nn import Adaptive, AdaptiveBlurPool2d, Fixed

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*number of training batches"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.* is deprecated"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
]


class Classifier(pl.LightningModule):
    example_input_array = torch.zeros(1, 3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.model = aa.models.TinyResNet(num_classes=4)
        self.configured: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)

    def training_step(self, batch: Any, _: int) -> Tensor:
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch: Any, _: int) -> None:
        self.model(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        self.configured = [name for name, _ in self.named_parameters()]
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def loader(low: float = -2, high: float = 2) -> DataLoader:
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * (high - low) + low
    return DataLoader(TensorDataset(images, torch.arange(8) % 4), batch_size=4)


def trainer(folder: Path, *callbacks: Any, **options: Any) -> pl.Trainer:
    settings: dict[str, Any] = {"max_epochs": 1, "logger": False, "enable_checkpointing": False} | options
    return pl.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )


def test_filters_are_there_before_the_optimizer_and_are_trained(tmp_path: Path) -> None:
    module, callback = Classifier(), ConvertCallback(Adaptive(groups=4), limit=0)
    plain = [name for name, _ in module.named_parameters()]
    run = trainer(tmp_path, callback, limit_train_batches=1)
    run.fit(module, loader())
    added = set(module.configured) - set(plain)
    assert "model.layer2.relu1.antialias.conv.weight" in added
    assert callback.conversion is not None
    assert len(callback.conversion.changed) == 7
    in_optimizer = {id(p) for group in run.optimizers[0].param_groups for p in group["params"]}
    layers = [layer for layer in module.modules() if isinstance(layer, AdaptiveBlurPool2d)]
    assert len(layers) == 7
    assert all(id(p) in in_optimizer for layer in layers for p in layer.parameters())
    assert all(layer.bn.weight.detach().abs().max() > 0 for layer in layers)  # they began at zero


def test_scores_are_logged_at_the_end_of_each_validation(tmp_path: Path) -> None:
    module, callback = Classifier(), ConvertCallback(Fixed(), limit=6)
    run = trainer(tmp_path, callback, max_epochs=2, logger=CSVLogger(tmp_path))
    run.fit(module, loader(), loader())
    assert {"val_consistency", "val_flips"} <= run.logged_metrics.keys()
    images = torch.cat([images for images, _ in loader()])[:6]
    unit = (images + 2) / 4
    normalize = ((0.5,) * 3, (0.25,) * 3)
    expected = aa.consistency(module.model, unit, passes=2, normalize=normalize)
    assert float(run.logged_metrics["val_consistency"]) == pytest.approx(expected.value)
    (table,) = tmp_path.rglob("metrics.csv")
    assert len([line for line in table.read_text().splitlines()[1:] if line.strip(",")]) == 2


def test_images_of_ones_own_are_measured_as_everywhere(tmp_path: Path) -> None:
    module, images = Classifier(), torch.rand(5, 3, 40, 40)
    module.model.normalization = ((0.5,) * 3, (0.5,) * 3)  # type: ignore[assignment]
    run = trainer(tmp_path, ConvertCallback(Fixed(), images=images, network="model"))
    run.fit(module, loader(), loader())
    expected = aa.consistency(module.model, images, passes=2)
    assert float(run.callback_metrics["val_consistency"]) == pytest.approx(expected.value)


def test_the_network_sees_the_batches_as_they_are(tmp_path: Path) -> None:
    seen: list[Tensor] = []
    module = Classifier()
    module.model.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    callback = ConvertCallback(Fixed(), limit=1)
    trainer(tmp_path, callback, limit_train_batches=0).validate(module, loader(), verbose=False)
    (image,) = callback._shown
    window = next(x for x in seen if x.shape[-1] == 28)[0]
    assert any(torch.allclose(window, image[:, y : y + 28, x : x + 28], atol=1e-6) for y in range(5) for x in range(5))


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    callback = ConvertCallback(Adaptive(groups=4), limit=0)
    first = Classifier()
    run = trainer(tmp_path, callback, max_epochs=1)
    run.fit(first, loader())
    run.save_checkpoint(tmp_path / "last.ckpt")
    resumed, again = Classifier(), ConvertCallback(Adaptive(groups=4), limit=4)
    longer = trainer(tmp_path, again, max_epochs=2)
    longer.fit(resumed, loader(), loader(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert longer.global_step == 4
    name = "model.layer2.relu1.antialias.conv.weight"
    momentum = longer.optimizers[0].state[dict(resumed.named_parameters())[name]]["momentum_buffer"]
    assert momentum.abs().max() > 0
    assert not torch.equal(resumed.state_dict()[name], first.state_dict()[name])
    tested = Classifier()
    trainer(tmp_path, ConvertCallback(Adaptive(groups=4), limit=0)).validate(
        tested, loader(), ckpt_path=tmp_path / "last.ckpt", verbose=False, weights_only=True
    )
    assert torch.equal(tested.state_dict()[name], first.state_dict()[name])


def test_a_second_fit_converts_nothing_again(tmp_path: Path) -> None:
    module, callback = Classifier(), ConvertCallback(Fixed(), limit=0)
    for _ in range(2):
        trainer(tmp_path, callback, limit_train_batches=1).fit(module, loader())
    assert callback.conversion is not None
    assert len(callback.conversion.steps) == 1


@pytest.mark.parametrize("kind", ["semantic", "dense"])
def test_other_answers_have_their_own_scores(kind: str, tmp_path: Path) -> None:
    class Dense(Classifier):
        def __init__(self) -> None:
            super().__init__()
            layers = [nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.ReLU()]
            self.model = nn.Sequential(
                *layers, nn.Conv2d(4, 3 if kind == "semantic" else 1, 1), nn.Upsample(scale_factor=4)
            )

        def training_step(self, batch: Any, _: int) -> Tensor:
            return self.model(batch[0]).square().mean()

    run = trainer(tmp_path, ConvertCallback(Fixed(), limit=2))
    run.fit(Dense(), loader(), loader())
    logged = {"semantic": {"val_consistency", "val_flips"}, "dense": {"val_consistency"}}[kind]
    assert {name for name in run.callback_metrics if name.startswith("val_")} == logged
    assert 0 <= float(run.callback_metrics["val_consistency"]) < 2


def test_a_trainer_of_pytorch_lightning_takes_it(tmp_path: Path) -> None:
    other: Any = pytest.importorskip("pytorch_lightning")

    class Other(other.LightningModule):
        __init__, forward = Classifier.__init__, Classifier.forward
        training_step, validation_step = Classifier.training_step, Classifier.validation_step
        configure_optimizers = Classifier.configure_optimizers
        example_input_array = torch.zeros(1, 3, 32, 32)

    module = Other.__new__(Other)
    other.LightningModule.__init__(module)
    module.model, module.configured = aa.models.TinyResNet(num_classes=4), []
    run = other.Trainer(
        accelerator="cpu",
        default_root_dir=tmp_path,
        callbacks=[ConvertCallback(Adaptive(groups=4), limit=2)],
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    run.fit(module, loader(), loader())
    assert any(".antialias." in name for name in module.configured)
    assert "val_flips" in run.callback_metrics


def test_what_cannot_be_is_explained(tmp_path: Path) -> None:
    module = Classifier()
    with pytest.raises(ValueError, match="Classifier has no module 'net' when training is set up. Use one of: model."):
        trainer(tmp_path, ConvertCallback(network="net")).fit(module, loader())
    module.teacher = aa.models.TinyResNet(num_classes=4)
    with pytest.raises(ValueError, match=r"has 2 children with convolutions .*: model, teacher. .*network='model'"):
        trainer(tmp_path, ConvertCallback()).fit(module, loader())
    with pytest.raises(ValueError, match="limit=-1 is no number of images. Use 0 to log nothing, or more."):
        ConvertCallback(limit=-1)
    with pytest.raises(
        ValueError, match=r"a dict of label, does not begin with images \(N, C, H, W\). Pass ConvertCallb"
    ):
        aa.callbacks._convert.images_of({"label": torch.zeros(2)})


def test_batches_of_every_common_kind() -> None:
    from antialias.callbacks._convert import images_of

    images = torch.rand(2, 3, 8, 8)
    for batch in (images, (images, 1), {"pixel_values": images}, list(images), (list(images), [{}, {}])):
        assert torch.equal(torch.stack(list(images_of(batch))), images)


def test_lightning_is_named_where_it_is_missing() -> None:
    code = """
import sys, antialias.callbacks as callbacks
print("lightning" in sys.modules)
sys.modules["lightning"] = None
callbacks.find_spec = lambda name: None
try:
    callbacks.ConvertCallback
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "False\nlightning is not installed. Run: pip install 'antialias[lightning]'\n"
