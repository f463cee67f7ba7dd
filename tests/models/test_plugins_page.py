"""The code of docs/plugins.md runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch

import antialias as aa
from antialias.nn import LAYERS

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def block(word: str) -> str:
    (found,) = (block for block in BLOCKS if word in block)
    return found


def test_every_block_is_run_here() -> None:
    words = ("create_model", "convert_(network, aa.Ad", "convnext_tiny", "lightning.Trainer", "save_pretrained")
    assert sorted(block(word) for word in words) == sorted(BLOCKS)


def test_timms_constructors(capsys: pytest.CaptureFixture[str]) -> None:
    scope: dict[str, Any] = {"smp": smp, "torch": torch}
    exec(block("create_model"), scope)
    assert "already anti-aliased by this filter" in re.sub(r"\s+", " ", capsys.readouterr().out)
    assert sum(isinstance(module, LAYERS) for module in scope["segmenter"].modules()) == 4
    exec(block("convert_(network, aa.Ad"), scope)
    assert len(scope["conversion"].changed) == 3
    exec(block("convnext_tiny"), {"aa": aa})
    assert "takes no aa_layer= (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("family", "name", "count"),
    [
        ("ResNet, ", "resnet50", 4),
        ("SKNet", "skresnet18", 7),
        ("EfficientNet, ", "mobilenetv2_050", 4),
        ("CSPNet", "cspdarknet53", 5),
        ("ByobNet", "resnext26ts", 6),
        ("ByobNet", "gernet_s", 8),
        ("DenseNet", "densenet121", 1),
        ("Res2Net", "res2net50_26w_4s", 1),
        ("ConvNeXt", "regnetx_002", 0),
        ("ConvNeXt", "tresnet_m", 0),
    ],
)
def test_the_table_of_families(family: str, name: str, count: int) -> None:
    (row,) = (line for line in PAGE.read_text().splitlines() if line.startswith(f"| {family}"))
    if not count:
        assert "refused" in row
        with pytest.raises(ValueError, match="takes no aa_layer="):
            aa.models.build(f"timm:{name}", aa_layer="fixed")
        return
    with torch.device("meta"):
        model = aa.models.build(f"timm:{name}", aa_layer="fixed")
    assert str(count) in row.split("|")[2]
    assert sum(isinstance(module, LAYERS) for module in model.modules()) == count


@pytest.mark.parametrize("name", ["lcnet_035", "mobilenetv1_100", "mobilenetv3_small_050"])
def test_what_timm_gives_wrong_channels_does_not_run(name: str) -> None:
    with torch.device("meta"):
        model, image = aa.models.build(f"timm:{name}", aa_layer="fixed"), torch.zeros(1, 3, 64, 64)
    with pytest.raises(ValueError, match=r"but this layer filters \d+ channels"):
        model(image)


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*number of training batches")
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.* is deprecated")
def test_lightning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lightning: Any = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = aa.models.TinyResNet(num_classes=4)

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, _: int) -> None:
            self.model(batch[0])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    batches = torch.utils.data.DataLoader([(torch.rand(3, 32, 32), n) for n in range(4)], batch_size=2)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    options = quiet | {"max_epochs": 1, "accelerator": "cpu", "default_root_dir": tmp_path}
    scope = {"aa": aa, "module": Module(), "train_loader": batches, "validation_loader": batches, "options": options}
    exec(block("lightning.Trainer"), scope)
    assert capsys.readouterr().out.count("tensor(") == 2


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network, images = aa.models.build("antialias:TinyResNet", 4).eval(), torch.rand(12, 3, 48, 48)
    scope = {"aa": aa, "network": network, "before": {"consistency": aa.consistency(network, images)}}
    aa.convert_(network, aa.Fixed(), example=images)
    scope["after"] = {"consistency": aa.consistency(network, images)}
    exec(block("save_pretrained"), scope)
    files = {path.name for path in (tmp_path / "resnet-steady").iterdir()}
    assert files == {"model.safetensors", "config.json", "README.md"}
    assert torch.equal(scope["network"](images), network(images))
    assert scope["network"] is not network
