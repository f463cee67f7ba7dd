"""A model card: what a folder holds, how it is opened, and what was measured, for people and for search."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from antialias.metrics import Score
from antialias.surgery import Conversion

_TASKS = {
    "mean_iou": "image-segmentation",
    "segmentation_consistency": "image-segmentation",
    "mask_ap": "object-detection",
    "box_ap": "object-detection",
    "dense_consistency": "depth-estimation",
}


def model_card(
    network: str,
    conversion: Conversion | None,
    scores: Mapping[str, Score] | Mapping[str, Mapping[str, Score]],
    license: str | None,
    needs_model: bool,
) -> str:
    """Write the card.

    Args:
        network: What it is called.
        conversion: What gave it filters.
        scores: As in `save_pretrained`.
        license: Of the weights.
        needs_model: Whether the loader has to be given the network, as one of a class of its author's.

    Raises:
        ValueError: `scores` holds what is no score.
    """
    columns = _columns(scores)
    own = list(columns.values())[-1] if columns else {}
    head: dict[str, Any] = {"library_name": "antialias", "tags": ["antialias", "anti-aliasing", "shift-invariance"]}
    if license is not None:
        head["license"] = license
    if own:
        task = next((task for name, task in _TASKS.items() if name in own), "image-classification")
        head["pipeline_tag"] = task
        metrics = [{"type": name, "value": score.value, "name": score.name} for name, score in own.items()]
        data = {"type": "custom", "name": f"{next(iter(own.values())).images} images"}
        results = [{"task": {"type": task}, "dataset": data, "metrics": metrics}]
        head["model-index"] = [{"name": network, "results": results}]
    front = "\n".join(f"{key}: {json.dumps(value)}" for key, value in head.items())  # JSON is YAML
    given = ", model=network" if needs_model else ""
    lines = ["---", front, "---", "", f"# {network}", ""]
    if conversion is None or not conversion.steps:
        lines += ["It has no anti-aliasing filters.", ""]
    else:
        sites = ", ".join(f"`{site.name}`" for site in conversion.changed)
        lines += [f"Anti-aliased by `{conversion.filter}` at {len(conversion.changed)} sites: {sites}.", ""]
        lines += ["Opened by its own library it has no filters and other answers. Open it by", ""]
    lines += ["```python", "import antialias as aa", "", f'network = aa.load("FOLDER"{given})', "```", ""]
    if needs_model:
        lines += ["where `network` is a plain one of its class.", ""]
    return "\n".join(lines + _table(columns))


def _columns(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Score]]:
    """Return columns of scores, one without a name where there is but one."""
    columns = {"": scores} if any(isinstance(value, Score) for value in scores.values()) else dict(scores)
    for column in columns.values():
        for name, score in column.items() if isinstance(column, Mapping) else [("", column)]:
            if not isinstance(score, Score):
                raise ValueError(
                    f"scores[{name!r}] is a {type(score).__name__}. Use a dictionary of Score by name, such as "
                    "Evaluation.scores, or one of such dictionaries, such as Mending.scores."
                )
    return columns


def _table(columns: Mapping[str, Mapping[str, Score]]) -> list[str]:
    """Return a table with an interval in every cell, and how each score was measured."""
    if not columns:
        return ["Nothing was measured.", ""]
    names = dict.fromkeys(name for column in columns.values() for name in column)
    lines = ["## Measured", "", " | ".join(["| Score", *columns]) + " |", "|---" * (1 + len(columns)) + "|"]
    protocols = {}
    for name in names:
        cells = [name]
        for column in columns.values():
            score = column.get(name)
            cells.append("")
            if score is not None:
                factor, unit = (100, " %") if score.unit == "percent" else (1, f" {score.unit}")
                value, low, high = (f"{factor * each:.4g}" for each in (score.value, *score.interval))
                cells[-1] = f"{value}{unit} ({low} to {high})"
                words = score.protocol.get("in_words", "protocol not stated")
                protocols[name] = f"- {name}: {100 * score.level:g} % interval over {score.images} images; {words}"
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *protocols.values(), ""]
