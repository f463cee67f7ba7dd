"""Diagnose networks, and measure whether mending their first three sites alone gets the most of the gain.

    python benchmarks/diagnose.py --data DIR --network antialias:MobileNetV2 --out runs/diagnose        # photographs
    python benchmarks/diagnose.py --data scenes --size 64 --network runs/semantic/model.safetensors     # of a recipe

DIR has a folder of crops for each photograph, of which the first is shown: images are independent. Rows of
`benchmarks/diagnose.csv` are sites of a network (`aa.diagnose`, all scores with 95 % intervals over images), then what
several places bring at once, on the same windows: two phases averaged at the first places (`--together 3`: 8 runs of
what follows; 16 are the most), and ideal filters at the first three and at all. Places are groups of sites that share a
phase, first is what has the largest effect alone.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pages import write_between
from torch import Tensor, nn

import antialias as aa
from antialias.data import open_data
from antialias.diagnosis import Diagnosis
from antialias.diagnosis._remedies import Remedies
from antialias.metrics import Instances, SameInstance, Windows, adapter_for
from antialias.metrics.inputs import Sample
from antialias.models import build
from antialias.surgery import find_body

OUT = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[1] / "docs" / "diagnosis.md"
MARKS = ("<!-- written by benchmarks/diagnose.py -->", "<!-- end -->")


def crops(folder: Path, most: int, size: int, seed: int) -> list[Tensor]:
    """Return the first crop of some photographs.

    Args:
        folder: Holds a folder of crops for each photograph.
        most: How many photographs.
        size: Height and width to resample to.
        seed: Chooses them.
    """
    from torch.nn.functional import interpolate
    from torchvision.io import ImageReadMode, decode_image

    names = sorted(path for path in folder.iterdir() if path.is_dir())
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    files = [sorted(names[i].iterdir())[0] for i in order[:most]]
    images = [decode_image(str(file), ImageReadMode.RGB)[None].float() / 255 for file in files]
    return [interpolate(image, (size, size), mode="bilinear", antialias=True).clamp(0, 1) for image in images]


def together(
    model: nn.Module,
    images: Sequence[Tensor],
    diagnosis: Diagnosis,
    seed: int,
    same: SameInstance,
    counts: Sequence[int],
) -> list[dict[str, Any]]:
    """Measure two phases averaged at the first places together, and ideal filters at the first three and at all.

    Args:
        model: The network.
        images: The images of the diagnosis.
        diagnosis: Says which are first.
        seed: Of the windows.
        same: When two instances are one.
        counts: How many places.
    """
    ranked = sorted((site for site in diagnosis.sites if site.rank), key=lambda site: site.rank or 0)
    places = list(dict.fromkeys(site.group for site in ranked if site.group))
    first = images[0][0]
    adapter = adapter_for(model, first)
    shown = adapter.inputs(Windows(adapter, seed=seed).cut(Sample(0, first)))
    body = find_body(model, [*shown] if isinstance(adapter, Instances) else shown)
    remedies = Remedies(adapter, body, list(images), seed, same)
    remedies.as_it_is = remedies.flips()
    prefix = f"{body.name}." if body.name else ""
    rows = []
    phases, ideal = aa.PhaseAverage(phases=2), aa.nn.Ideal()
    trials = [(phases, min(count, len(places)), "effect", "agreement", "cost_2_phases") for count in counts]
    trials += [(ideal, count, "ideal", "ideal_agreement", "cost_ideal") for count in (min(3, len(places)), len(places))]
    for filter, count, effect, agreement, cost in dict.fromkeys(trials):
        where = [name.removeprefix(prefix) for place in places[:count] for name in place]
        plan = aa.inspect(model.get_submodule(body.name), body.args, filter, where=where, stem=True)
        gained, kept = remedies.remedied(filter, where)
        rows.append(
            {
                "site": f"first {count} together: {', '.join(place[0] for place in places[:count])}",
                **{f"{effect}{part}": value for part, value in _parts(gained)},
                **{f"{agreement}{part}": value for part, value in _parts(kept)},
                cost: f"{1 + sum(site.macs for site in plan.changed) / body.macs:.4f}",
            }
        )
    return rows


def _parts(score: aa.Score) -> list[tuple[str, str]]:
    numbers = (score.value, *score.interval)
    return [(part, f"{number:.6f}") for part, number in zip(("", "_low", "_high"), numbers, strict=True)]


def write_page() -> None:
    """Write the tables into the documentation."""
    lines, table = [], list(csv.DictReader(OUT.open()))
    for network in dict.fromkeys(row["network"] for row in table):
        own = [row for row in table if row["network"] == network]
        low, high = (100 * float(own[0][f"flips{end}"]) for end in ("_low", "_high"))
        lines += [
            f"{network}, {own[0]['images']} images: {100 * float(own[0]['flips']):.1f} % ({low:.1f} to {high:.1f}) of "
            "one-pixel moves change the answer.",
            "",
            "| site | code | result | alias | tangled | effect | same | ideal | same | pixels | carried | cost |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for row in own:
            cells = [row["site"], row["code"], row["result"]]
            cells += [f"{100 * float(row[name]):.1f}" if row[name] else "" for name in ("alias_share", "tangled_share")]
            for effect, same in (("effect", "agreement"), ("ideal", "ideal_agreement")):
                ends = [
                    f"{100 * float(row[effect + end]):+.1f}" if row[effect] else "" for end in ("", "_low", "_high")
                ]
                cells += [f"{ends[0]} ({ends[1]} to {ends[2]})" if ends[0] else ""]
                cells += [f"{100 * float(row[same]):.1f}" if row[same] else ""]
            carried = f"{100 * float(row['carried']):.1f}" if row["carried"] else ""
            cost = row["cost_4_phases"] or row["cost_2_phases"] or row["cost_ideal"]
            cells += [row["pixels"], carried, f"{float(cost):.2f}" if cost else ""]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", own[0]["around"], ""]
    write_between(PAGE, MARKS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--name")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--together", type=int, nargs="*", default=[3])
    parser.add_argument("--detection-score", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/diagnose"))
    given = parser.parse_args()
    if given.data == "scenes":
        scenes = open_data("scenes", "test", size=given.size, length=given.images)
        images = [scenes.labelled(torch.tensor([n]))[0].float() / 255 for n in range(len(scenes))]
    else:
        images = crops(Path(given.data), given.images, given.size, given.seed)
    model, same = build(given.network).eval(), SameInstance(score=given.detection_score)
    model = model.to(memory_format=torch.channels_last)
    diagnosis = aa.diagnose(
        model,
        images,
        seed=given.seed,
        same=same,
        batch_size=16,
        progress=lambda done, total: print(f"\r{done:,} of {total:,} windows", end="", flush=True),
    )
    print(f"\n{diagnosis}")
    diagnosis.write(given.out)
    name = given.name or given.network
    around = "; ".join(str(check) for check in diagnosis.checks[-3:])
    flips = {f"flips{part}": value for part, value in _parts(diagnosis.flips)} | {"images": diagnosis.images}
    own = list(csv.DictReader((given.out / "diagnosis.csv").open()))
    own += together(model, images, diagnosis, given.seed, same, given.together)
    for row in own[len(diagnosis.sites) :]:
        print(row)
    earlier = list(csv.DictReader(OUT.open())) if OUT.exists() else []
    table = [row for row in earlier if row["network"] != name]
    table += [{"network": name, **row, **flips, "around": around} for row in own]
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in table for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main()
    write_page()
