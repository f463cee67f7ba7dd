"""A file is the former one until the next is whole, and texts of strangers are parsed or refused."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Literal

import pytest
import torch

from antialias._files import in_one_move, parsed, write_whole
from antialias._tensors import read_archive


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

    with pytest.raises(type(fault)) as raised:
        write()
    if isinstance(fault, OSError):
        assert raised.value.errno == 28  # type: ignore[attr-defined]
        assert str(raised.value) == (
            f"{path} cannot be written: No space left on device. What was there before still is. "
            "Make room there, or use another folder."
        )
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_is_blamed_for_what_came_of_it(tmp_path: Path) -> None:
    class Full:
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None: ...

    with (
        pytest.raises(OSError, match="a.pt cannot be written: No space left on device"),
        in_one_move(tmp_path / "a.pt"),
    ):
        torch.save({"w": torch.zeros(3)}, Full())  # which raises a RuntimeError without a word of the disk
    with pytest.raises(RuntimeError, match="unrelated"), in_one_move(tmp_path / "a.pt"):
        raise RuntimeError("unrelated")


def test_what_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/a.txt cannot be written: (Not a directory|File exists).* Use another fol"):
        write_whole(tmp_path / "file" / "a.txt", "whole")


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    path = tmp_path / "a[1].txt"
    stale, alive = (tmp_path / f"{path.name}.{pid}.part" for pid in (ended.pid, os.getppid()))
    for part in (stale, alive, other := tmp_path / f"b.txt.{ended.pid}.part"):
        part.write_text("half")
    write_whole(path, "whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, alive, other])


def test_an_archive_is_read_if_every_byte_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"w": torch.arange(100.0)}, path)
    assert read_archive(path, "Fix.")["w"].equal(torch.arange(100.0))
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        place = max(archive.infolist(), key=lambda each: each.file_size).header_offset + 200
    for torn in (whole[:0], whole[:50], whole[:-1], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
        path.write_bytes(torn)
        with pytest.raises(ValueError, match=r"a.pt is torn, or no file of torch.save \(.*\). Fix\."):
            read_archive(path, "Fix.")


FIX = "Use a file of ours."
REFUSED = {
    "cut": (b'{"a": ', "JSON", "Expecting value"),
    "empty": (b"", "JSON", "Expecting value"),
    "list": (b"[1]", "JSON", "a list, no object"),
    "null": (b"null", "JSON", "a NoneType, no object"),
    "not UTF-8": (b'{"a": "\xff"}', "JSON", "'utf-8' codec can't decode byte 0xff in position 7"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "JSON", "'utf-8' codec can't decode byte 0xff in position 0"),
    "endless nesting": (b'{"a":' * 100_000, "JSON", "nested more than 64 deep"),
    "nesting beyond what repr shows": (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "JSON", "nested more than 64 deep"),
    "half of a pair": (b'{"a": "\\ud800"}', "JSON", "surrogates not allowed"),
    "digits without end": (b'{"a": 1' + b"0" * 5000 + b"}", "JSON", "Exceeds the limit"),
    "no TOML": (b"a = ", "TOML", "Invalid value"),
    "TOML that is nested": (b"a = " + b"[" * 100_000, "TOML", "nested more than 64 deep"),
    "TOML with a long key": (b".".join([b"a"] * 100) + b" = 1", "TOML", "nested more than 64 deep"),
    "TOML that is not UTF-8": (b'a = "\xff"', "TOML", "'utf-8' codec can't decode byte 0xff in position 5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_text_that_cannot_be_read_is_refused_with_its_file_and_a_fix(case: str, tmp_path: Path) -> None:
    content, kind, reason = REFUSED[case]
    path = tmp_path / "a"
    path.write_bytes(content)
    message = rf"^{re.escape(str(path))} is not {kind} \(.*{re.escape(reason)}.*\)\. {FIX}$"
    with pytest.raises(ValueError, match=message):
        parsed(path, FIX, kind=kind)
    with pytest.raises(ValueError, match=rf"^The request is not {kind} \("):
        parsed(content, FIX, name="The request", kind=kind)


def test_text_is_not_read_beyond_a_size(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # of holes
    message = (
        rf"{re.escape(str(path))} has 1,099,511,627,776 bytes, more than the 67,108,864 that are read as JSON\. {FIX}"
    )
    with pytest.raises(ValueError, match=message):
        parsed(path, FIX)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"a": [[1]], "b": "\\ud83d\\ude00"}', "JSON"),
        (b'\xef\xbb\xbf{"a": [[1]], "b": "\xf0\x9f\x98\x80"}', "JSON"),  # as Windows writes it
        (b'a = [[1]]\nb = "\xf0\x9f\x98\x80"', "TOML"),
    ],
)
def test_what_is_written_properly_is_read(content: bytes, kind: Literal["JSON", "TOML"]) -> None:
    assert parsed(content, FIX, name="a", kind=kind) == {"a": [[1]], "b": "😀"}


def test_values_may_be_nested_as_deep_as_is_said() -> None:
    assert parsed(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}", FIX, name="a")
