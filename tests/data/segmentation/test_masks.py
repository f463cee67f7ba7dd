"""Pictures with a file of class ids each: what is read, and what is said of every way to break a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from antialias.data import SegmentationDataset
from antialias.data.segmentation._mask_files import ImageAndMask, MaskFiles

HEIGHT, WIDTH = 12, 20
IDS = {0: 0, 7: 1, 8: 2, 255: 255}
_KEPT = ["1.png", "2.png"]


def _ids(seed: int = 0) -> np.ndarray:
    """Return one of the known ids for each pixel."""
    draw = np.random.default_rng(seed)
    return draw.choice(np.array(list(IDS), dtype=np.uint8), (HEIGHT, WIDTH))


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(100 + seed).integers(256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)


def _write(root: Path) -> list[ImageAndMask]:
    """Write three pictures with their masks."""
    (root / "masks").mkdir(parents=True)
    files = [ImageAndMask(root / f"{number}.png", root / "masks" / f"{number}.png") for number in range(3)]
    for number, (image, mask) in enumerate(files):
        Image.fromarray(_pixels(number)).save(image)
        Image.fromarray(_ids(number)).save(mask)
    return files


def _read(files: list[ImageAndMask], **how: object) -> MaskFiles:
    return MaskFiles(files, ("nothing", "cat", "dog"), IDS, **how)  # type: ignore[arg-type]


def test_ids_become_classes_and_palettes_are_read_by_number(tmp_path: Path) -> None:
    files = _write(tmp_path)
    palette = Image.fromarray(_ids(1), mode="P")
    palette.putpalette([value for number in range(256) for value in (255 - number, number, 7)])
    palette.save(files[1].mask)
    data = _read(files)
    assert isinstance(data, SegmentationDataset)
    assert (len(data), data.pixels, data.name(2)) == (3, 3 * HEIGHT * WIDTH, str(files[2].image))
    for number in range(3):
        image, mask = data.segmented(number)
        assert image.dtype == mask.dtype == torch.uint8
        assert np.array_equal(image.permute(1, 2, 0).numpy(), _pixels(number))
        assert mask.tolist() == [[IDS[int(id)] for id in row] for row in _ids(number)]
    assert data.check() == data.faults == []


def test_a_size_is_the_shorter_sides_and_classes_stay_whole(tmp_path: Path) -> None:
    files, (half, double) = _write(tmp_path), (HEIGHT // 2, 2 * HEIGHT)
    image, mask = (data := _read(files, size=half)).segmented(0)
    assert (image.shape, mask.shape) == ((3, half, WIDTH // 2), (half, WIDTH // 2))
    assert data.pixels == 3 * half * WIDTH // 2
    whole = _read(files).segmented(0)[1]
    assert torch.equal(mask, whole[1::2, 1::2])
    assert torch.equal(_read(files, size=double).segmented(0)[1], whole.repeat_interleave(2, 0).repeat_interleave(2, 1))


def _turned(file: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    Image.fromarray(np.rot90(_pixels(), 1)).save(file, exif=exif)


PICTURES: dict[str, tuple[Callable[[Path], None], Callable[[np.ndarray], np.ndarray]]] = {
    "grey": (
        lambda file: Image.fromarray(_pixels()[..., 0]).save(file),
        lambda pixels: pixels[..., :1].repeat(3, 2),
    ),
    "16 bits": (
        lambda file: Image.fromarray(_pixels()[..., 0].astype(np.uint16) * 256 + 9).save(file),
        lambda pixels: pixels[..., :1].repeat(3, 2),
    ),
    "CMYK": (
        lambda file: Image.fromarray(
            255 - np.pad(_pixels(), ((0, 0), (0, 0), (0, 1)), constant_values=255), "CMYK"
        ).save(file, format="TIFF"),
        lambda pixels: pixels,
    ),
    "turned": (_turned, lambda pixels: pixels),
    "transparent": (
        lambda file: Image.fromarray(np.pad(_pixels(), ((0, 0), (0, 0), (0, 1)))).save(file),
        lambda pixels: pixels,
    ),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_of_picture_is_read_as_upright_rgb(tmp_path: Path, kind: str) -> None:
    files = _write(tmp_path)
    write, expected = PICTURES[kind]
    write(files[0].image)
    image, mask = _read(files).segmented(0)
    assert np.array_equal(image.permute(1, 2, 0).numpy(), expected(_pixels()))
    assert mask.shape == (HEIGHT, WIDTH)


def _cut_short(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


BROKEN_MASKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "it is missing"),
    "empty": (lambda file: file.write_bytes(b""), "it is empty"),
    "truncated": (_cut_short, "it is not a readable picture ("),
    "no picture": (lambda file: file.write_text("classes"), "it is not a readable picture (of no known format)"),
    "colours": (
        lambda file: Image.fromarray(_pixels()).save(file),
        "it is RGB, not a palette or grey picture of class ids",
    ),
    "16 bits": (
        lambda file: Image.fromarray(_ids().astype(np.uint16) + 300).save(file),
        "it holds class ids 300, 307, 308, 555, none of 0 to 8 or 255",
    ),
    "another size": (lambda file: Image.fromarray(_ids()[:-2]).save(file), "it is 10x20, its picture 12x20"),
    "unknown ids": (
        lambda file: Image.fromarray(np.where(_ids() == 7, np.uint8(9), np.uint8(254))).save(file),
        "it holds class ids 9, 254, none of 0 to 8 or 255",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN_MASKS)
def test_a_broken_mask_stops_or_is_named_and_its_picture_left_out(tmp_path: Path, kind: str) -> None:
    files = _write(tmp_path)
    spoil, reason = BROKEN_MASKS[kind]
    spoil(files[0].mask)
    with pytest.raises(ValueError, match=r"1 cannot be used. Repair them, or use on_broken='skip'") as stopped:
        _read(files)
    assert f"{files[0].mask}: {reason}" in str(stopped.value)
    with pytest.warns(UserWarning, match="1 cannot be used and are left out") as said:
        data = _read(files, on_broken="skip")
    assert f"{files[0].mask}: {reason}" in str(said[0].message)
    assert [Path(data.name(number)).name for number in range(len(data))] == _KEPT
    assert [fault.name for fault in data.faults] == [str(files[0].mask)]
    assert data.pixels == 2 * HEIGHT * WIDTH


BROKEN_PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "it is missing"),
    "empty": (lambda file: file.write_bytes(b""), "it is empty"),
    "truncated": (_cut_short, "it is not a readable picture ("),
    "no picture": (lambda file: file.write_text("pixels"), "it is not a readable picture (of no known format)"),
}


@pytest.mark.parametrize("kind", BROKEN_PICTURES)
def test_a_broken_picture_stops_or_is_named_and_left_out(tmp_path: Path, kind: str) -> None:
    files = _write(tmp_path)
    spoil, reason = BROKEN_PICTURES[kind]
    spoil(files[0].image)
    with pytest.raises(ValueError, match="1 cannot be used") as stopped:
        _read(files)
    assert f"{files[0].image}: {reason}" in str(stopped.value)
    with pytest.warns(UserWarning, match="1 cannot be used and are left out"):
        assert [Path(name).name for name in map(_read(files, on_broken="skip").name, range(2))] == _KEPT


def test_every_fault_is_in_one_report(tmp_path: Path) -> None:
    files = _write(tmp_path)
    files[0].mask.unlink()
    files[1].image.write_bytes(b"")
    with pytest.raises(ValueError, match=r"(?s)2 cannot be used.*masks/0.png: it is missing.*1.png: it is empty"):
        _read(files)
    files[2].image.unlink()
    nothing = "^no picture can be used: 3 files are broken. Use another folder.$"
    with pytest.warns(UserWarning, match="3 cannot be used"), pytest.raises(ValueError, match=nothing):
        _read(files, on_broken="skip")


def test_files_that_change_after_opening_are_named(tmp_path: Path) -> None:
    files = _write(tmp_path)
    data = _read(files, on_broken="skip")
    Image.fromarray(_pixels()[:-4]).save(files[0].image)
    with pytest.raises(ValueError, match=r"masks/0.png is 12x20, its picture 8x20. Use the mask of this picture."):
        data.segmented(0)
    Image.fromarray(np.full((HEIGHT, WIDTH), 3, np.uint8)).save(files[1].mask)
    with pytest.raises(ValueError, match=r"holds class ids 3, none of 0 to 8 or 255. Use the masks of this data set."):
        data.segmented(1)
    with pytest.warns(UserWarning, match=r"(?s)2 cannot be used and are left out.*0.png.*8x20.*1.png.*ids 3"):
        assert len(data.check()) == 2
    assert (len(data), data.name(0), len(data.faults)) == (1, str(files[2].image), 2)
    files[2].mask.unlink()
    nothing = "no picture can be used: 3 files are broken"
    with pytest.raises(ValueError, match=nothing), pytest.warns(UserWarning, match="masks/2.png: it is missing"):
        data.check()
