from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from skimage import data
from torch import Tensor
from torch.nn.functional import interpolate

from antialias.diagnosis import CODES, Check, Diagnosis, SiteDiagnosis
from antialias.metrics import Curve, PredictedFilters, Score
from antialias.report import (
    FilterMaps,
    Image,
    InstanceTrace,
    InstanceView,
    Mended,
    MovingObject,
    Prediction,
    Report,
    Reproduction,
    ShiftViewer,
    Similarity,
    SiteMap,
    Trace,
)
from antialias.results import Cell, Column, KeyFigure, Line, Table, Verdict


def made_up_score(share: float, name: str = "flip rate", *, count: int = 512, **protocol: Any) -> Score:
    """A score whose per-picture values are `share` of ones."""
    per_image = (torch.arange(count) < round(share * count)).float()
    return Score.from_images(name, per_image, {"in_words": "made up", "windows": {"size": 224}, "seed": 0, **protocol})


NASTY = "<script>alert('x')</script>&\"</script x='<!-- <script "
COLUMNS = (
    Column(key="top1", title="Accuracy", better="higher"),
    Column(key="consistency", title="Consistency", better="higher", note="two random windows"),
    Column(key="flips", title="One-pixel flips", better="lower"),
    Column(key="agreement", title="Agreement", better="higher", note="with the original's shift average"),
    Column(key="cost", title="Cost", unit="ms", digits=0, better="lower", note="a picture, forward"),
)
ROWS = {
    "original": {"consistency": 0.636, "flips": 0.195, "agreement": 0.82, "top1": 0.71},
    "converted": {"consistency": 0.636, "flips": 0.195, "agreement": 0.82, "top1": 0.71},
    "retrofitted": {"consistency": 0.695, "flips": 0.131, "agreement": 0.80, "top1": 0.71},
    "control": {"consistency": 0.702, "flips": 0.141, "agreement": 0.79, "top1": 0.70},
}
COST = {"original": 21.0, "converted": 34.0, "retrofitted": 34.0, "control": 21.0}
LABELS = {
    "chelsea": ("Egyptian cat", "tabby", "tiger cat", "lynx"),
    "coffee": ("espresso", "cup", "coffee mug", "eggnog"),
}


def picture_pixels(name: str, size: int = 256) -> Tensor:
    pixels = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    square = pixels[None, :, top : top + side, left : left + side].float() / 255
    return interpolate(square, size=(size, size), mode="bilinear", antialias=True)[0].clamp(0, 1)


def made_up_trace(network: str, labels: tuple[str, ...], steadiness: float, seed: int) -> Trace:
    draw = random.Random(seed)
    answers, lead = [], 0.3
    for step in range(33):
        lead = steadiness * lead + (1 - steadiness) * draw.uniform(-1, 1) + 0.06
        best = 0.45 + 0.25 * draw.random()
        steady = lead > 0 and (step > 0 or network != "original")
        order = labels if steady else (labels[1 + draw.randrange(2)], labels[0], labels[3])
        answers.append(
            tuple(Prediction(label=x, probability=round(best / (j * j + 1), 4)) for j, x in enumerate(order[:3]))
        )
    return Trace(network=network, predictions=tuple(answers))


def made_up_slider(name: str) -> ShiftViewer:
    networks = {"original": (0.75, 0), "retrofitted": (0.93, 1)}
    return ShiftViewer(
        image=Image.of(picture_pixels(name), name, credit="scikit-image. Made-up answers."),
        window=(224, 224),
        path=tuple((i, 16) for i in range(33)),
        traces=tuple(made_up_trace(n, LABELS[name], s, len(name) + seed) for n, (s, seed) in networks.items()),
        truth=LABELS[name][0],
    )


def made_up_filters(detail: Tensor, sharpness: float) -> PredictedFilters:
    """Four groups of 3x3 filters: boxes where there is detail, single taps where there is none, the last one moved."""
    share = sharpness * (1 - 0.8 * detail / detail.max())
    groups = []
    for group, tap in enumerate((4, 4, 4, 5)):
        single = torch.zeros(9).index_fill(0, torch.tensor(tap), 1.0)[:, None, None]
        groups.append((1 - 0.2 * group) * share * single + (1 - (1 - 0.2 * group) * share) / 9)
    return PredictedFilters(torch.stack(groups)[None], torch.zeros(1, 4, 1, 1), (2, 2))


def made_up_maps(name: str) -> FilterMaps:
    pixels = picture_pixels(name).mean(0)
    edges = (pixels[1:, 1:] - pixels[:-1, 1:]).abs() + (pixels[1:, 1:] - pixels[1:, :-1]).abs()
    sites = {
        "maxpool": 56,
        "layer2.0.conv3": 28,
        "layer2.0.downsample.0": 28,
        "layer3.0.conv3": 14,
        "layer4.0.conv3": 7,
    }
    maps = []
    for i, (site, size) in enumerate(sites.items()):
        detail = interpolate(edges[None, None], size=(size, size), mode="area")[0, 0]
        maps.append(SiteMap.of_filters(site, made_up_filters(detail, 0.9 - 0.1 * i)))
    return FilterMaps(image=Image.of(picture_pixels(name, 224), name), network="retrofitted", sites=tuple(maps))


def made_up_similarity(network: str = "retrofitted") -> Similarity:
    """Maps that resemble each other by group, by chance alone, less, and where there is one group."""
    columns = [Column(key=key, title=key, unit="", digits=3) for key in ("within", "between", "contrast", "edges")]
    columns.append(Column(key="stopband", title="stopband"))
    values = {"maxpool": (0.30, 0.12), "layer2.0.conv3": (0.16, 0.14), "layer3.0.conv3": (0.10, 0.14)}
    rows: dict[str, dict[str, Any]] = {
        site: {
            "within": made_up_difference(within, 0.02),
            "between": made_up_difference(between, 0.02),
            "contrast": made_up_difference(within - between, 0.01),
            "edges": made_up_difference(-0.2, 0.1),
            "stopband": made_up_score(0.12, "stopband"),
        }
        for site, (within, between) in values.items()
    }
    rows["layer4"] = {"stopband": made_up_score(0.2, "stopband")}
    return Similarity(
        network=network,
        verdict="Maps of a group resemble each other more than those of different groups at 1 of 3, over 64 images.",
        table=Table.of(columns, rows),
        chance=((-0.03, 0.03), (-0.04, 0.04), (-0.03, 0.03), None),
    )


def made_up_lines() -> tuple[Line, ...]:
    flips = {"original": 0.19, "converted": 0.19, "retrofitted": 0.13, "control": 0.14}
    lines = []
    for direction, factor in {"horizontal": 0.9, "vertical": 0.95, "diagonal": 1.0}.items():
        for network, rate in flips.items():
            shares = {d: rate * factor * (1 + 0.5 * math.log(d)) for d in range(1, 9)}
            scores = {d: made_up_score(share, distance=d) for d, share in shares.items()}
            lines.append(Line.of(network, Curve("flip rate", direction, scores)))
    return tuple(lines)


def made_up_training() -> Table:
    values = {"plain": (0.848, 0.895, 0.046), "fixed 3x3": (0.891, 0.935, 0.020), "adaptive": (0.904, 0.939, 0.022)}
    keys = ("top1", "consistency", "flips")
    rows = {
        network: {
            k: [made_up_score(v - 0.006, k), made_up_score(v + 0.006, k)] for k, v in zip(keys, given, strict=True)
        }
        for network, given in values.items()
    }
    return Table.of(COLUMNS[:3], rows, caption="The same small network, trained three times on composed pictures.")


def made_up_mending(network: str = "original") -> Mended:
    columns = (Column(key="cost", title="Multiply-adds", unit="x", digits=2, better="lower"), COLUMNS[2], COLUMNS[3])
    tried = {
        "as it is": (1.0, 0.155, 0.81),
        "learnt without filters": (1.0, 0.12, 0.80),
        "2 phases at features.14": (1.3, 0.13, 0.815),
        "2 phases at features.4": (1.75, 0.105, 0.82),
        "4 shifted copies averaged": (4.0, 0.08, 0.83),
    }
    rows = {
        name: {"cost": cost, "flips": made_up_score(flips), "agreement": made_up_score(agreement)}
        for name, (cost, flips, agreement) in tried.items()
    }
    table = Table.of(columns, rows, caption="Made up.", notes={"2 phases at features.4": "applied"})
    front = ("as it is", "learnt without filters", "2 phases at features.4")
    return Mended(network=network, table=table, front=front, chosen=front[-1], budget=2.0)


def made_up_difference(value: float, half: float) -> Score:
    return Score("difference in one-pixel flips", value, (value - half, value + half), 512, {"in_words": "made up"})


def made_up_diagnosis(network: str = "original") -> Diagnosis:
    """A fine stem, two sites of one phase whose mending helps, and a deep one where nothing was measured."""
    costs = {"fixed": 1.02, "ideal": 1.05, "4 phases": 3.1}
    block = ("layer2.0.conv2", "layer2.0.downsample.0")
    shared = {"effect": made_up_difference(0.08, 0.03), "group": block, "rank": 1, "pixels": 2, "cost": costs}
    kinds = {"operation": "Conv2d 3x3", "stride": (2, 2)}
    stem = SiteDiagnosis(
        name="conv1",
        code="AA001",
        kind="stem",
        **kinds,
        alias_share=made_up_score(0.05, "alias share"),
        tangled_share=made_up_score(0.03, "tangled share"),
        effect=made_up_difference(-0.01, 0.02),
        ideal=made_up_difference(0.005, 0.04),
        cost=costs,
        group=("conv1",),
        rank=3,
        result="fine",
        reason="averaging its phases does not measurably lower one-pixel flips",
    )
    branches = [
        SiteDiagnosis(
            name=name,
            code=code,
            kind=kind,
            **kinds,
            **shared,
            alias_share=made_up_score(share, "alias share"),
            result="problem",
            reason="averaging its phases lowers one-pixel flips",
        )
        for name, code, kind, share in zip(
            block, ("AA002", "AA003"), ("convolution", "shortcut"), (0.21, 0.31), strict=True
        )
    ]
    reasons = {"alias_share": "its map keeps too few positions", "effect": "it moves by no whole number of pixels"}
    deep = SiteDiagnosis(
        name="layer4", code="AA002", kind="convolution", **kinds, pixels=None, group=("layer4",), reasons=reasons
    )
    return Diagnosis(
        network=network,
        sites=(stem, *branches, deep),
        flips=made_up_score(0.195, "one-pixel flips"),
        borders=made_up_difference(0.02, 0.01),
        resizing=None,
        suppression=None,
        checks=tuple(Check(code, "fine", "made up") for code in CODES),
        images=512,
        seed=0,
    )


def made_up_object(label: str, scores: tuple[float | None, ...], left: int) -> MovingObject:
    box = (float(left), 60.0, left + 70.0, 150.0)
    mask = f"M{left + 10} 70H{left + 60}V140H{left + 10}Z"
    seen = [score is not None for score in scores]
    return MovingObject(
        label=label,
        scores=scores,
        boxes=tuple(box if one else None for one in seen),
        outlines=tuple(mask if one else "" for one in seen),
    )


def made_up_detections(name: str, network: str = "original", label: str = "cup") -> InstanceView:
    """A steady object, one that blinks out and comes back, and one that is found late."""
    traces = [
        made_up_object(label, (0.9, 0.92, 0.91, 0.9, 0.93), 30),
        made_up_object("spoon", (0.7, 0.3, None, 0.6, 0.62), 110),
        made_up_object("plate", (0.2, 0.3, 0.4, 0.45, 0.55), 170),
    ]
    return InstanceView(
        image=Image.of(picture_pixels(name), name),
        window=(224, 224),
        path=tuple((16 + i, 16 + i) for i in range(5)),
        least=0.5,
        traces=(
            InstanceTrace(network=network, objects=tuple(traces)),
            InstanceTrace(network="retrofitted", objects=(traces[0],)),
        ),
    )


def make_sample() -> Report:
    rows = {
        n: {k: Cell.of(made_up_score(v, k)) for k, v in r.items()} | {"cost": Cell.of(COST[n])} for n, r in ROWS.items()
    }
    notes = {"converted": "adaptive filters, the function unchanged", "control": "retrofitted without filters"}
    return Report(
        title="Made-up sample of an antialias report",
        subtitle="None of these numbers was measured: this page shows what a report looks like.",
        verdict=Verdict(
            headline="The retrofitted network changes its mind a third less often",
            points=(
                "When a picture moves by one pixel, the original's first answer changes on 19.5 % of pictures, "
                "after the retrofit on 13.1 %.",
                "Most of that comes from the retrofit, not from the filters: without filters it reaches 14.1 %, "
                "and the intervals overlap.",
                "Converting alone changes nothing, as it should: the same first answer on every picture.",
            ),
            key_figures=tuple(
                KeyFigure(
                    title=title,
                    before=rows["original"][key],
                    after=rows["retrofitted"][key],
                    names=("original", "retrofitted"),
                )
                for key, title in {"flips": "One-pixel flips", "agreement": "Agreement with the original"}.items()
            ),
        ),
        table=Table.of(COLUMNS, rows, caption="One network, four states, on the same pictures.", notes=notes),
        curves=made_up_lines(),
        viewers=tuple(made_up_slider(name) for name in LABELS),
        filters=tuple(made_up_maps(name) for name in LABELS),
        similarities=(made_up_similarity(),),
        detections=tuple(made_up_detections(name) for name in ("coffee", "chelsea")),
        diagnoses=(made_up_diagnosis(),),
        mended=(made_up_mending(),),
        training=made_up_training(),
        reproduction=Reproduction(
            command="antialias demo --seed 0",
            versions={"antialias": "0.1.0", "torch": "2.14.1", "python": "3.11"},
            seeds={"pictures": 0, "training": [0, 1]},
            caveats=("Made-up numbers.", "Two seeds do not show how far seeds differ."),
        ),
    )


@pytest.fixture(scope="session")
def sample() -> Report:
    return make_sample()


@pytest.fixture(scope="session")
def nasty(sample: Report) -> Report:
    """A report whose every label tries to be markup."""
    viewer = sample.viewers[0]
    answers = tuple((Prediction(label=NASTY, probability=0.5),) for _ in viewer.path)
    return Report(
        title=NASTY,
        verdict=Verdict(headline=NASTY, points=(NASTY,)),
        table=Table.of([Column(key="a", title=NASTY, note=NASTY)], {NASTY: {"a": NASTY}}, notes={NASTY: NASTY}),
        viewers=(replace(viewer, traces=(Trace(network=NASTY, predictions=answers),), truth=NASTY),),
        filters=(replace(sample.filters[0], network=NASTY),),
        similarities=(made_up_similarity(NASTY),),
        mended=(made_up_mending(NASTY),),
        detections=(made_up_detections("coffee", NASTY, NASTY),),
        diagnoses=(made_up_diagnosis(NASTY),),
        reproduction=Reproduction(command=NASTY, versions={NASTY: NASTY}, caveats=(NASTY,)),
    )
