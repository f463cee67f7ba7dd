from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import antialias as aa
from antialias._extras import require

ROOT = Path(__file__).parents[1]
EXTRAS = {"torchvision", "timm", "lightning", "torchmetrics", "matplotlib", "skimage", "sklearn", "rich", "cyclopts"}


def run(code: str) -> str:
    process = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert process.stderr == ""
    return process.stdout


def test_import_brings_in_no_extra_and_no_warning():
    loaded = run("import antialias, sys; print(*{name.partition('.')[0] for name in sys.modules})").split()
    assert not EXTRAS & set(loaded)


def test_import_brings_in_little_more_than_torch():
    """Modules are counted, since seconds depend on who else is at work."""
    code = "import sys, torch; before = set(sys.modules); import antialias; print(*set(sys.modules) - before)"
    own, others = set(), set()
    for name in run(code).split():
        (own if name.partition(".")[0] == "antialias" else others).add(name)
    assert len(own) < 240
    assert {name.partition(".")[0] for name in others} <= {"torch", "safetensors", *sys.stdlib_module_names}
    assert len(others) < 30


def test_core_works_without_any_extra():
    hide = "import sys; sys.modules.update(dict.fromkeys({extras}))\n"
    work = """
import torch, antialias as aa
network = aa.models.TinyResNet(num_classes=4)
aa.convert_(network, aa.Adaptive())
print(aa.consistency(network, torch.rand(2, 3, 80, 80)).images)
"""
    assert run(hide.format(extras=EXTRAS) + work) == "2\n"


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ImportError, match=re.escape("timm is not installed. Run: pip install 'antialias[tasks]'")):
        require("timm", extra="tasks")


def test_an_import_error_inside_an_extra_is_passed_on(tmp_path, monkeypatch):
    (tmp_path / "broken_extra.py").write_text("import surely_not_installed")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        require("broken_extra", extra="tasks")


def test_every_public_name_exists_and_has_a_docstring():
    for package in (aa, aa.nn, aa.ops, aa.metrics, aa.models):
        for name in package.__all__:
            thing = getattr(package, name)
            assert thing.__doc__ or not isinstance(thing, type | FunctionType), f"{package.__name__}.{name}"


def test_the_readme_names_what_exists():
    text = (ROOT / "README.md").read_text()
    for name in set(re.findall(r"\baa\.((?:\w+\.)*\w+)", text)):
        thing = aa
        for part in name.split("."):
            thing = getattr(thing, part)
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / link).exists(), link


def test_the_readme_code_runs(tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    code = code.replace(
        "retrofit_(model, images)", "retrofit_(model, images, config=aa.retrofit.RetrofitConfig(steps=1))"
    )
    code = code.replace("diagnose(model, images)", "diagnose(model, images[:8])")
    torch.manual_seed(0)
    model = aa.models.TinyResNet(num_classes=4).eval()
    before = model.state_dict().keys()
    exec(code, {"model": model, "images": torch.rand(220, 3, 40, 40), "example": torch.zeros(1, 3, 64, 64)})
    assert (tmp_path / "model.safetensors").is_file()
    assert {name for name in model.state_dict() if ".antialias." not in name} == set(before)  # mending may add filters
