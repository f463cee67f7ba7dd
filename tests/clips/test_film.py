"""Videos and contact sheets: read back, and played in headless Chromium."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from selenium import webdriver
from torch import Tensor

import antialias as aa
from antialias.clips import Clip, pan
from antialias.clips._film import RED, Panels, changed_pixels, changes_of, colour
from antialias.metrics import DenseValues, Instances

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
PLAY = """
const done = arguments[0];
const video = document.createElement('video');
video.muted = true;
video.onerror = () => done({error: video.error.message});
video.onended = () => done({time: video.currentTime, width: video.videoWidth, height: video.videoHeight});
document.body.append(video);
video.src = document.body.dataset.file;
video.play().catch(error => done({error: String(error)}));
"""


def by_brightness(x: Tensor) -> Tensor:
    return 8 * (0.5 - x.mean((1, 2, 3)))[:, None] * torch.tensor([1.0, -1.0])


def steady(x: Tensor) -> Tensor:
    return torch.tensor([[2.0, 0]]).expand(len(x), -1)


@pytest.fixture(scope="module")
def blinking() -> Clip:
    """Dark for ten frames, light for ten, at 30 frames a second."""
    return Clip(torch.tensor([0.2] * 10 + [0.8] * 10).view(-1, 1, 1, 1).expand(-1, 3, 48, 64), 30, "blinking clip")


@pytest.fixture(scope="module")
def written(blinking: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film") / "new" / "folder"
    files = aa.flicker({"as it is": by_brightness, "mended": steady}, blinking).write(folder)
    assert [file.name for file in files] == ["flicker.csv", "blinking_clip.mp4", "blinking_clip.png"]
    assert {file.name for file in folder.iterdir()} == {file.name for file in files}
    return folder


def test_the_video_has_every_frame_at_its_time(written: Path, blinking: Clip):
    import av

    with av.open(str(written / "blinking_clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("h264", "vp9", "libvpx-vp9")
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 30
        frames = [frame.to_image() for frame in container.decode(stream)]
    assert len(frames) == len(blinking)
    panels = Panels(blinking, "ClassScores", {"a": torch.rand(20, 2), "b": torch.rand(20, 2)}, {})
    assert frames[0].size == panels.size
    assert all(side % 2 == 0 for side in panels.size)

    def is_red(frame: int, panel: int) -> bool:
        """Whether the border of a panel's frame is red, in its middle on the left."""
        x = 12 + panel * (panels.width + 12) + 2
        pixel = frames[frame].getpixel((x, panels.size[1] // 3))
        return all(abs(one - other) < 40 for one, other in zip(pixel, RED, strict=True))

    # The change is marked in its frame and for an eighth of a second; the steady network never.
    assert [frame for frame in range(20) if is_red(frame, 0)] == [10, 11, 12, 13]
    assert not any(is_red(frame, 1) for frame in range(20))


def test_the_contact_sheet_shows_frames_around_changes(written: Path, blinking: Clip):
    panels = Panels(blinking, "ClassScores", {"a": torch.rand(20, 2), "b": torch.rand(20, 2)}, {})
    with Image.open(written / "blinking_clip.png") as sheet:
        assert sheet.size == (2 * panels.size[0], 4 * panels.size[1])
        red = [
            all(abs(one - other) < 40 for one, other in zip(sheet.convert("RGB").getpixel(place), RED, strict=True))
            for y in range(4)
            for x in range(2)
            if (place := (x * panels.size[0] + 14, y * panels.size[1] + panels.size[1] // 3))
        ]
    # Of the frames 0, 3, 5, 8, 9, 10, 14 and 16 the one in which the answer changes, and none behind it.
    assert red.count(True) == 1


def test_a_frame_tells_its_time(blinking: Clip, monkeypatch: pytest.MonkeyPatch):
    from PIL import ImageDraw

    written: list[str] = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda pen, at, text, **how: written.append(text) or draw(pen, at, text, **how)
    )
    Panels(blinking, "ClassScores", {"a": torch.rand(20, 2)}, {}).draw(10)
    assert "0.33 s" in written


def test_chromium_plays_the_video(written: Path, tmp_path: Path):
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next((path for name in names if (path := shutil.which(name))), None)
    if browser is None:
        pytest.fail("Chromium is not installed. Run: apt-get update && apt-get install -y chromium chromium-driver")
    page = written / "page.html"
    page.write_text('<!doctype html><body data-file="blinking_clip.mp4"></body>')
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}", "--autoplay-policy=no-user-gesture-required"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.set_script_timeout(60)
        driver.get(page.as_uri())
        played = driver.execute_async_script(PLAY)
    finally:
        driver.quit()
        page.unlink()
    assert "error" not in played, played
    assert played["time"] == pytest.approx(20 / 30, abs=0.05)
    assert played["width"] > played["height"] > 200


def test_changes_are_those_of_each_kind(still: Tensor):
    clip = Clip(torch.zeros(4, 3, 8, 8), 10)
    chances = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    assert changes_of("ClassScores", chances, clip).tolist() == [0, 0, 1, 0]
    labels = torch.zeros(4, 8, 8, dtype=torch.int16)
    labels[2:, :2] = 1
    assert changes_of("LabelMaps", labels, clip).tolist() == [0, 0, 0.25, 0]
    box = {"boxes": torch.tensor([[0.0, 0, 5, 5]]), "labels": torch.tensor([1]), "scores": torch.tensor([0.9])}
    none = {name: column[:0] for name, column in box.items()}
    assert changes_of("Instances", [none, box, box, none], clip).tolist() == [0, 1, 0, 1]
    moving = pan(still, frames=3, size=32, motions=("whole",), seed=2)
    marked = torch.zeros(3, 32, 32, dtype=torch.int16)
    marked[1, 10, 10] = 1
    assert changed_pixels(marked, moving, 1).nonzero().tolist() == [[10, 10]]
    assert changed_pixels(marked, moving, 2).nonzero().tolist() == [[11, 11]]  # where it went, and is no more
    values = torch.arange(4.0).view(4, 1, 1, 1).expand(-1, 1, 8, 8) / 3
    assert changes_of("DenseValues", values, clip)[1:].tolist() == pytest.approx([0.894427] * 3, abs=1e-4)


def one_frame(kind: str, model: Any, clip: Clip) -> Image.Image:
    found = aa.flicker({"a": model}, clip)
    assert found.kind == kind
    return Panels(clip, kind, {"a": found.answers["a"][0][0]}, {"a": ("sky", "sea")}).draw(1)


def test_maps_boxes_masks_and_values_are_drawn():
    clip = Clip(torch.full((3, 3, 32, 32), 0.5), 10)
    left = (torch.arange(32) < 16).float().expand(32, -1)

    def segment(x: Tensor) -> Tensor:
        return torch.stack([left.expand(len(x), -1, -1), 0.5 + 0 * x[:, 0]], 1)

    shown = one_frame("LabelMaps", segment, clip)
    middle = shown.size[1] // 2
    for x, label in ((60, 0), (260, 1)):
        expected = [0.5 * 128 + 0.5 * one for one in colour(label)]
        assert shown.getpixel((x, middle)) == pytest.approx(expected, abs=2)

    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    box = {"boxes": torch.tensor([[8.0, 8, 24, 24]]), "labels": torch.tensor([1]), "scores": torch.tensor([0.75])}
    shown = one_frame("Instances", Instances(lambda images: [{**box, "masks": mask} for _ in images]), clip)
    assert shown.getpixel((12 + 80, 34 + 160)) == colour(1)  # the left side of the box
    assert shown.getpixel((12 + 160, 34 + 160)) == pytest.approx([0.5 * 128 + 0.5 * one for one in colour(1)], abs=2)

    shown = one_frame("DenseValues", DenseValues(lambda x: left.expand(len(x), -1, -1)), clip)
    assert (shown.getpixel((60, middle)), shown.getpixel((260, middle))) == ((255,) * 3, (0,) * 3)


def test_long_names_are_cut_to_the_panel():
    clip = Clip(torch.zeros(2, 3, 32, 32), 10)
    panels = Panels(clip, "ClassScores", {"a": torch.rand(2, 2)}, {"a": ("a very long name " * 30, "b")})
    cut = panels.fit("a very long name " * 30)
    assert cut.endswith("…")
    assert panels.font.getlength(cut) <= panels.width
    assert panels.class_name("a", 7) == "class 7"


def test_classes_of_imagenet_have_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    monkeypatch.setattr(Panels, "fit", lambda self, text, less=0: said.append(text) or "")
    sure = torch.zeros(1, 1000)
    sure[0, 967] = 20
    aa.flicker({"net": lambda x: sure.expand(len(x), -1)}, torch.zeros(2, 3, 8, 8), fps=10).write(tmp_path)
    assert "0 changes   espresso 100 %" in said


def test_classes_are_named_as_the_network_does():
    network = aa.models.TinyResNet(num_classes=2)
    network.classes = ["dark", "light"]
    for model in (network, aa.metrics.ClassScores(network, batch_size=2)):
        assert aa.flicker({"a": model}, torch.zeros(2, 3, 40, 40), fps=10).classes == {"a": ("dark", "light")}


def test_without_pyav_the_table_is_written_all_the_same(
    blinking: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = aa.flicker(by_brightness, blinking)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.warns(UserWarning, match=r"no clip was drawn: av is not installed. Run: pip install 'antialias\[video"):
        files = found.write(tmp_path)
    assert [file.name for file in files] == ["flicker.csv"]
