"""The page about exports: its code runs."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    assert names["done"].difference < 1e-5
    assert names["eight"].bytes < names["done"].bytes / 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.onnx", "tiny_int8.onnx"]
