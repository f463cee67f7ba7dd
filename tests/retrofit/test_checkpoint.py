from __future__ import annotations

from pathlib import Path

import pytest
import torch

from antialias.retrofit import _checkpoint

CPU = torch.device("cpu")
MADE_FROM = {"recipe": "a", "pictures": "b"}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.pt"
    _checkpoint.write(path, {"step": 3, "best": {"w": torch.arange(3.0)}}, MADE_FROM)
    state = _checkpoint.read(path, MADE_FROM, CPU)
    assert state is not None
    assert state["step"] == 3
    assert state["best"]["w"].equal(torch.arange(3.0))
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert _checkpoint.read(tmp_path / "run.pt", MADE_FROM, CPU) is None


def test_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    _checkpoint.write(path, {}, MADE_FROM)
    with pytest.raises(ValueError, match="belongs to another run: pictures differ. Use the arguments it was made with"):
        _checkpoint.read(path, {**MADE_FROM, "pictures": "c"}, CPU)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    path.write_text("no checkpoint")
    with pytest.raises(ValueError, match=r"run.pt' is no checkpoint of a retrofit. Use another path."):
        _checkpoint.read(path, MADE_FROM, CPU)


def test_an_interrupted_write_leaves_the_last_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.pt"
    _checkpoint.write(path, {"step": 1}, MADE_FROM)

    def die(state: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", die)
    with pytest.raises(KeyboardInterrupt):
        _checkpoint.write(path, {"step": 2}, MADE_FROM)
    state = _checkpoint.read(path, MADE_FROM, CPU)
    assert state is not None
    assert state["step"] == 1
