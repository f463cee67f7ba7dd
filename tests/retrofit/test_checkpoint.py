from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from antialias.retrofit._checkpoint import Checkpoint

CPU = torch.device("cpu")
MADE_FROM = {"recipe": "a", "pictures": "b"}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.pt"
    Checkpoint(path, MADE_FROM).write({"step": 3, "best": {"w": torch.arange(3.0)}})
    state = Checkpoint(path, MADE_FROM).read(CPU)
    assert state is not None
    assert state["step"] == 3
    assert state["best"]["w"].equal(torch.arange(3.0))
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "run.pt", MADE_FROM).read(CPU) is None


def test_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    Checkpoint(path, MADE_FROM).write({})
    with pytest.raises(ValueError, match="belongs to another run: pictures differ. Use the arguments it was made with"):
        Checkpoint(path, {**MADE_FROM, "pictures": "c"}).read(CPU)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    path.write_text("no checkpoint")
    with pytest.raises(
        ValueError, match=r"run.pt is torn, or no file of torch.save \(File is not a zip file\). Remove"
    ):
        Checkpoint(path, MADE_FROM).read(CPU)
    torch.save([1], path)
    with pytest.raises(ValueError, match=r"run.pt' is no state of a retrofit. Remove it to start anew, or use another"):
        Checkpoint(path, MADE_FROM).read(CPU)


def test_an_interrupted_write_leaves_the_last_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.pt"
    Checkpoint(path, MADE_FROM).write({"step": 1})

    def die(state: object, file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", die)
    with pytest.raises(KeyboardInterrupt):
        Checkpoint(path, MADE_FROM).write({"step": 2})
    state = Checkpoint(path, MADE_FROM).read(CPU)
    assert state is not None
    assert state["step"] == 1
