from __future__ import annotations

from pathlib import Path

import pytest
import torch

from antialias.mend._folder import Folder


def test_values_and_weights_come_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "run", {"network": "a"})
    folder["rows"] = [0.1, None]
    folder.keep_weights("fixed filters, learnt", {"w": torch.arange(3.0).expand(2, 3)})
    again = Folder(tmp_path / "run", {"network": "a"})
    assert "rows" in again
    assert again["rows"] == [0.1, None]
    assert torch.equal(again.weights("fixed filters, learnt")["w"], torch.arange(3.0).expand(2, 3))
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "fixed-filters-learnt.safetensors",
        "mend.json",
    ]


def test_without_a_path_nothing_is_written() -> None:
    folder = Folder(None, {})
    folder["rows"] = 1
    folder.keep_weights("student", {"w": torch.zeros(1)})
    assert (folder["rows"], folder.weights("student")["w"].tolist()) == (1, [0])
    assert folder.file("student", ".retrofit") is None


def test_another_mendings_folder_is_refused(tmp_path: Path) -> None:
    Folder(tmp_path, {"network": "a", "images": "b"})["x"] = 1
    with pytest.raises(ValueError, match="belongs to another mending: network differ"):
        Folder(tmp_path, {"network": "c", "images": "b"})


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mend.json").write_text("{")
    with pytest.raises(
        ValueError, match=r"mend.json is not JSON .*\. Remove it to start anew, or use another folder\."
    ):
        Folder(tmp_path, {})
    (tmp_path / "mend.json").write_text("{}")
    with pytest.raises(ValueError, match=r"holds no mending: .*mend.json has none. Remove it"):
        Folder(tmp_path, {})


def test_weights_that_are_torn_or_gone_are_told_of(tmp_path: Path) -> None:
    Folder(tmp_path, {}).keep_weights("student", {"w": torch.zeros(3)})
    file = tmp_path / "student.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"student.safetensors is torn or gone .*\. Remove .* to start anew, or use"):
        Folder(tmp_path, {}).weights("student")
    file.unlink()
    with pytest.raises(ValueError, match="student.safetensors is torn or gone"):
        Folder(tmp_path, {}).weights("student")
