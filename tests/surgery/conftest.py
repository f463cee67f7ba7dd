"""The zoo is defined once, beside the table that is made from it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load_zoo() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "zoo.py"
    spec = importlib.util.spec_from_file_location("zoo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


ZOO = _load_zoo()


@pytest.fixture(scope="session")
def zoo() -> ModuleType:
    return ZOO


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name_in_zoo" in metafunc.fixturenames:
        metafunc.parametrize("name_in_zoo", ZOO.ZOO, scope="module")
