"""Write what aligning images by what they show brings and costs: alignment.csv and docs/mending.md.

    python benchmarks/alignment.py NETWORK --photos FILE [--weights FILE] [--cache DIR]

NETWORK and FILE are those of `mend_retrofit.py`. The rule and its period were chosen on a quarter of the photographs,
with MobileNetV2; all others report, one crop of each, and, of what runs once, composed scenes. The network is shown
windows of 224 pixels, and, cut from the middle of those, of 192, for which nothing has to be continued at the border.
The quarter sets the thresholds of averages over as many copies as an image needs, too. Beside moves by whole pixels,
which alignment is for, a window is moved by a part of a pixel, and noise is added, which may move the place that it is
aligned by. What is measured goes to the cache, from which a second call goes on.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import torch
from curve import SCORES, Copies, Rows, in_onnx_runtime, interval, measured
from mend_retrofit import Pool, network_of
from pages import in_points, write_between
from torch import Tensor, nn

import antialias as aa
from antialias.data import Scenes
from antialias.mend._remedy import shift_remedies
from antialias.metrics import ClassScores, evaluating, normalization_of, shift_averaged_answers
from antialias.nn import PhaseAlign2d, ShiftAverage
from antialias.surgery import conversion_of

OUT = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[1] / "docs" / "mending.md"
MARKS = ("<!-- written by benchmarks/alignment.py -->", "<!-- end of alignment -->")
DISTURBANCES = ("half a pixel", "a quarter of a pixel", "noise of 1/255", "noise of 4/255")
COLUMNS = ("network", "images", "remedy", "multiply_adds", "score", "value", "difference", "low", "high", "count")
PERIOD, COPIES, COSTS = 8, (2, 4, 8), (2.0, 4.0)


def disturbed(windows: Tensor, how: str) -> Tensor:
    """Return windows `(N, 3, H + 2, W + 2)` with a disturbance, cut to `(N, 3, H, W)`."""
    inner = windows[:, :, 1:-1, 1:-1]
    if how.startswith("noise"):
        noise = torch.randn(inner.shape, generator=torch.Generator().manual_seed(0))
        return (inner + noise * int(how.split()[-1][0]) / 255).clamp(0, 1)
    share = {"half": 0.5, "a": 0.25}[how.split()[0]]
    along = torch.lerp(windows[:, :, :, 1:-1], windows[:, :, :, 2:], share)
    return torch.lerp(along[:, :, 1:-1], along[:, :, 2:], share)


@torch.no_grad()
def disturbances(network: nn.Module, pixels: Tensor) -> Rows:
    """Return whether the first answer changes under each disturbance, a row an image."""
    scores = ClassScores(network)
    windows = pixels[:, :, 15:-15, 15:-15]

    def answers(images: Tensor) -> Tensor:
        return torch.cat([network(scores.inputs(batch)).argmax(1) for batch in images.split(32)])

    with evaluating(network):
        before = answers(windows[:, :, 1:-1, 1:-1])
        return {how: (answers(disturbed(windows, how)) != before).float() for how in DISTURBANCES}


class Cropped(nn.Module):
    """A network that is shown the middle of images, which may be aligned before they are cut."""

    def __init__(self, network: nn.Module, period: int | None) -> None:
        super().__init__()
        self.network, self.normalization = network, network.normalization
        self.align = nn.Identity() if period is None else PhaseAlign2d(period)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers to images `(N, 3, H, W)`."""
        return self.network(self.align(x)[:, :, 16:-16, 16:-16])


def remedies_of(
    running: nn.Module,
    pixels: Tensor,
    reference: Tensor,
    thresholds: dict[tuple[bool, float], ShiftAverage] | None,
    share: float,
) -> dict[str, Callable[[], Rows]]:
    """Return how to measure each remedy, by its name."""
    example, held = torch.rand(1, 3, 224, 224), dict[bool, Copies]()

    def alone(period: int | None) -> Rows:
        if period is not None:
            aa.convert_(running, aa.PhaseAlignment(period=period), example=example)
        rows = measured(running, pixels, reference) | disturbances(running, pixels)
        if period is not None:
            conversion_of(running).revert_()
        return rows | {"cost": torch.tensor(1.0 + (share if period is not None else 0.0))}

    def copies(config: ShiftAverage, aligned: bool) -> Rows:
        if aligned not in held:
            held.clear()
            held[aligned] = Copies(running, pixels, example, aa.PhaseAlignment(period=PERIOD) if aligned else None)
        rows = held[aligned].measured(config, pixels, reference)
        return rows | {"cost": rows["cost"] + (share if aligned else 0.0)}

    known: dict[str, Callable[[], Rows]] = {"as it is": lambda: alone(None)}
    for period in (4, 8, 16, 32):
        known[f"aligned, period {period}"] = lambda period=period: alone(period)
    for aligned, prefix in () if thresholds is None else ((True, f"aligned, period {PERIOD}, "), (False, "")):
        for count in COPIES:
            config = ShiftAverage(copies=count)
            known[f"{prefix}{count} shifted copies"] = lambda config=config, aligned=aligned: copies(config, aligned)
        for cost in COSTS:
            config = thresholds[aligned, cost]
            name = f"{prefix}up to 8 shifted copies, {cost:g} on average"
            known[name] = lambda config=config, aligned=aligned: copies(config, aligned)
    return known


def thresholds_of(network: nn.Module, pixels: Tensor) -> dict[tuple[bool, float], ShiftAverage]:
    """Return averages over up to 8 copies whose cost stays below a mean on images like these, aligned and not."""
    images, found = ClassScores(network).inputs(pixels[:, :, 16:-16, 16:-16]), dict[tuple[bool, float], ShiftAverage]()
    align = PhaseAlign2d(PERIOD)
    for aligned in (True, False):
        shown = torch.cat([align(batch) for batch in images.split(32)]) if aligned else images
        for cost in COSTS:
            config = shift_remedies(network, shown, cost, 8)[-1].shifts
            assert config is not None
            found[aligned, cost] = config
    return found


def write_page() -> None:
    """Write the tables into the documentation."""
    rows, lines = list(csv.DictReader(OUT.open())), list[str]()
    shown = ("flips", "consistency", "mean_absolute_change", "window_agreement")
    for network, images in dict.fromkeys((row["network"], row["images"]) for row in rows):
        own = [row for row in rows if (row["network"], row["images"]) == (network, images)]
        cells = {(row["remedy"], row["score"]): row for row in own}
        names = list(dict.fromkeys(row["remedy"] for row in own))
        lines += [
            f"{network}, {own[0]['count']} {images}:",
            "",
            "| | cost | flips | of them | consistency | mean change | agreement |",
            "|---|---|---|---|---|---|---|",
        ]
        for name in names:
            entries = [name, f"{float(cells[name, 'flips']['multiply_adds']):.2f}"]
            for score in shown:
                row = cells[name, score]
                before = float(row["value"]) - float(row["difference"] or 0)
                if not row["difference"]:
                    text = f"{100 * before:.1f}" if score != "mean_absolute_change" else f"{before:.4f}"
                    entries += [text, ""] if score == "flips" else [text]
                    continue
                share = f"{100 * float(row['difference']) / before:+.0f} %"
                points = in_points(row["difference"], row["low"], row["high"])
                entries += {"flips": [points, share], "mean_absolute_change": [share]}.get(score, [points])
            lines.append(f"| {' | '.join(entries)} |")
        lines += ["", "| answers that change | " + " | ".join(DISTURBANCES) + " |", "|---|---|---|---|---|"]
        for name in names:
            if (name, DISTURBANCES[0]) not in cells:
                continue
            entries = []
            for how in DISTURBANCES:
                row = cells[name, how]
                change = row["difference"] and in_points(row["difference"], row["low"], row["high"])
                entries.append(change or f"{100 * float(row['value']):.1f}")
            lines.append(f"| {name} | {' | '.join(entries)} |")
        lines.append("")
    write_between(PAGE, MARKS, lines)


def main() -> None:
    """Measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=("mobilenet", "lite0"))
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--scenes", type=int, default=160)
    parser.add_argument("--cache", type=Path, default=Path("runs/alignment"))
    given = parser.parse_args()
    model, example = network_of(given.network, given.weights), torch.rand(1, 3, 224, 224)
    (site,) = (plan := aa.inspect(model, example, aa.PhaseAlignment())).sites
    running = in_onnx_runtime(model, example, normalization_of(model))
    pool = Pool.read(given.photos)
    thresholds = thresholds_of(running, pool.part("choose").images.float() / 255)
    photographs = [pool.part(part) for part in ("learn", "report")]
    firsts = [[int((part.source == source).nonzero()[0]) for source in part.source.unique()] for part in photographs]
    first_crops = [part.images[first] for part, first in zip(photographs, firsts, strict=True)]
    kinds = {
        "photographs": torch.cat(first_crops),
        "composed scenes": Scenes("test", size=256).labelled(torch.arange(given.scenes))[0],
    }
    for images, held in kinds.items():
        pixels = held.float() / 255 if held.dtype == torch.uint8 else held
        cache = given.cache / given.network / images.replace(" ", "_")
        cache.mkdir(parents=True, exist_ok=True)
        if not (path := cache / "reference.pt").exists():
            torch.save(shift_averaged_answers(running, pixels, shifts=8), path)
        copied = thresholds if images == "photographs" else None
        remedies = remedies_of(running, pixels, torch.load(path), copied, site.macs / plan.macs)
        for name, measure in remedies.items():
            if not (path := cache / f"{name}.pt").exists():
                torch.save(measure(), path)
            print(given.network, images, name, f"{torch.load(path)['flips'].mean():.4f}", flush=True)
        write(given.network, images, list(remedies), cache)
    smaller = in_onnx_runtime(model, torch.rand(1, 3, 192, 192), normalization_of(model))
    pixels, cache = kinds["photographs"].float() / 255, given.cache / given.network / "cropped"
    cache.mkdir(parents=True, exist_ok=True)
    if not (path := cache / "reference.pt").exists():
        torch.save(shift_averaged_answers(Cropped(smaller, None), pixels, shifts=8), path)
    names = {"as it is": None} | {f"aligned, period {period}": period for period in (8, 16, 32)}
    for name, period in names.items():
        if not (file := cache / f"{name}.pt").exists():
            network = Cropped(smaller, period)
            rows = measured(network, pixels, torch.load(path)) | disturbances(network, pixels)
            share = site.macs / plan.macs * (224 / 192) ** 2 if period else 0.0
            torch.save(rows | {"cost": torch.tensor(1 + share)}, file)
    write(given.network, "photographs, aligned before they are cropped", list(names), cache)
    write_page()


def write(network: str, images: str, remedies: list[str], cache: Path) -> None:
    """Write what was measured on some images into the table, in place of what was there."""
    before, rows = torch.load(cache / "as it is.pt"), list[list[str]]()
    for name in remedies:
        after = torch.load(cache / f"{name}.pt")
        for score in (*SCORES, *DISTURBANCES):
            if score not in after:
                continue
            change = ["", "", ""]
            if name != "as it is":
                difference = after[score] - before[score]
                change = [f"{number:+.4f}" for number in (difference.mean().item(), *interval(difference))]
            cells = [f"{after['cost']:.3f}", score, f"{after[score].mean():.4f}", *change, str(len(after[score]))]
            rows.append([network, images, name, *cells])
    kept = [list(row.values()) for row in csv.DictReader(OUT.open())] if OUT.exists() else []
    kept = [row for row in kept if row[:2] != [network, images]]
    with OUT.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *kept, *rows])


if __name__ == "__main__":
    main()
