"""Try every remedy that fits the budget, prove it on images of its own, apply the best."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict
from pathlib import Path

from torch import nn

from antialias._lock import alone
from antialias.metrics import Images
from antialias.retrofit import digest, digest_of

from ._config import MendConfig
from ._course import CHOOSING, Course
from ._evaluator import Evaluator, Progress
from ._folder import Folder
from ._result import Mending
from ._split import split_images


def mend_(
    model: nn.Module,
    images: Images,
    *,
    budget: float = 1.5,
    margin: float = 0.02,
    held_out: Images | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    sources: Sequence[Hashable] | None = None,
    config: MendConfig | None = None,
) -> Mending:
    """Steady a trained network's answers under shifts, in place, by the remedy that proves best on its images.

    Half of the images teach, a quarter chooses, a quarter reports, and no two parts share a source. Remedies are
    averages over sampling phases at each group of sites and at combinations of groups, averages over as many shifted
    copies as an image needs (`ShiftAverage`), filters, what students learn from the network's own shift-averaged
    answers, students with averages, and on request images that are aligned by what they show (`PhaseAlignment`).
    Averaging the answers to copies of every image is measured beside them as the yardstick. The network gets the remedy
    with the fewest flips on the images that choose if the paired interval of its difference excludes zero; else it
    stays as it is, bit for bit. What learns nothing is chosen by the images that teach, too.

    Args:
        model: Classifier with logits `(N, K)`; segmenter with maps of logits, or detector, of which phases are averaged
            alone. It is changed only at the very end.
        images: `(N, C, H, W)` floats in [0, 1], a loader or a data set; labels, where there are any, add accuracy.
        budget: The most multiply-adds, relative to the network as given; on average over images, where some take more.
        margin: The most agreement with the original's shift-averaged answers that may be lost, as a share of images.
        held_out: Images to report on; then two thirds of `images` teach and a third chooses.
        seed: Chooses parts, windows and batches.
        checkpoint: Folder for measurements and students. If there are some, the mending goes on from them and ends
            with the same table as one that was never stopped.
        progress: Called with (done, total), in forward passes of the network; the total falls as remedies drop out.
        sources: What each image was cut from, such as a photograph; default: the data set's own `sources`, else every
            image is one.
        config: How remedies are tried and measured; `MendConfig()` if `None`.

    Raises:
        OSError: Another process writes to `checkpoint`, or it cannot be written to.
        ValueError: There are fewer than 64 images, they do not fit, `checkpoint` belongs to another mending, or the
            model's answers are of no kind that is known.

    Example:
        >>> import torch
        >>> from antialias.models import TinyResNet
        >>> mending = mend_(TinyResNet(), torch.rand(64, 3, 32, 32), budget=1.0)
        >>> mending.chosen is None, len(mending.table)
        (True, 3)
    """
    config = config or MendConfig()
    if budget < 1:
        raise ValueError(f"budget={budget:g} is less than the network as it is takes. Use 1 or more.")
    if not 0 <= margin <= 1:
        raise ValueError(f"margin={margin:g} is no share of the images. Use a number from 0 to 1.")
    parts = split_images(images, held_out, sources, seed)
    everything = [pixels for one in parts.values() for pixels, _ in one.images]
    with alone(None if checkpoint is None else Path(checkpoint) / ".lock"):
        folder = Folder(
            checkpoint,
            {
                "images": digest(*everything),
                "network": digest_of(model),
                "arguments": f"budget={budget}, margin={margin}, seed={seed}, {asdict(config)}",
            },
        )
        evaluator = Evaluator(model, parts, config, seed, folder, Progress(progress))
        course = Course(evaluator, parts["confirm"], budget, margin)
        first = course.propose()
        kept = course.look(first, CHOOSING[:1])
        pairs = course.combinations(kept)
        kept = course.look([*kept, *pairs], CHOOSING)
        course.confirm(kept)
        best, reason = course.best()
        trials = course.report(kept, [*first, *pairs])
        chosen = next((trial for trial in trials if best is not None and trial.remedy is best), None)
        if best is not None:
            best.apply_(model, evaluator.example)
    learn, choose = len(parts["confirm"]), sum(len(parts[one]) for one in CHOOSING)
    return Mending(
        table=tuple(trials),
        chosen=chosen,
        budget=budget,
        margin=margin,
        seed=seed,
        distance=config.distance,
        counted=evaluator.answers.flips,
        images={"learn": learn, "choose": choose, "report": len(parts["report"])},
        passes=evaluator.views / len(everything),
        left_out=course.left_out,
        reason=reason,
    )
