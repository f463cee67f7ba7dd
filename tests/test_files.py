"""A file is the former one until the next is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from antialias._files import in_one_move


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with in_one_move(path) as unfinished:
        unfinished.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    with in_one_move(link) as unfinished:
        unfinished.write_text("whole")
    assert link.is_symlink()
    assert file.read_text() == "whole"


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "stop"])
def test_a_fault_leaves_the_former_file(fault: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("former")

    def write() -> None:
        with in_one_move(path) as unfinished:
            unfinished.write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        write()
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]
