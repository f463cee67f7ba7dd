"""Folders to publish: opened by this package exactly, read by huggingface_hub and transformers as theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import antialias as aa
from antialias.metrics import TransformersNetwork, normalization_of
from antialias.models import build, load_checkpoint, save_pretrained
from antialias.surgery import conversion_of

RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "layer_type": "basic"}


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def trained(model: nn.Module) -> nn.Module:
    """Give filters and norms values that do something."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def converted(model: nn.Module, image: Tensor, filter: aa.nn.Filter | None = None) -> nn.Module:
    aa.convert_(model.eval(), filter or aa.Adaptive(groups=2), example=image)
    return trained(model)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of transformers, with what its image processor says."""
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(**RESNET, num_labels=3, id2label={0: "cat", 1: "owl", 2: "elk"})
    transformers.ResNetForImageClassification(config).save_pretrained(tmp_path / "theirs")
    says = {"do_normalize": True, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.2, 0.2], "size": 64}
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(json.dumps(says))
    return tmp_path / "theirs"


@pytest.mark.parametrize("filter", [aa.Adaptive(groups=4), aa.Fixed(), aa.PhaseAverage(phases=2), None])
def test_every_way_in_opens_it(filter: aa.nn.Filter | None, image: Tensor, tmp_path: Path) -> None:
    model = build("antialias:TinyResNet", 5).eval()
    if filter is not None:
        converted(model, image, filter)
    folder = save_pretrained(model, tmp_path / "deep" / "net")
    for opened in (aa.load(folder), load_checkpoint(folder), build(str(folder))):
        torch.testing.assert_close(opened(image), model(image), rtol=0, atol=0)
        assert (conversion_of(opened) is None) == (filter is None)


def test_a_class_of_ones_own_is_passed_in(image: Tensor, tmp_path: Path) -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.ReLU(), nn.Flatten())

    model = converted(make(), image)
    folder = save_pretrained(model, tmp_path / "net")
    assert 'aa.load("FOLDER", model=network)' in (folder / "README.md").read_text()
    assert torch.equal(aa.load(folder, make())(image), model(image))
    with pytest.raises(ValueError, match=r"holds a network of your own. Use load\(path, model=...\)"):
        aa.load(folder)


@pytest.mark.parametrize("root", ["adapted", "bare", "bare inside"])
def test_a_network_of_transformers_loads_back_exactly(root: str, theirs: Path, image: Tensor, tmp_path: Path) -> None:
    wrapped = build(f"transformers:{theirs}")
    assert isinstance(wrapped, TransformersNetwork)
    model = wrapped if root == "adapted" else wrapped.network
    converted(model, image)
    folder = save_pretrained(model if root == "bare" else wrapped, tmp_path / "ours")
    expected = wrapped(image)
    for path in theirs.iterdir():
        path.unlink()  # nothing of what it was made from is needed
    for opened in (aa.load(folder), load_checkpoint(folder), build(str(folder))):
        assert isinstance(opened, TransformersNetwork)
        assert torch.equal(opened(image), expected)
        assert len(conversion_of(opened).changed) == len(conversion_of(wrapped).changed) > 3
        assert normalization_of(opened) == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.2)) or root == "bare"
    again = aa.load(folder)
    conversion_of(again).revert_()
    conversion_of(wrapped).revert_()
    assert torch.equal(again(image), wrapped(image))


def test_transformers_opens_the_plain_network_of_it(theirs: Path, image: Tensor, tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    wrapped = build(f"transformers:{theirs}")
    converted(wrapped, image, aa.Fixed())
    folder = save_pretrained(wrapped, tmp_path / "ours")
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["ResNetForImageClassification"]
    assert config["model_type"] == "resnet"
    assert str(theirs) not in (folder / "config.json").read_text()
    plain = transformers.AutoModelForImageClassification.from_pretrained(folder, local_files_only=True).eval()
    assert plain.config.id2label == {0: "cat", 1: "owl", 2: "elk"}
    conversion_of(wrapped).revert_()
    torch.testing.assert_close(plain(pixel_values=image).logits, wrapped(image))


def test_pixels_are_said_where_no_folder_said_them(image: Tensor, tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    from antialias.metrics import Preprocessing

    network = transformers.ResNetForImageClassification(transformers.ResNetConfig(**RESNET, num_labels=3)).eval()
    wrapped = TransformersNetwork(network, Preprocessing(((0.1, 0.2, 0.3), (0.5, 0.5, 0.5)), True, 64, 32))
    opened = aa.load(save_pretrained(wrapped, tmp_path / "ours"))
    assert normalization_of(opened) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    assert (opened.bgr, opened.input_size, opened.side_multiple) == (True, (3, 64, 64), 32)
    assert torch.equal(opened(image), wrapped(image))


def test_a_mixin_of_the_hub_reads_its_config_and_plain_weights(image: Tensor, tmp_path: Path) -> None:
    hub: Any = pytest.importorskip("huggingface_hub")

    class Net(nn.Module, hub.PyTorchModelHubMixin):
        def __init__(self, width: int = 4, **more: Any) -> None:
            super().__init__()
            assert not more
            self.conv1, self.conv2 = nn.Conv2d(3, width, 3, 2, 1), nn.Conv2d(width, width, 3, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv2(self.conv1(x).relu()).relu().mean((2, 3))

    model = converted(Net(width=6), image, aa.Fixed())
    folder = save_pretrained(model, tmp_path / "net")
    assert json.loads((folder / "config.json").read_text()) == {"width": 6}
    assert torch.equal(aa.load(folder, Net(width=6))(image), model(image))
    theirs = Net.from_pretrained(folder, local_files_only=True)
    conversion_of(model).revert_()
    torch.testing.assert_close(theirs(image), model(image))


def test_the_card_is_read_by_the_hub_and_holds_the_scores(image: Tensor, tmp_path: Path) -> None:
    hub: Any = pytest.importorskip("huggingface_hub")
    model = build("antialias:TinyResNet", 5).eval()
    images = torch.rand(20, 3, 48, 48)
    before = {
        "consistency": aa.consistency(model, images),
        "flips": aa.metrics.flip_rate(model, images, (1,)).scores[1],
    }
    converted(model, image)
    after = {"consistency": aa.consistency(model, images)}
    folder = save_pretrained(model, tmp_path / "net", scores={"plain": before, "filtered": after}, license="mit")
    card = hub.ModelCard.load(folder / "README.md")
    assert card.data.license == "mit"
    assert card.data.library_name == "antialias"
    assert card.data.pipeline_tag == "image-classification"
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("consistency", after["consistency"].value)
    assert "| Score | plain | filtered |" in card.content
    low, high = (f"{100 * each:.4g}" for each in after["consistency"].interval)
    assert f"({low} to {high}) |\n" in card.content
    assert "95 % interval over 20 images; 5 pairs each of 42-pixel windows out of 48, seed 0" in card.content
    assert "Anti-aliased by `Adaptive(kernel_size=3" in card.content
    assert "at 7 sites: `maxpool`, " in card.content


def test_a_mending_s_scores_are_columns(tmp_path: Path) -> None:
    from antialias.mend import Mending, Remedy, Trial

    score = aa.consistency(
        lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1), torch.ones(12, 3, 16, 16)
    )
    first, second = (Trial(Remedy(name=name), {"consistency": score}) for name in ("as it is", "two phases"))
    made = {"budget": 1.5, "margin": 0.0, "seed": 0, "distance": 3, "images": {}, "passes": 1.0}
    mending = Mending(table=(first, second), chosen=second, **made)
    assert list(mending.scores) == ["as it is", "two phases"]
    folder = save_pretrained(build("antialias:TinyResNet", 5), tmp_path / "net", scores=mending.scores)
    assert "| Score | as it is | two phases |" in (folder / "README.md").read_text()


def test_without_scores_the_card_says_so(tmp_path: Path) -> None:
    folder = save_pretrained(build("antialias:TinyResNet", 5), tmp_path / "net")
    text = (folder / "README.md").read_text()
    assert "Nothing was measured." in text
    assert "It has no anti-aliasing filters." in text
    assert "license" not in text


def test_wrong_folders_are_explained(tmp_path: Path, theirs: Path, image: Tensor) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors; it holds nothing. Use a folder that"):
        aa.load(tmp_path / "empty")
    folder = save_pretrained(build("antialias:TinyResNet", 5), tmp_path / "net")
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    with pytest.raises(ValueError, match=r"model.safetensors is not a safetensors file \("):
        aa.load(folder)
    file.write_bytes(whole)
    for text, words in (
        ("{", "config.json is not JSON"),
        ("[1]", "config.json is not JSON .a list, no object"),
        ("[" * 100_000, "config.json"),
    ):
        (folder / "config.json").write_text(text)
        with pytest.raises(ValueError, match=words):
            aa.load(folder)
    (folder / "config.json").write_text('{"model_type": "resnet", "architectures": ["os.system"]}')
    with pytest.raises(ValueError, match="cannot be loaded: its config.json names os.system"):
        aa.load(folder)
    config = (theirs / "config.json").read_text()
    (folder / "config.json").write_text(json.dumps(json.loads(config) | {"out_features": ["a" * 5000]}))
    with pytest.raises(ValueError, match="cannot be built: .*out_features") as refused:
        aa.load(folder)
    assert len(str(refused.value)) < 600
    (folder / "config.json").write_text(json.dumps(json.loads(config) | {"hidden_sizes": [4096, 2**31 - 1]}))
    with pytest.raises(ValueError, match="cannot be built: .*Storage size calculation overflowed"):
        aa.load(folder)  # at once: nothing is made
    (folder / "config.json").write_text(config)
    with pytest.raises(ValueError, match="does not fit ResNetForImageClassification: .* missing"):
        aa.load(folder)
    with pytest.raises(ValueError, match=r"does not say what it holds. Use models.build\(NAME, weights="):
        aa.load(theirs)  # nobody's filters: its own library's folder
    file.rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match=r"\(weights in parts: model.safetensors.index.json\)"):
        aa.load(folder)
    with pytest.raises(ValueError, match="README.md is a file. Use the name of a folder, new or not."):
        save_pretrained(build("antialias:TinyResNet", 5), folder / "README.md")
    with pytest.raises(ValueError, match=r"scores\['consistency'\] is a float. Use a dictionary of Score by name"):
        save_pretrained(build("antialias:TinyResNet", 5), tmp_path / "x", scores={"": {"consistency": 0.9}})  # type: ignore[dict-item]
