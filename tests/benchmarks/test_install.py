"""The short form of `benchmarks/install.py`: every feature beside the core alone, from this checkout."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_core_alone_does_its_part_and_names_who_brings_the_rest(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("install", ROOT / "benchmarks" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(install := importlib.util.module_from_spec(spec))
    package = Path(shutil.make_archive(str(tmp_path / "antialias"), "zip", ROOT / "src"))
    install.environment("core", package, tmp_path / "core", None)
    says = install.works_in(tmp_path / "core", sys._base_executable)  # type: ignore[attr-defined]
    brought = {name: extras for name, (_, extras) in install.FEATURES.items() if extras}
    assert says.keys() == brought.keys(), says
    # Behind its line, which has tests of its own; and the page and pictures of a clip without its film.
    assert (says.pop("the command line"), says.pop("a film of a clip")) == ("SystemExit: 2", "AssertionError: ")
    for name, message in says.items():
        assert any(f"antialias[{extra}]" in message for extra in brought[name]), message
