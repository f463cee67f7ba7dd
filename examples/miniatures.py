"""Write a miniature of each data layout, to try every command of docs/training.md without a data set.

    python examples/miniatures.py runs/data

Pictures and masks are composed scenes (`antialias.data.Scenes`), laid out as ImageFolder, PASCAL VOC, Cityscapes and
COCO lay theirs out; ImageNet VID's are windows that slide over two photographs.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from antialias.data import Annotation, Scenes, photographs

# Numbers of Cityscapes' learnt classes in its files; a scene's kinds of objects stand for them.
CITYSCAPES = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
VID = {"flight": ("coffee", "n07930864"), "street": ("chelsea", "n02121808")}
VID_CLASSES = "n02121808 domestic cat: 281 282 283 284 285\nn07930864 cup: 968 n07920052  # and espresso\n"


def images(root: Path, split: str, scenes: Scenes, classes: int = 20) -> None:
    """Write `train/CLASS/*.jpg` and `val/CLASS/*.jpg`: equally many of each class, so that no split lacks one."""
    counts = [len(scenes) // classes + (label < len(scenes) % classes) for label in range(classes)]
    for start in itertools.count(step=32):
        for number, label in enumerate(scenes.labelled(torch.arange(start, start + 32))[1].tolist(), start):
            if label < classes and counts[label]:
                counts[label] -= 1
                picture = scenes.labelled(torch.tensor([number]))[0][0]
                file = root / _named(split, "val") / scenes.classes[label] / f"{number}.jpg"
                _save(to_pil_image(picture), file, quality=95)
        if not any(counts):
            break


def voc(root: Path, split: str, scenes: Scenes) -> None:
    """Write `JPEGImages`, `SegmentationClass` and the lists of names of `VOC2012`."""
    names = [f"2007_{number:06}{'1' if split == 'test' else '0'}" for number in range(len(scenes))]
    for name, one in zip(names, _annotated(scenes), strict=True):
        _save(to_pil_image(one.image), root / "JPEGImages" / f"{name}.jpg", quality=95)
        _save(_ids(one, lambda label: label + 1), root / "SegmentationClass" / f"{name}.png")
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{_named(split, 'val')}.txt").write_text("\n".join(names) + "\n")


def cityscapes(root: Path, split: str, scenes: Scenes) -> None:
    """Write `leftImg8bit` and `gtFine` of one city a split."""
    folder, city = _named(split, "val"), "aachen" if split == "train" else "bonn"
    for number, one in enumerate(_annotated(scenes)):
        name = f"{city}_{number:06}_000019"
        _save(to_pil_image(one.image), root / "leftImg8bit" / folder / city / f"{name}_leftImg8bit.png")
        mask = _ids(one, lambda label: CITYSCAPES[label % len(CITYSCAPES)])
        _save(mask, root / "gtFine" / folder / city / f"{name}_gtFine_labelIds.png")


def coco(root: Path, split: str, scenes: Scenes) -> None:
    """Write `train2017`, `val2017` and the annotations of both."""
    name, content = f"{_named(split, 'val')}2017", {"images": [], "annotations": []}
    for one in _annotated(scenes):
        file = f"{one.image_id:012}.jpg"
        _save(to_pil_image(one.image), root / name / file, quality=95)
        height, width = one.image.shape[-2:]
        content["images"].append({"id": one.image_id, "file_name": file, "height": height, "width": width})
        content["annotations"] += _objects(one, len(content["annotations"]) + 1)
    content["categories"] = [{"id": _category(label), "name": kind} for label, kind in enumerate(scenes.classes)]
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / f"instances_{name}.json").write_text(json.dumps(content))


def vid(root: Path) -> None:
    """Write ten frames of two videos with what is in them, and which classes of ImageNet mean it."""
    for video, (photograph, synset) in VID.items():
        for number in range(10):
            frame = Path("VID") / "val" / video / f"{number:06}"
            _save(to_pil_image(photographs()[photograph][:, 8 * number :]), root / "Data" / f"{frame}.JPEG", quality=95)
            annotation = root / "Annotations" / f"{frame}.xml"
            annotation.parent.mkdir(parents=True, exist_ok=True)
            annotation.write_text(f"<annotation><object><name>{synset}</name></object></annotation>\n")
    (root / "imagenet_classes.txt").write_text(VID_CLASSES)


def _named(split: str, test: str) -> str:
    return test if split == "test" else split


def _annotated(scenes: Scenes) -> list[Annotation]:
    return scenes.annotations(range(len(scenes)))


def _save(picture: Image.Image, file: Path, **how: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, **how)


def _ids(one: Annotation, id_of: Callable[[int], int]) -> Image.Image:
    """Return a grey picture of the classes' numbers, 0 where there is no object."""
    ids = torch.zeros(one.image.shape[-2:], dtype=torch.uint8)
    for label, mask in zip(one.labels.tolist(), one.masks, strict=True):
        ids[mask] = id_of(label)
    return to_pil_image(ids[None])


def _objects(one: Annotation, first: int) -> list[dict[str, Any]]:
    found = []
    for number, (box, label, mask) in enumerate(zip(one.boxes.tolist(), one.labels.tolist(), one.masks, strict=True)):
        left, top, right, bottom = box
        found.append(
            {
                "id": first + number,
                "image_id": one.image_id,
                "category_id": _category(label),
                "bbox": [left, top, right - left, bottom - top],
                "area": int(mask.sum()),
                "segmentation": {"size": list(mask.shape), "counts": _run_lengths(mask)},
                "iscrowd": 0,
            }
        )
    return found


def _category(label: int) -> int:
    """Return an id with gaps, as COCO's have."""
    return 3 * label + 2


def _run_lengths(mask: Tensor) -> list[int]:
    """Return the lengths of runs down the columns, beginning with zeros."""
    flat = torch.cat([torch.zeros(1, dtype=torch.bool), mask.T.flatten()])
    starts = (flat[1:] != flat[:-1]).nonzero()[:, 0].tolist()
    return [end - start for start, end in zip([0, *starts], [*starts, mask.numel()], strict=True)]


LAYOUTS: dict[str, Callable[..., None]] = {
    "images": images,
    "voc": voc,
    "cityscapes": cityscapes,
    "coco": coco,
}


def write(root: Path, names: Sequence[str], *, side: int = 80, train: int = 60, test: int = 20) -> None:
    """Write the named layouts into folders of their names."""
    for split, length in (("train", train), ("test", test)):
        scenes = Scenes(split, size=side, length=length)
        for name in names:
            how = {"classes": min(train, test, len(scenes.classes))} if name == "images" else {}
            LAYOUTS[name](root / name, split, scenes, **how)


def main() -> None:
    """Write all layouts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    write(root, list(LAYOUTS))
    vid(root / "vid")
    print("Wrote", *(root / name for name in (*LAYOUTS, "vid")))


if __name__ == "__main__":
    main()
