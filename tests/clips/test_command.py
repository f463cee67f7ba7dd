from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import antialias as aa
from antialias.cli import main
from antialias.models import build


def save_network(file: Path, phases: bool) -> None:
    torch.manual_seed(0)
    network = build("antialias:TinyResNet").eval()
    if phases:
        aa.convert_(network, aa.PhaseAverage(phases=2), example=torch.rand(1, 3, 40, 40))
    aa.save(network, file)


def test_two_networks_on_a_video_and_a_pan(
    real_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, phases in (("plain", False), ("mended", True)):
        save_network(tmp_path / f"{name}.safetensors", phases)
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(6):
        Image.new("RGB", (48, 48), (40 * number, 90, 0)).save(frames / f"{number}.png")
    files = [str(tmp_path / f"{name}.safetensors") for name in ("plain", "mended")]
    out = tmp_path / "out"
    main(["flicker", files[0], "--mended", files[1], "--clip", str(frames), "--fps", "10", "--out", str(out)])
    printed = capsys.readouterr().out
    assert printed.startswith("as it is: answers changed per second ")
    assert "mended, smoothed by 3 frames" in printed.replace("\n", " ") or "mended, smoothed by 3" in printed
    assert "Gained in answers changed per second on as it is" in printed
    assert {file.name for file in out.iterdir()} == {"flicker.csv", "frames.mp4", "frames.png"}

    clips = ["--clip", str(real_clips / "carphone_pristine.mp4"), f"pan:{frames / '0.png'}"]
    with pytest.raises(SystemExit, match="2"):
        main(["flicker", files[0], *clips, "--size", "64", "--out", str(out)])
    assert "the still of 48x48 is too small for 121 frames of 64x64" in capsys.readouterr().err


def test_what_is_no_clip_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["flicker", "antialias:TinyResNet", "--clip", str(tmp_path / "never.mp4"), "--out", str(tmp_path / "out")])
    assert "never.mp4 is not there. Use a video file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_network_of_several_values_is_told_from_a_segmenter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows.py").write_text(
        "import torch\n\ndef network():\n    return torch.nn.Conv2d(3, 2, 3, padding=1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    Image.effect_noise((96, 96), 50).save(tmp_path / "still.png")
    command = ["flicker", "flows:network", "--clip", f"pan:{tmp_path / 'still.png'}", "--size", "32", "--out"]
    for flags, score in (([], "temporal consistency"), (["--dense"], "change along the motion")):
        main([*command, str(tmp_path / "out"), *flags])
        assert f"as it is: {score}" in capsys.readouterr().out.replace("\n", " ")
