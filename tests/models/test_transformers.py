"""Networks of transformers: from folders or passed in, each kind of answer as transformers itself makes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import antialias as aa
from antialias.cli import main
from antialias.metrics import (
    ClassScores,
    DenseValues,
    Instances,
    LabelMaps,
    Preprocessing,
    adapter_for,
    dense_consistency,
    instance_consistency,
    normalization_of,
    segmentation_consistency,
)
from antialias.models import build, class_names

transformers: Any = pytest.importorskip("transformers")
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "layer_type": "basic"}
PYRAMID = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]}
DECODER = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}


def classifier() -> Any:
    config = transformers.ResNetConfig(**RESNET, num_labels=4, id2label={0: "cat", 1: "dog", 2: "owl", 3: "elk"})
    return transformers.ResNetForImageClassification(config)


def convnext() -> Any:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, num_labels=4)
    return transformers.ConvNextForImageClassification(config)


def segformer() -> Any:
    config = transformers.SegformerConfig(**PYRAMID, mlp_ratios=[2] * 4, decoder_hidden_size=8, num_labels=5)
    return transformers.SegformerForSemanticSegmentation(config)


def detr() -> Any:
    backbone = transformers.ResNetConfig(**RESNET, out_features=["stage4"])
    made = {"use_timm_backbone": False, "backbone": None, "backbone_config": backbone, "d_model": 16, **DECODER}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = transformers.DetrConfig(**made, **heads, num_queries=5, num_labels=3)
    return transformers.DetrForObjectDetection(config)


def yolos() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.YolosConfig(**sizes, image_size=[64, 64], num_detection_tokens=5, num_labels=3)
    return transformers.YolosForObjectDetection(config)


def depth() -> Any:
    return transformers.GLPNForDepthEstimation(
        transformers.GLPNConfig(**PYRAMID, mlp_ratios=[2] * 4, decoder_hidden_size=8)
    )


def dpt() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    neck = {"backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8}
    return transformers.DPTForDepthEstimation(transformers.DPTConfig(**sizes, **neck, image_size=64, is_hybrid=False))


def mask2former() -> Any:
    swin = {"embed_dim": 8, "depths": [1] * 4, "num_heads": [1] * 4, "window_size": 4}
    backbone = transformers.SwinConfig(**swin, out_features=["stage1", "stage2", "stage3", "stage4"])
    sizes = {"feature_size": 32, "mask_feature_size": 16, "hidden_dim": 16, "dim_feedforward": 16}
    layers = {"encoder_feedforward_dim": 16, "encoder_layers": 1, "decoder_layers": 2, "num_attention_heads": 2}
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone, **sizes, **layers, num_queries=6, num_labels=3, train_num_points=16
    )
    return transformers.Mask2FormerForUniversalSegmentation(config)


def patches() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 1, "image_size": 56}
    stages = {"out_features": ["stage1", "stage2", "stage3", "stage4"], "reshape_hidden_states": False}
    heads = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8, "head_hidden_size": 4}
    backbone = transformers.Dinov2Config(**sizes, **stages, patch_size=14)
    config = transformers.DepthAnythingConfig(backbone_config=backbone, patch_size=14, **heads)
    return transformers.DepthAnythingForDepthEstimation(config)


KINDS = {
    classifier: ClassScores,
    convnext: ClassScores,
    segformer: LabelMaps,
    detr: Instances,
    yolos: Instances,
    depth: DenseValues,
    dpt: DenseValues,
    mask2former: LabelMaps,
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(12, 3, 64, 80, generator=torch.Generator().manual_seed(1))


def saved(network: Any, folder: Path, **processor: Any) -> str:
    """Write what save_pretrained of a network and of its image processor write, and return the network's name."""
    network.eval().save_pretrained(folder)
    says = {"do_normalize": True, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.25], **processor}
    (folder / "preprocessor_config.json").write_text(json.dumps(says))
    return f"transformers:{folder}"


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_each_kind_is_recognised_in_a_folder_and_passed_in(make: Any, images: Tensor, tmp_path: Path) -> None:
    network, pixels = make().eval(), images[:2, :, :64, :64]
    loaded = build(saved(network, tmp_path))
    adapters = [adapter_for(one, pixels[0]) for one in (loaded, network)]
    assert {type(adapter) for adapter in adapters} == {KINDS[make]}
    assert normalization_of(loaded) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
    passed_in = KINDS[make](network, normalize=normalization_of(loaded))
    torch.testing.assert_close(adapters[0](pixels), passed_in(pixels))


def test_maps_boxes_and_depth_are_what_transformers_makes_of_them(images: Tensor) -> None:
    size, pixels = (64, 80), images[:2]
    network = segformer().eval()
    processor = transformers.SegformerImageProcessor()
    with torch.no_grad():
        theirs = processor.post_process_semantic_segmentation(network(pixels), target_sizes=[size] * 2)
    assert torch.equal(LabelMaps(network, normalize=None)(pixels), torch.stack(theirs))

    network = detr().eval()
    with torch.no_grad():
        answer = network(pixels)
    answer.logits[:, 3, -1] = 100  # a query that is sure of no object
    theirs = transformers.DetrImageProcessor().post_process_object_detection(answer, 0.05, target_sizes=[size] * 2)
    ours = aa.metrics._transformers.instances_of_boxes(answer.logits, answer.pred_boxes, size, classes=3)
    for one, other in zip(ours, theirs, strict=True):
        assert 1 <= len(one["scores"]) <= 4
        torch.testing.assert_close(one["scores"], other["scores"])
        assert torch.equal(one["labels"], other["labels"] + 1)
        limits = torch.tensor([80.0, 64, 80, 64])
        torch.testing.assert_close(one["boxes"], other["boxes"].clamp(min=0).minimum(limits))

    network, pixels = depth().eval(), pixels[..., :64]
    with torch.no_grad():
        theirs = network(pixels).predicted_depth
    torch.testing.assert_close(DenseValues(network, normalize=None)(pixels)[:, 0], theirs)


def test_masks_of_queries_are_classes_of_pixels_or_instances(images: Tensor) -> None:
    network, pixels = mask2former().eval(), images[:1, :, :, :64]
    processor = transformers.Mask2FormerImageProcessor()
    with torch.no_grad():
        answer = network(pixels)
    # transformers resamples the masks to 384 pixels first, and we at once to the image's size: nearly the same classes
    theirs = processor.post_process_semantic_segmentation(answer, target_sizes=[(64, 64)])[0]
    assert float((LabelMaps(network, normalize=None)(pixels)[0] == theirs).float().mean()) > 0.97
    (found,) = Instances(network, normalize=None)(pixels)
    assert found["masks"].shape[1:] == (1, 64, 64)
    for box, mask in zip(found["boxes"].tolist(), found["masks"][:, 0] > 0.5, strict=True):
        rows, columns = mask.nonzero().T
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_sigmoid_of_every_class_has_no_class_for_no_object() -> None:
    logits, boxes = torch.tensor([[[3.0, -3.0], [-9.0, -9.0]]]), torch.full((1, 2, 4), 0.5)
    (found,) = aa.metrics._transformers.instances_of_boxes(logits, boxes, (10, 20), classes=2)
    assert found["labels"].tolist() == [1]
    assert found["scores"].tolist() == pytest.approx([0.952574])
    assert found["boxes"].tolist() == [[5.0, 2.5, 15.0, 7.5]]


def test_images_of_any_sizes_are_shown_one_by_one(images: Tensor) -> None:
    adapter = Instances(detr(), normalize=None)
    both = adapter([images[0], images[1, :, :40]])
    alone = [adapter(images[:1])[0], adapter(images[1:2, :, :40])[0]]
    torch.testing.assert_close(both, alone)


def test_the_folder_says_what_its_network_expects_of_pixels(tmp_path: Path) -> None:
    def read(**says: Any) -> Preprocessing:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(says))
        return Preprocessing.read(tmp_path) or pytest.fail("there is one")

    values = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    assert read(do_normalize=True, **values, size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}) == (
        ((0.5,) * 3, (0.25,) * 3),
        False,
        224,
        1,
    )
    turned = read(do_normalize=False, do_flip_channel_order=True, size=64, size_divisor=32)
    assert turned == (((0.0,) * 3, (1.0,) * 3), True, 64, 32)
    scaled = read(do_normalize=False, rescale_factor=1 / 127.5, rescale_offset=True).normalization
    assert np.allclose(scaled, ((0.5,) * 3, (0.5,) * 3))  # x * 2 - 1
    twice = read(do_normalize=True, **values, include_top=True).normalization
    assert twice == ((0.5,) * 3, (0.0625,) * 3)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"preprocessor_config.json cannot be read .* save_pretrained"):
        Preprocessing.read(tmp_path)


def test_maps_of_patches_are_of_whole_patches(images: Tensor, tmp_path: Path) -> None:
    network = patches().eval()
    with torch.no_grad():
        network.head.conv3.bias.fill_(1.0)  # a ReLU follows
        whole = network(pixel_values=torch.nn.functional.pad(images, (0, 4, 0, 6), mode="replicate")).predicted_depth
    assert whole.shape[1:] == (70, 84)
    assert float(whole.std()) > 0
    torch.testing.assert_close(DenseValues(network)(images)[:, 0], whole[:, :64, :80])
    for says, multiple in (
        ({"ensure_multiple_of": 28}, 28),
        ({"size_divisor": 4}, 28),
        ({"ensure_multiple_of": 1 / 32}, 14),
    ):
        assert build(saved(network, tmp_path, **says)).side_multiple == multiple


def test_channels_are_turned_around_where_the_folder_says_so(images: Tensor, tmp_path: Path) -> None:
    network = classifier()
    plain = {"do_normalize": False}
    turned = build(saved(network, tmp_path, **plain, do_flip_channel_order=True))
    torch.testing.assert_close(ClassScores(turned)(images), ClassScores(network, normalize=None)(images.flip(1)))


def test_networks_convert_and_keep_their_answers(images: Tensor, tmp_path: Path) -> None:
    name = saved(classifier(), tmp_path)
    network = build(name)
    assert class_names(network) == ("cat", "dog", "owl", "elk")
    before = ClassScores(network)(images)
    conversion = aa.convert_(network, example=torch.rand(1, 3, 64, 64))
    assert len(conversion.changed) == 7
    torch.testing.assert_close(ClassScores(network)(images), before, rtol=1e-3, atol=1e-3)
    aa.save(network, tmp_path / "net.safetensors")
    torch.testing.assert_close(ClassScores(aa.load(tmp_path / "net.safetensors"))(images), ClassScores(network)(images))
    with pytest.raises(ValueError, match=r"YolosForObjectDetection has no site to filter[\s\S]*patches"):
        aa.convert_(yolos(), example=torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("make", "score"),
    [
        (classifier, aa.consistency),
        (segformer, segmentation_consistency),
        (
            detr,
            lambda *given, **how: instance_consistency(*given, "box", same=aa.metrics.SameInstance(score=0.1), **how),
        ),
        (depth, lambda *given, **how: dense_consistency(*given, multiple=32, **how)),
    ],
    ids=["classes", "labels", "boxes", "depth"],
)
def test_consistency_of_all_four_kinds(make: Any, score: Any, images: Tensor) -> None:
    assert 0 <= score(make().eval(), images, passes=1, normalize=None).value < 2


def test_the_command_line_takes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = saved(classifier(), tmp_path / "network", size={"height": 32, "width": 32})
    (tmp_path / "images" / "cat").mkdir(parents=True)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / "cat" / f"{number}.png")
    main(["inspect", name])
    assert "7 sites" in (told := capsys.readouterr().out), told
    main(["evaluate", name, "--data", f"images:{tmp_path}/images", "--accelerator", "cpu"])
    told = capsys.readouterr().out
    assert "accuracy" in told  # the folder's class is one that the network names
    assert "classification consistency" in told


def test_what_is_no_folder_of_a_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["inspect", "transformers:microsoft/resnet-50"])
    assert "microsoft/resnet-50 is not a folder. Use transformers:DIR" in capsys.readouterr().err
    with pytest.raises(ValueError, match="has no config.json"):
        build(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}')
    with pytest.raises(ValueError, match="config.json names BertForMaskedLM. Use a folder of save_pretrained"):
        build(f"transformers:{tmp_path}")
    (tmp_path / "config.json").write_text('{"model_type": "res')
    with pytest.raises(ValueError, match="cannot be loaded: .*json"):
        build(f"transformers:{tmp_path}")
    name = saved(classifier(), tmp_path)
    with pytest.raises(ValueError, match="fixes its own classes"):
        build(name, num_classes=7)
    (tmp_path / "model.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match="cannot be loaded"):
        build(name)
    with pytest.raises(TypeError, match=r"ResNetModel answers last_hidden_state .* Use one with a head"):
        adapter_for(transformers.ResNetModel(transformers.ResNetConfig(**RESNET)), torch.rand(3, 64, 64))
