"""One process at a time, and nothing to clear away after a kill."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from antialias._lock import alone


def _hold(path: Path, held: Any) -> None:
    with alone(path):
        held.set()
        signal.pause()


def test_a_second_process_is_told_who_holds_the_lock_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    path, fork = tmp_path / "new" / ".lock", multiprocessing.get_context("fork")
    held = fork.Event()
    holder = fork.Process(target=_hold, args=(path, held))
    holder.start()
    assert held.wait(60)
    said = rf"new/.lock is held by process {holder.pid} on \S+: another run writes there. Wait until it ends, or use an"
    for _ in range(2):
        with pytest.raises(BlockingIOError, match=said), alone(path):
            pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert path.exists()
    with alone(path):
        pass
    assert not path.exists()


def test_threads_of_one_process_are_kept_apart_too(tmp_path: Path) -> None:
    raised: list[str] = []

    def second() -> None:
        try:
            with alone(tmp_path / ".lock"):
                pass
        except BlockingIOError as error:
            raised.append(str(error))

    with alone(tmp_path / ".lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert (tmp_path / ".lock").exists()
    assert re.search(r"\.lock is held by this process: another run writes there", raised[0])
    with alone(tmp_path / ".lock"), alone(None), alone(tmp_path / "other.lock"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_that_its_holder_has_just_removed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, lockf, calls = tmp_path / ".lock", fcntl.lockf, []

    def remove_first(file: int, how: int) -> None:
        if not calls:
            path.unlink()
        calls.append(how)
        lockf(file, how)

    monkeypatch.setattr(fcntl, "lockf", remove_first)
    with alone(path):
        assert len(calls) == 2
        assert path.read_text().startswith(f"{os.getpid()} on ")


def test_a_file_system_without_locks_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", none)
    said = r"has no locks \(No locks available\), so that nothing keeps a second run from writing there. Start one at a"
    with pytest.warns(UserWarning, match=said), alone(tmp_path / ".lock"):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match=r"file/.lock cannot be written: .* Use another folder"),
        alone(tmp_path / "file/.lock"),
    ):
        pass
