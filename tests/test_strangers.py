"""Hostile files: a few of each kind, spoilt by a seed; docs/strangers.md says how to try many."""

from __future__ import annotations

import importlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz import _watch
from fuzz._seeded import try_each
from fuzz._target import Target
from fuzz._watch import SECRET, TRAP, Watch
from fuzz.targets import TARGETS

from antialias._files import parsed


def escape(path: Path) -> None:
    (path.parent.parent / "beside").write_text("a")


def swallow(path: Path) -> None:
    try:
        os.system("true")
    except Exception:
        return


ALLOWANCE = {"recognised": 8, "named": 16, "config": 8}
"""How many files of a target are tried: fewer where each takes long."""


@pytest.mark.parametrize("name", TARGETS)
def test_files_of_strangers_are_read_or_refused_with_a_message(name: str) -> None:
    tally = try_each(name, TARGETS[name], ALLOWANCE.get(name, 40), seed=0)
    assert not tally.faults, "\n".join(f"{place}: {reason}" for place, (reason, _) in tally.faults.items())


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "an error of Python's own": (lambda path: int(path.read_text()), "raised elsewhere: ValueError"),
    "an error of this package that names no file": (
        lambda path: parsed(path.read_bytes(), "Use another.", name="a text"),
        "does not name the file: ValueError: a text is not JSON",
    ),
    "a file beside the folder": (escape, "does what no file may: open .*/beside w"),
    "a secret": (lambda path: (path.parent.parent / SECRET).read_text(), "does what no file may: open .*/secret r"),
    "a command, whatever becomes of it": (swallow, "does what no file may: os.system"),
    "a process": (lambda path: subprocess.run(["true"]), "does what no file may: subprocess.Popen"),
    "an import": (lambda path: importlib.import_module(TRAP), f"does what no file may: .*{TRAP}"),
    "code": (lambda path: compile(path.read_text(), "a", "eval"), "does what no file may: compile"),
    "memory": (lambda path: len(b"a" * (2**30 + 2**26)), "takes 1.1 GiB"),
    "a file in the folder": (lambda path: path.with_name("new").write_text("a"), "leaves .*new"),
    "time": (lambda path: [time.sleep(0.01) for _ in range(10_000)], r"takes \d s"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_a_file_must_not_bring_about_is_noticed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reason = FAULTS[case]
    monkeypatch.setattr(_watch, "SECONDS", 0.3 if case == "time" else 10)
    watch = Watch(Target(file="a.json", seeds=list, read=read, mutate=lambda content, random: content))
    outcome = watch.judge(b"1 + 1 == 2")
    assert outcome.kind == "fault"
    assert_matches(outcome.reason, reason)


def test_a_refusal_with_a_message_and_a_file_that_is_read_are_no_faults() -> None:
    target = Target(
        file="a.json", seeds=lambda: [b"{}"], read=lambda path: parsed(path, "Use another."), mutate=lambda c, r: c
    )
    watch = Watch(target)
    assert watch.judge(b"{}").kind == "read"
    refused = watch.judge(b"{")
    assert refused.kind == "refused"
    assert_matches(refused.reason, r"ValueError: .*a.json is not JSON .*Use another")


def assert_matches(text: str, pattern: str) -> None:
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(text)
