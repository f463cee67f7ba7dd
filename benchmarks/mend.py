"""Mend networks with real weights on photographs, and write every remedy with its scores and its cost.

    python benchmarks/mend.py --data DIR [--network antialias:MobileNetV2] [--budget 4] [--steps 0]   # goes on

DIR has a folder of crops, 256 pixels wide and high, for each photograph; no photograph is in two parts. Networks see
windows of 224 pixels. With `--onnx` every remedy runs in ONNX Runtime, whose answers are those of torch, in a quarter
of the time; the column of times stays empty then. Rows of `benchmarks/mend.csv` are remedies on one network:
multiply-adds and time relative to the network as it is; flips (mean over 1, 2 and 3 pixels in three directions),
consistency, mean absolute change, confidence and agreement with the original's shift average, each with the paired
difference from the network as it is and its 95 % interval over photographs. All of photographs that neither taught nor
chose. `chosen` says for which budgets the choosing photographs chose it: fewest flips there, by an interval that
excludes zero, among what costs no more and loses at most `--margin` of agreement.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from curve import AS_IT_IS, in_onnx_runtime
from pages import change_in_points, replace_rows, write_between
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.io import ImageReadMode, decode_image

import antialias as aa
from antialias.mend import MendConfig, Mending, Remedy, Trial, mend_
from antialias.metrics import normalization_of
from antialias.models import build
from antialias.retrofit import RetrofitConfig
from antialias.surgery import conversion_of

OUT = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[1] / "docs" / "mending.md"
MARKS = ("<!-- written by benchmarks/mend.py -->", "<!-- end -->")
BUDGETS = (1.1, 2.0, 4.0)
SCORES = ("flips", "consistency", "mean_absolute_change", "confidence", "agreement")


class Crops(Dataset[Tensor]):
    """Crops of photographs, each in a folder named as the photograph.

    Args:
        files: The crops.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files, self.sources = list(files), [file.parent.name for file in files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        return decode_image(str(self.files[index]), ImageReadMode.RGB).float() / 255


def split(folder: Path, *, each: int, held_out: int, most: int, seed: int) -> tuple[Crops, Crops]:
    """Return crops to learn from and choose by, and crops of other photographs to report on.

    Args:
        folder: Holds a folder for each photograph.
        each: Crops of a photograph.
        held_out: Photographs to report on.
        most: Photographs to learn from and choose by, at most.
        seed: Chooses the photographs.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    chosen = [names[i] for i in order]
    parts = (chosen[held_out : held_out + most], chosen[:held_out])
    files = [[file for name in part for file in sorted((folder / name).iterdir())[:each]] for part in parts]
    return Crops(files[0]), Crops(files[1])


def run_in_onnx_runtime() -> None:
    """Let every copy of a network with a remedy run in ONNX Runtime."""
    on_copy, running = Remedy.on_copy, dict[str, nn.Module]()

    def on_exported_copy(remedy: Remedy, model: nn.Module, example: Any) -> nn.Module:
        if remedy.shifts is not None:  # whose copies no graph can count
            network = on_exported_copy(AS_IT_IS, model, example)
            return aa.convert_(network, remedy.shifts, example=example).model
        if remedy.name not in running:
            running[remedy.name] = in_onnx_runtime(on_copy(remedy, model, example), example, normalization_of(model))
        if (conversion := conversion_of(running[remedy.name])) is not None:
            conversion.revert_()
        return running[remedy.name]

    Remedy.on_copy = on_exported_copy  # type: ignore[method-assign]


def rows(network: str, mending: Mending, margin: float, timed: bool) -> list[dict[str, Any]]:
    """Return a row for each trial that was reported, and say for which budgets it was chosen.

    Args:
        network: Name of the network.
        mending: What was tried.
        margin: The most agreement that may be lost on the choosing photographs.
        timed: The times are of one runtime.
    """
    reported = [trial for trial in mending.table if trial.scores]
    chosen = {budget: best(reported, budget, margin) for budget in BUDGETS}
    table = []
    for trial in reported:
        row: dict[str, Any] = {
            "network": network,
            "remedy": trial.name,
            "multiply_adds": f"{trial.cost:.3f}",
            "time": f"{trial.time:.2f}" if timed else "",
            "chosen": " ".join(f"{budget:g}" for budget, one in chosen.items() if one is trial),
        }
        for name in SCORES:
            row[name] = f"{trial.scores[name].value:.4f}"
            if trial.changes:
                change = trial.changes[name]
                row[f"{name}_difference"] = f"{change.value:+.4f}"
                row[f"{name}_interval"] = "{:+.4f} {:+.4f}".format(*change.interval)
        row |= {"photographs": trial.scores["flips"].images, "images": mending.images["report"]}
        table.append(row)
    return table


def best(trials: Sequence[Trial], budget: float, margin: float) -> Trial | None:
    """Return what the choosing photographs choose within a budget, if anything."""
    fitting = [
        trial
        for trial in trials
        if trial.choosing is not None and trial.cost <= budget + 1e-9 and trial.agreeing >= -margin - 1e-6
    ]
    found = min(fitting, key=lambda trial: (trial.choosing.value, trial.cost), default=None)
    return found if found is not None and found.choosing.interval[1] < 0 else None


def write_page() -> None:
    """Write the table into the documentation."""
    lines = []
    for network in dict.fromkeys(row["network"] for row in csv.DictReader(OUT.open())):
        table = [row for row in csv.DictReader(OUT.open()) if row["network"] == network]
        lines += [
            f"{network}, {table[0]['images']} crops of {table[0]['photographs']} photographs:",
            "",
            "| remedy | cost | flips | difference, points | consistency | confidence | agreement | chosen within |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in table:
            shown = [f"{100 * float(row[name]):.1f}" for name in SCORES if name != "mean_absolute_change"]
            flips, consistency, confidence, agreement = shown
            cells = [row["remedy"], f"{float(row['multiply_adds']):.2f}", flips, change_in_points(row, "flips")]
            lines.append(f"| {' | '.join([*cells, consistency, confidence, agreement, row['chosen']])} |")
        lines.append("")
    write_between(PAGE, MARKS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--network", default="antialias:MobileNetV2")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--budget", type=float, default=4.0)
    parser.add_argument("--margin", type=float, default=0.02)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--each", type=int, default=2)
    parser.add_argument("--held-out", type=int, default=64)
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--remedies", type=int, default=12)
    parser.add_argument("--keep", type=int, default=7)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--onnx", action="store_true")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/mend"))
    given = parser.parse_args()
    images, held_out = split(given.data, each=given.each, held_out=given.held_out, most=given.most, seed=given.seed)
    print(f"{len(images)} crops teach and choose, {len(held_out)} report")
    model = build(given.network, weights=given.weights).eval().to(memory_format=torch.channels_last)
    if given.onnx:
        run_in_onnx_runtime()
    config = MendConfig(
        retrofit=RetrofitConfig(steps=given.steps),
        most=given.remedies,
        keep=given.keep,
        confirm=given.keep,  # as many as there are budgets to choose within
        passes=given.passes,
    )
    mending = mend_(
        model,
        images,
        held_out=held_out,
        budget=given.budget,
        margin=given.margin,
        seed=given.seed,
        config=config,
        checkpoint=given.checkpoint / given.network.replace(":", "_"),
        progress=lambda done, total: print(f"\r{done:,.0f} of {total:,.0f} passes", end="", flush=True),
    )
    print(f"\n{mending}")
    replace_rows(OUT, given.network, rows(given.network, mending, given.margin, timed=not given.onnx))
    write_page()


if __name__ == "__main__":
    main()
