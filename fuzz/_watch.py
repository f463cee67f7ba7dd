"""What counts as a fault while a file is read: how it ends, what it touches, how long it takes and how much memory."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import antialias

from ._target import Target

SOURCE = Path(antialias.__file__).parent
SECRET, TRAP = "secret", "strangers_trap"
"""A file outside of the folder, and a module, that files name and nothing may open or import."""
SECONDS, BYTES = 10.0, 2**30
_NEVER = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "subprocess.Popen", "pty.spawn"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate"),
    *("os.utime", "os.putenv", "shutil.rmtree", "shutil.move", "shutil.copyfile", "webbrowser.open", "code.__new__"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Forbidden(BaseException):
    """Something was about to happen that no file may bring about. It is no `Exception`, so that nobody handles it."""


class TooLong(BaseException):
    """A file takes too long; raised in the thread that reads it, as soon as that runs Python."""


@dataclass(frozen=True)
class Outcome:
    """How reading a file ended.

    Attributes:
        kind: `"read"`, `"refused"` or `"fault"`.
        reason: What happened, in a line.
        place: Where, so that equal faults are one.
    """

    kind: str
    reason: str = ""
    place: str = ""


@dataclass
class Watch:
    """Read files of a target in a folder and judge what happens. One at a time: audit hooks cannot be taken away.

    Attributes:
        target: What is read.
        folder: Where its file lies, one of its own in a new one, which goes when Python ends.
    """

    target: Target
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="fuzz-")).resolve() / "inside")

    def __post_init__(self) -> None:
        self.path = self.folder / self.target.file
        self.path.parent.mkdir(parents=True)
        atexit.register(shutil.rmtree, self.folder.parent, ignore_errors=True)
        (self.folder.parent / SECRET).write_text("Nobody reads this.")
        (self.folder.parent / f"{TRAP}.py").write_text("raise SystemError('a file had a module imported')\n")
        sys.path.append(str(self.folder.parent))
        self.target.prepare(self.folder)
        self.before = self._listing()
        for seed in self.target.seeds():  # imports what is imported late, and has to be read
            outcome = self.judge(seed, armed=False)
            if outcome.kind != "read":
                raise AssertionError(f"a good file of {self.target.file} is not read: {outcome}")

    def judge(self, content: bytes, *, armed: bool = True) -> Outcome:
        """Read one file.

        Args:
            content: Of the file.
            armed: What must not happen is stopped.
        """
        self.path.write_bytes(content)
        _forget_peak()
        memory, start = _memory("VmRSS"), time.perf_counter()
        error: BaseException | None = None
        clock = threading.Timer(SECONDS + 1, _stop, [threading.get_ident()])
        clock.daemon = True
        clock.start()
        _AUDIT.begin(self.folder, content) if armed else None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.target.read(self.path)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as caught:
            error = caught
        finally:
            clock.cancel()
            seen = _AUDIT.end()
        took, more = time.perf_counter() - start, _memory("VmHWM") - memory
        place = _place_of(error)
        if seen:
            return Outcome("fault", f"does what no file may: {seen[0]}", seen[0].split()[0] + place)
        if took > SECONDS:
            return Outcome("fault", f"takes {took:.0f} s", f"time {place}")
        if more > BYTES:
            return Outcome("fault", f"takes {more / 2**30:.1f} GiB", f"memory {place}")
        if (after := self._listing()) != self.before:
            self._tidy(after)
            return Outcome("fault", f"leaves {sorted(after.items() ^ self.before.items())[:2]}", f"files {place}")
        return Outcome("read") if error is None else self._judged(error, place)

    def _judged(self, error: BaseException, place: str) -> Outcome:
        """Say whether an error is a promised one, of this package's own, with a message that names the file."""
        words = self.target.says or (self.path.name, self.folder.name)
        message, kind = str(error), type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        reason = f"{kind}: {message.strip()[:300]}"
        if not Path(frames[-1].filename).is_relative_to(SOURCE):
            return Outcome("fault", f"raised elsewhere: {reason}", place)
        if not isinstance(error, self.target.promised):
            return Outcome("fault", f"not promised: {reason}", place)
        if not any(word in message for word in words):
            return Outcome("fault", f"does not name the file: {reason}", place)
        if (longest := max(map(len, message.splitlines()))) > 5000:  # a fault a line, of as many as there are
            return Outcome("fault", f"a line of {longest} letters: {reason}", place)
        return Outcome("refused", reason, place)

    def _listing(self) -> dict[str, tuple[int, int]]:
        """Return size and time of what lies in and beside the folder, but for the file itself."""
        files = [path for path in self.folder.parent.rglob("*") if path.is_file() and path != self.path]
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    def _tidy(self, after: dict[str, Any]) -> None:
        for name in after.keys() - self.before.keys():
            Path(name).unlink()
        self.before = self._listing()


def _stop(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TooLong))


def _place_of(error: BaseException | None) -> str:
    """Return the file and function of this package that an error came out of, and where it was raised."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(SOURCE)]
    near = f"{Path(own[-1].filename).relative_to(SOURCE)}:{own[-1].lineno}" if own else ""
    return f"{type(error).__name__} {near} {Path(frames[-1].filename).name}:{frames[-1].name}"


def _memory(name: str) -> int:
    """Return a number of `/proc/self/status` in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(f"{name}:")[2].split(None, 1)[0])


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


class _Audit:
    """What Python reports of all that runs in it, looked at while a file is read."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.active, self.folder, self.content = False, "", b""
        sys.addaudithook(self)

    def begin(self, folder: Path, content: bytes) -> None:
        self.seen, self.folder, self.content, self.active = [], str(folder), content, True

    def end(self) -> list[str]:
        self.active = False
        return self.seen

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        self.active = False  # what follows is looked at by itself
        try:
            bad = event in _NEVER or self._is_bad(event, args)
            if event == "code.__new__" and str(args[1]).startswith("av/"):  # what Cython makes for a traceback
                bad = False
        finally:
            self.active = True
        if bad:
            self.seen.append(f"{event} {' '.join(str(each)[:80] for each in args[:2])}")
            raise Forbidden(self.seen[-1])

    def _is_bad(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            return self._is_bad_open(*args)
        if event == "import":
            return str(args[0]).partition(".")[0] == TRAP
        if event == "compile":
            source = args[0].encode() if isinstance(args[0], str) else args[0]
            return isinstance(source, bytes) and len(source) > 3 and source in self.content
        return False

    def _is_bad_open(self, path: Any, mode: Any, flags: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False  # a file that is open already
        place = os.path.realpath(os.fsdecode(path))
        if place == os.devnull:
            return False
        if os.path.basename(place) in (SECRET, f"{TRAP}.py"):
            return True
        return bool(flags & _WRITES) and not place.startswith(self.folder + os.sep)


_AUDIT = _Audit()
