"""Write what averages over phases and copies bring and cost, on many photographs: curve.csv and docs/mending.md.

    python benchmarks/curve.py NETWORK --data DIR [--calibrate DIR] [--weights FILE] [--remedies NAME ...] [--cache DIR]

DIR has a folder of crops, 256 pixels wide and high, for each photograph, of which the first is shown, in windows of 224
pixels. Nothing learns and nothing is chosen: every remedy that is named is reported, on all photographs. Those of
`--calibrate` are others: for averages over as many shifted copies as an image needs, they set the threshold that keeps
each cost. Rows are those of `benchmarks/mend.csv`: multiply-adds relative to the network as it is; flips (mean over 1,
2 and 3 pixels in three directions), consistency, mean absolute change, confidence, agreement with the original's shift
average (of the central window, and of all windows), each with the paired difference from the network as it is and its
95 % interval over photographs. Networks run in ONNX Runtime, whose answers are those of torch (relative difference of
at most 1e-5, checked) in a quarter of the time. What is measured goes to the cache, from which a second call goes on.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from pages import change_in_points, replace_rows, write_between
from torch import Tensor, nn
from torchvision.io import ImageReadMode, decode_image

import antialias as aa
from antialias.mend import Remedy, macs_of
from antialias.mend._remedy import phase_remedies, shift_remedies
from antialias.metrics import Normalize, measure_classifier, normalization_of, shift_averaged_answers
from antialias.models import build, load_onnx
from antialias.nn import PhaseAlign2d, ShiftAverage
from antialias.surgery import conversion_of, phase_places
from antialias.surgery.edits import moved

OUT = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[1] / "docs" / "mending.md"
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "mending_curve.svg"
MARKS = ("<!-- written by benchmarks/curve.py -->", "<!-- end of the curve -->")
SCORES = ("flips", "consistency", "mean_absolute_change", "confidence", "agreement", "window_agreement")
COSTS = (1.1, 1.25, 1.5, 2.0, 3.0, 4.0)
AS_IT_IS = Remedy(name="as it is")
Rows = dict[str, Tensor]


def remedies_of(model: nn.Module, example: Tensor, names: list[str] | None) -> list[Remedy]:
    """Return the remedies of these names; without names, phases of one group and shifted copies; the original first."""
    phases, _ = phase_remedies(model, example, phase_places(model, example), (2, 4), budget=4.0)
    copies = [Remedy(name=f"{n} copies a pixel apart averaged", cost=n, copies=n) for n in (2, 4)]
    copies += [Remedy(name=f"{n} shifted copies averaged", cost=n, shifts=ShiftAverage(copies=n)) for n in (2, 4, 8)]
    known = {remedy.name: remedy for remedy in (*phases, *copies)}
    if names is None:
        names = [remedy.name for remedy in known.values() if len(remedy.phases) < 2]
    if missing := [name for name in names if name not in known]:
        raise SystemExit(f"{missing} are no remedies of this network. There are {', '.join(known)}.")
    return [AS_IT_IS, *sorted((known[name] for name in names), key=lambda remedy: remedy.cost)]


def averages_on_demand(network: nn.Module, pixels: Tensor, normalize: Normalize) -> list[Remedy]:
    """Return averages over up to 8 shifted copies, with the thresholds of some costs on these images."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in normalize)
    images = (pixels[:, :, 16:-16, 16:-16] - mean) / std
    return [replace(shift_remedies(network, images, cost, 8)[-1], name=on_demand(cost)) for cost in COSTS]


def on_demand(cost: float) -> str:
    """Return the name of an average over as many copies as an image needs, within so much by calibration."""
    return f"up to 8 shifted copies, {cost:g} on average"


class OneByOne(nn.Module):
    """A network for one image of one size, shown one after another.

    Args:
        network: The network.
        normalize: What it expects of pixels.
    """

    def __init__(self, network: nn.Module, normalize: Normalize) -> None:
        super().__init__()
        self.network, self.normalization, self.sealed = network, normalize, network.sealed

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers to images `(N, C, H, W)`."""
        return torch.cat([self.network(image) for image in x.split(1)])


def in_onnx_runtime(network: nn.Module, example: Tensor, normalize: Normalize) -> nn.Module:
    """Return a network as ONNX Runtime runs it, compared with itself; a graph of fixed shapes is written in seconds."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* does not say what it expects of pixels")
        path = Path(folder) / "network.onnx"
        aa.export(network, path, example=example, tolerance=1e-5, dynamic=False)
        return OneByOne(load_onnx(path), normalize)


def measured(network: nn.Module, pixels: Tensor, reference: Tensor) -> Rows:
    """Return the rows of every score, one an image."""
    scores = measure_classifier(network, pixels, passes=1)
    rows = {name: scores[name].rows.flatten(1).float().mean(1) for name in SCORES[:4] if scores[name].rows.ndim > 1}
    rows |= {name: scores[name].rows.float() for name in SCORES[:4] if name not in rows}
    answer = reference.argmax(1)
    rows["agreement"] = (scores["answers"].rows.flatten() == answer).float()
    windows = scores["window_answers"].rows.view(len(pixels), -1)
    return rows | {"window_agreement": (windows == answer[:, None]).float().mean(1)}


class Copies(nn.Module):
    """The answers to all copies of every window, so that averages over some of them take no run of the network more.

    Args:
        network: The network as it is.
        pixels: The photographs.
        example: What it takes.
        alignment: How images are aligned before they are copied, if they are.
    """

    def __init__(
        self, network: nn.Module, pixels: Tensor, example: Tensor, alignment: aa.PhaseAlignment | None = None
    ) -> None:
        super().__init__()
        self.network, self.normalization, self.example = network, network.normalization, example
        self.alignment, self.aligned = alignment, nn.Identity()
        if alignment is not None:
            self.aligned = PhaseAlign2d(alignment.period, alignment.padding_mode)
        self.config: ShiftAverage | None = None
        self.answers, self.batch, self.runs = list[Tensor](), 0, 0
        measure_classifier(self, pixels, passes=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the average that is asked for, of answers that are known once all windows were shown."""
        if self.config is None:
            every, shown = ShiftAverage(copies=8), self.aligned(x)
            copies = [self.network(moved(shown, offset, every.padding_mode)) for offset in every.offsets]
            self.answers.append(torch.stack(copies, 1))
            return copies[0]
        copies = self.answers[self.batch][:, : self.config.copies]
        needed = torch.full((len(copies),), self.config.copies)
        if self.config.threshold is not None:
            best = copies[:, :-1].cumsum(1).topk(2).values
            enough = torch.cat([best[..., 0] - best[..., 1] >= self.config.threshold, torch.ones(len(x), 1) > 0], 1)
            needed = enough.int().argmax(1) + 1
        used = (torch.arange(copies.shape[1]) < needed[:, None])[..., None]
        average = (copies * used).sum(1) / needed[:, None]
        if self.batch == 0:  # once beside what users get
            for config in (self.alignment, self.config):
                if config is not None:
                    aa.convert_(self.network, config, example=self.example)
            torch.testing.assert_close(self.network(x), average)
            conversion_of(self.network).revert_()
        self.batch, self.runs = self.batch + 1, self.runs + int(needed.sum())
        return average

    def measured(self, config: ShiftAverage, pixels: Tensor, reference: Tensor) -> Rows:
        """Return the rows of every score of an average over copies, and its cost."""
        self.config, self.batch, self.runs = config, 0, 0
        rows = measured(self, pixels, reference)
        return rows | {"cost": torch.tensor(self.runs / sum(map(len, self.answers)))}


def interval(differences: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of a mean difference under resampling of photographs."""
    drawn = torch.randint(len(differences), (2000, len(differences)), generator=torch.Generator().manual_seed(0))
    low, high = differences[drawn].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high


def table(network: str, remedies: list[Remedy], cache: Path) -> Iterator[dict[str, str]]:
    """Yield a row for each remedy that was measured."""
    before = torch.load(cache / f"{AS_IT_IS.name}.pt")
    for remedy in remedies:
        if not (path := cache / f"{remedy.name}.pt").exists():
            continue
        after = torch.load(path)
        row = {
            "network": network,
            "remedy": remedy.name,
            "multiply_adds": f"{after.get('cost', torch.tensor(remedy.cost)):.3f}",
        }
        for name in SCORES:
            row[name] = f"{after[name].mean().item():.4f}"
            if remedy is not AS_IT_IS:
                difference = after[name] - before[name]
                row[f"{name}_difference"] = f"{difference.mean().item():+.4f}"
                row[f"{name}_interval"] = "{:+.4f} {:+.4f}".format(*interval(difference))
        yield row | {"photographs": str(len(after["flips"]))}


def write_page() -> None:
    """Write the table into the documentation."""
    rows, lines = list(csv.DictReader(OUT.open())), list[str]()
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        lines += [
            f"{network}, {own[0]['photographs']} photographs:",
            "",
            "| remedy | cost | flips | difference, points | of them | consistency | mean change | agreement |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in own:
            cells = [row["remedy"], f"{float(row['multiply_adds']):.2f}", f"{100 * float(row['flips']):.1f}"]
            difference = float(row["flips_difference"] or 0)
            of_them = f"{100 * difference / (float(row['flips']) - difference):+.0f} %"
            cells += [change := change_in_points(row, "flips"), of_them if change else ""]
            shares = (f"{100 * float(row[name]):.1f}" for name in ("consistency", "window_agreement"))
            consistency, agreement = shares
            mean_change = f"{float(row['mean_absolute_change']):.4f}"
            lines.append(f"| {' | '.join([*cells, consistency, mean_change, agreement])} |")
        lines.append("")
    write_between(PAGE, MARKS, lines)


def draw() -> None:
    """Draw the share of flips that is left against cost, with paired intervals, a panel for each network."""
    rows = list(csv.DictReader(OUT.open()))
    networks = list(dict.fromkeys(row["network"] for row in rows))
    kinds = {"phases": ("#888888", "phases from a site on"), "copies": ("#c1440e", "copies of every image")}
    kinds["needed"] = ("#1b7f5c", "as many copies as an image needs")
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9}):
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        panels = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
        for axes, network in zip(panels, networks, strict=True):
            own = [row for row in rows if row["network"] == network]
            flips = float(own[0]["flips"])
            for kind, (color, label) in kinds.items():
                some = [row for row in own[1:] if kind_of(row["remedy"]) == kind]
                costs = [float(row["multiply_adds"]) for row in some]
                left = [100 * float(row["flips"]) / flips for row in some]
                axes.plot(costs, left, "o-" if kind == "needed" else "o", color=color, markersize=4, label=label)
                for cost, row in zip(costs, some, strict=True):
                    low, high = (100 * (1 + float(end) / flips) for end in row["flips_interval"].split())
                    axes.vlines(cost, low, high, color=color, linewidth=1, alpha=0.4)
            axes.axhline(100, color="#888888", linewidth=0.8, linestyle=":")
            axes.set(title=network.partition(":")[2], xlabel="multiply-adds, of the network as it is", xscale="log")
            axes.set_xticks([1, 1.5, 2, 3, 4, 8], ["1", "1.5", "2", "3", "4", "8"])
            axes.minorticks_off()
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set(ylabel="flips left, %", ylim=(0, None))
        panels[-1].legend(frameon=False, loc="lower left")
        figure.savefig(FIGURE, metadata={"Date": None})


def kind_of(remedy: str) -> str:
    """Return of what kind a remedy is, by its name."""
    return "needed" if "on average" in remedy else "copies" if "copies" in remedy else "phases"


def first_crops(folder: Path) -> Tensor:
    """Return the first crop of each photograph in a folder of folders, `(N, 3, 256, 256)` in [0, 1]."""
    files = [sorted(one.iterdir())[0] for one in sorted(folder.iterdir()) if one.is_dir()]
    return torch.stack([decode_image(str(file), ImageReadMode.RGB).float() / 255 for file in files])


def main() -> None:
    """Measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--calibrate", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--remedies", nargs="+")
    parser.add_argument("--cache", type=Path, default=Path("runs/curve"))
    given = parser.parse_args()
    model, example = build(given.network, weights=given.weights).eval(), torch.rand(1, 3, 224, 224)
    cache, normalize = given.cache / given.network.replace(":", "_"), normalization_of(model)
    cache.mkdir(parents=True, exist_ok=True)
    pixels, original = first_crops(given.data), in_onnx_runtime(model, example, normalize)
    if not (path := cache / "reference.pt").exists():
        torch.save(shift_averaged_answers(original, pixels, shifts=8), path)
    reference, remedies, copies = torch.load(path), remedies_of(model, example, given.remedies), None
    if given.calibrate is not None:
        remedies += averages_on_demand(original, first_crops(given.calibrate), normalize)
    for remedy in remedies:
        if not (path := cache / f"{remedy.name}.pt").exists():
            if remedy.shifts is not None:
                copies = copies or Copies(original, pixels, example)
                torch.save(copies.measured(remedy.shifts, pixels, reference), path)
            else:
                network = remedy.on_copy(model, example)
                cost = macs_of(network, example) / macs_of(model, example)
                assert abs(cost - remedy.cost) < 0.01, (remedy, cost)
                torch.save(measured(in_onnx_runtime(network, example, normalize), pixels, reference), path)
        (row,) = table(given.network, [remedy], cache)
        print(*(f"{name} {value}" for name, value in row.items()), flush=True)
    replace_rows(OUT, given.network, table(given.network, remedies, cache))
    write_page()
    draw()


if __name__ == "__main__":
    main()
