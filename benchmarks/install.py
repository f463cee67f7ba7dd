"""What works in an environment that holds the core, or one extra, and nothing else.

    python benchmarks/install.py [--python PYTHON --site FOLDER] [--out benchmarks/install.csv]      # five minutes

A wheel of this checkout is built by the project's own configuration. Each environment is a folder of links to what pip
would install of the extra (from the metadata of what is installed here), with the wheel unpacked beside them; a fresh
interpreter sees it alone. In each, every feature works or ends with one line that names the extra that brings it.
`--site` holds another torch, or one for another Python, which is linked first.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# Lines of Python, run after `PRELUDE`, and the extras any of which brings what they need; none: the core alone.
PRELUDE = """
import tempfile, torch, antialias as aa
from torch import nn
torch.manual_seed(0)
def build():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5),
    ).eval()
network, images, folder = build(), torch.rand(96, 3, 64, 64), tempfile.mkdtemp()
"""
RUNNER = """
import json, sys
says = {}
for name, code in json.loads(sys.argv[2]).items():
    try:
        exec(sys.argv[1] + code, {})
    except BaseException as error:
        says[name] = f"{type(error).__name__}: {error}".splitlines()[0]
print()
print(json.dumps(says))
"""
PASSED_ON = ("ATEN_CPU_CAPABILITY", "ANTIALIAS_INSTRUCTION_SET")
CONVERT = "aa.convert_(network, aa.Adaptive(groups=4), example=images[:1])\n"
LEARN = "learn = aa.retrofit.RetrofitConfig(steps=2, window=48, passes=1, margin=0.05)\n"
FEATURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "inspect": ("assert aa.inspect(network, images[:1]).changed", ()),
    "diagnose": ("aa.diagnose(network, images[:8])", ()),
    "convert, save, load": (
        f"{CONVERT}aa.save(network, folder + '/n.safetensors')\n"
        "assert torch.equal(aa.load(folder + '/n.safetensors', build())(images), network(images))",
        (),
    ),
    "train a filter": (f"{CONVERT}network(images).square().sum().backward()", ()),
    "consistency": ("aa.consistency(network, images, window=48)", ()),
    "flicker": ("aa.flicker(network, images[:8], fps=30)", ()),
    "retrofit": (f"{CONVERT}{LEARN}aa.retrofit_(network, images, original=build(), config=learn)", ()),
    "mend": (
        f"{LEARN}config = aa.mend.MendConfig(retrofit=learn, window=48, passes=1, most=2, keep=1, confirm=1)\n"
        "aa.mend_(network, images, checkpoint=folder + '/c', margin=0.05, config=config)",
        (),
    ),
    "export to a program": ("aa.export(network, folder + '/n.pt2', to='program', example=images[:2])", ()),
    "export to ONNX": ("aa.export(network, folder + '/n.onnx', example=images[:2])", ("export",)),
    "torchvision's networks": ("aa.models.build('torchvision:resnet18')", ("tasks", "explore", "all")),
    "timm's networks": ("aa.models.build('timm:resnet10t')", ("tasks", "all")),
    "the command line": ("from antialias.cli import main; main(['backends'])", ("cli", "explore", "all")),
    "train": (
        "from antialias.tasks import TrainConfig, fit\n"
        "small = dict(size=40, window=32, epochs=1, batch_size=16, train_length=32, test_length=16)\n"
        "fit(TrainConfig(**small, accelerator='cpu', out=folder))",
        ("tasks", "all"),
    ),
    "a page": (
        "from antialias.report import diagnosis_report, write\n"
        "write(diagnosis_report([aa.diagnose(network, images[:8])]), folder)",
        (),
    ),
    "a film of a clip": ("assert len(aa.flicker(network, images[:8], fps=30).write(folder)) == 3", ("video", "all")),
}


def installed_by(requirements: list[str]) -> dict[str, Distribution]:
    """Return what pip would install, as far as it is installed here."""
    found: dict[str, Distribution] = {}
    done, todo = set(), [Requirement(each) for each in requirements]
    while todo:
        wanted = todo.pop()
        for extra in {"", *wanted.extras} - {known for name, known in done if name == wanted.name}:
            done.add((wanted.name, extra))
            if wanted.name == PROJECT["name"]:
                needs = EXTRAS.get(extra, [])
            else:
                found[wanted.name] = distribution(wanted.name)
                needs = found[wanted.name].requires or []
            new = [Requirement(each) for each in needs]
            todo += [each for each in new if each.marker is None or each.marker.evaluate({"extra": extra})]
    return found


def environment(extra: str, wheel: Path, folder: Path, site: Path | None) -> None:
    """Fill a folder with links to what an extra brings, and with the wheel."""
    folder.mkdir()
    for path in site.iterdir() if site else ():
        (folder / path.name).symlink_to(path)
    for each in installed_by([*PROJECT["dependencies"], f"antialias[{extra}]"]).values():
        for name in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            if not (folder / name).exists() and Path(str(each.locate_file(name))).exists():
                (folder / name).symlink_to(str(each.locate_file(name)))
    ZipFile(wheel).extractall(folder)


def works_in(folder: Path, python: str) -> dict[str, str]:
    """Run every feature in an environment; return what each ends with, nothing where it works."""
    variables = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    variables |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    lines = json.dumps({name: code for name, (code, _brought_by) in FEATURES.items()})
    words = [python, "-S", "-s", "-P", "-c", RUNNER, PRELUDE, lines]
    done = subprocess.run(words, capture_output=True, text=True, env=variables, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{folder.name} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Fill the matrix and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", default=sys._base_executable, help="the interpreter that runs the features")
    parser.add_argument("--site", type=Path, help="a folder with a torch for it, linked in place of the one here")
    parser.add_argument("--extras", nargs="+", default=["core", *(each for each in EXTRAS if each != "dev")])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", scratch, ROOT],
            check=True,
        )
        (wheel,) = Path(scratch).glob("*.whl")
        rows = []
        for extra in options.extras:
            folder = Path(scratch) / extra
            try:
                environment(extra, wheel, folder, options.site)
            except PackageNotFoundError as error:
                print(f"{extra}: {error}")
                continue
            faults = works_in(folder, options.python)
            for feature, (_code, brought_by) in FEATURES.items():
                row = {"environment": extra, "feature": feature, "expected": extra in brought_by or not brought_by}
                rows.append({**row, "works": feature not in faults, "says": faults.get(feature, "")})
                print(*rows[-1].values(), sep=" | ", flush=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
