from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from antialias.clips import Clip, open_clips


def save_frames(folder: Path, count: int, size: tuple[int, int] = (12, 8)) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        Image.new("RGB", size, (10 * number, 0, 0)).save(folder / f"frame{number}.png")


def test_a_real_video_is_read(real_clips: Path):
    [clip] = open_clips(str(real_clips / "carphone_pristine.mp4"))
    assert (len(clip), clip.size, clip.name) == (120, (144, 176), "carphone_pristine")
    assert clip.fps == pytest.approx(30000 / 1001)
    assert clip.frames.dtype == torch.uint8
    # A man in a car: neither black nor upside down in its planes, and neighbours resemble each other.
    pixels = clip.pixels(0, 2)
    assert 0.2 < float(pixels.mean()) < 0.7
    assert float((pixels[1] - pixels[0]).abs().mean()) < 0.03
    [small] = open_clips(real_clips / "carphone_pristine.mp4", fps=10, size=32)
    assert (small.size, small.fps) == ((32, 32), 10)


def test_frames_of_a_folder_are_in_the_order_of_their_numbers(tmp_path: Path):
    save_frames(tmp_path / "shot", 12)
    (tmp_path / "shot" / "notes.txt").write_text("no frame")
    [clip] = open_clips(tmp_path / "shot", fps=25)
    assert clip.frames[:, 0, 0, 0].tolist() == [10 * number for number in range(12)]
    assert (clip.name, clip.fps, clip.size) == ("shot", 25, (8, 12))


def test_a_still_is_panned_over(tmp_path: Path):
    Image.new("RGB", (90, 120), (5, 5, 5)).save(tmp_path / "wall.png")
    [clip] = open_clips(f"pan:{tmp_path / 'wall.png'}", size=16)
    assert (len(clip), clip.fps, clip.size, clip.name) == (121, 30, (16, 16), "pan_wall")
    assert clip.motion == "exact motion"


def test_several_clips_have_names_of_their_own(tmp_path: Path):
    Image.new("RGB", (90, 90), (5, 5, 5)).save(tmp_path / "a.png")
    first, second = open_clips([f"pan:{tmp_path / 'a.png'}"] * 2, size=16, motions=("fractional",))
    assert (first.name, second.name) == ("pan_a_1", "pan_a_2")
    assert not torch.equal(first.cameras, second.cameras)
    clip = Clip(torch.zeros(2, 3, 4, 4), 30)
    assert open_clips(clip) == [clip]
    assert open_clips(torch.zeros(2, 3, 4, 4), fps=5)[0].fps == 5


def refused(clip, message, **options):
    with pytest.raises(ValueError, match=re.escape(message)):
        open_clips(clip, **options)


def test_what_cannot_be_opened_says_why(tmp_path: Path):
    refused(tmp_path / "never.mp4", "never.mp4 is not there. Use a video file, a folder of frames, or pan:IMAGE.")
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    refused(tmp_path / "broken.mp4", "broken.mp4 cannot be read as a video: ")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty holds no images. Use a folder of frames", fps=3)
    save_frames(tmp_path / "shot", 2)
    refused(tmp_path / "shot", "nothing says how fast the 2 frames of ")
    Image.new("RGB", (9, 9)).save(tmp_path / "shot" / "frame7.png")
    refused(tmp_path / "shot", "frame7.png is 9x9 and frame0.png is 8x12. Use frames of one size.", fps=3)
    save_frames(tmp_path / "one", 1)
    refused(tmp_path / "one", "one has 1 frames, and nothing changes in one", fps=3)
    (tmp_path / "one" / "frame1.png").write_bytes(b"no image")
    refused(tmp_path / "one", "frame1.png", fps=3)
    refused([], "there are 0 clips")
    refused(torch.zeros(2, 3, 4, 4), "nothing says how fast 2 frames follow each other. Pass fps=30.")
    with pytest.raises(TypeError, match="clip is a int"):
        open_clips(3)


def test_a_phone_held_upright_is_read_upright(tmp_path: Path):
    """A file that says to turn by a quarter clockwise, as telephones do: what is left on the sensor is on top."""
    import av

    file = tmp_path / "upright.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        image = Image.new("RGB", (64, 32), (0, 0, 0))
        image.paste((255, 255, 255), (0, 0, 32, 32))
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    content = file.read_bytes()
    one, zero, minus = (number.to_bytes(4, "big", signed=True) for number in (1 << 16, 0, -1 << 16))
    place = content.index(one + 3 * zero + one, content.index(b"tkhd"))
    file.write_bytes(content[:place] + zero + one + zero + minus + zero + content[place + 20 :])
    [clip] = open_clips(file)
    assert clip.size == (64, 32)
    assert float(clip.pixels(0, 1)[..., :30, :].mean()) > 0.95
    assert float(clip.pixels(0, 1)[..., 34:, :].mean()) < 0.05


def film(file: Path, seconds: int = 2, size: tuple[int, int] = (64, 48), **options: str) -> Path:
    """Write noise that moves, ten frames a second."""
    import av

    with av.open(str(file), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(10 * seconds):
            noise = torch.randint(256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(number))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise.byte().numpy(), format="rgb24")))
        container.mux(stream.encode(None))
    return file


def test_a_video_that_is_cut_is_refused(tmp_path: Path):
    file = film(tmp_path / "a.mp4", movflags="faststart")
    content = file.read_bytes()
    assert len(open_clips(file)[0]) == 20
    for share in (0.3, 0.6, 0.8):
        file.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match=r"a.mp4 (is broken at frame \d+|ends after .* seconds|cannot be read)"):
            open_clips(file)


def test_a_video_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import antialias.clips._open as opening

    file = film(tmp_path / "a.mp4")
    monkeypatch.setattr(opening, "_MOST", 10 * 64 * 48 * 3)
    refused(file, "a.mp4 has 11 frames or more of 48x64, and 10 of that size are held at most (0 MiB). Use a shorter")
    monkeypatch.setattr(opening, "_MOST", 100)
    refused(file, "a.mp4 has 1 frames or more of 48x64, and 0 of that size are held at most")
    save_frames(tmp_path / "shot", 3)
    refused(tmp_path / "shot", "shot has 3 frames or more of 8x12, and 0 of that size are held at most", fps=3)


@pytest.mark.parametrize(
    "content", ["#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{0}\n", "ffconcat version 1.0\nfile {0}\n"]
)
def test_a_playlist_opens_no_other_file(tmp_path: Path, content: str):
    film(tmp_path / "other.mp4")
    (tmp_path / "a.mp4").write_text(content.format("other.mp4"))
    refused(tmp_path / "a.mp4", "a.mp4 cannot be read as a video: ")


def test_sound_is_no_video(tmp_path: Path):
    import av

    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.sample_rate = 8000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused(tmp_path / "sound.wav", "sound.wav holds no video. Use a video file.")


def test_a_codec_that_nobody_knows_is_named(tmp_path: Path):
    import av

    with av.open(str(tmp_path / "known.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuvj420p")))
        container.mux(stream.encode(None))
    content = (tmp_path / "known.avi").read_bytes()
    assert b"MJPG" in content
    (tmp_path / "coded.avi").write_bytes(content.replace(b"MJPG", b"zzzz"))
    refused(tmp_path / "coded.avi", "coded.avi is coded in a way that PyAV cannot decode. Convert it")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "clip.mp4").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=re.escape("av is not installed. Run: pip install 'antialias[video]'")):
        open_clips(tmp_path / "clip.mp4")
