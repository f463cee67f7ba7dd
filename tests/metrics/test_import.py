from __future__ import annotations

import subprocess
import sys

import pytest

from antialias import metrics

NOT_NEEDED = ("torchmetrics", "torchvision", "timm", "lightning", "matplotlib")


def test_the_functions_need_torch_alone() -> None:
    code = f"import antialias.metrics, sys; print([name for name in {NOT_NEEDED} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert result.stderr == ""


def test_the_objects_need_torchmetrics_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(ImportError, match=r"torchmetrics is not installed\. Run: pip install 'antialias\[tasks\]'"):
        _ = metrics.FlipRate


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(AttributeError, match=r"module 'antialias\.metrics' has no attribute 'Consistency'"):
        metrics.__getattr__("Consistency")


def test_every_public_name_is_listed_and_there() -> None:
    assert {"FlipRate", "consistency", "Score"} <= set(dir(metrics))
    assert all(hasattr(metrics, name) for name in dir(metrics))
