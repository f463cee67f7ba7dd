"""What a retrofit did, as plain data that prints as a sentence and a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn

from antialias._bars import bars_on_one_scale
from antialias._display import Display, Displayed, TextTable
from antialias.metrics import Score, agreement, consistency, difference, one_pixel_changes

from ._config import RetrofitConfig


class ValidationStep(NamedTuple):
    """One measurement on the held-out images.

    Attributes:
        step: Updates so far; 0 is the network with its filters started.
        loss: Mean loss since the measurement before, NaN at step 0.
        consistency: Share of pairs of windows with the same top-1 class.
        agreement: Share of images with the top-1 class of the original's shift-averaged answer.
        share: How far the state lies on the way from the network as handed in to the one that learned.
        flips: Share of steps of one to three pixels that change the top-1 class, where states are chosen by it.
    """

    step: int
    loss: float
    consistency: float
    agreement: float
    share: float = 1.0
    flips: float | None = None

    def __str__(self) -> str:
        return f"step {self.step}" if self.share == 1 else f"{100 * self.share:g} % of the way to step {self.step}"


@dataclass(frozen=True)
class Scores:
    """A network on the held-out images."""

    consistency: Score
    agreement: Score
    top1_change: Score
    mean_absolute_change: Score

    @classmethod
    def of(cls, model: nn.Module, held_out: Tensor, targets: Tensor, config: RetrofitConfig) -> Scores:
        """Measure a network on held-out images.

        Args:
            model: The network.
            held_out: Images `(N, C, H, W)` in [0, 1].
            targets: The teacher's shift-averaged probabilities `(N, K)`.
            config: Windows, passes and seed.
        """
        window = config.window
        # As many one-pixel steps as fit beside a window, 8 at most; without one the score makes its own room.
        passes = 8 if window is None else min(8, min(held_out.shape[-2:]) - window)
        changes = one_pixel_changes(model, held_out, size=window, passes=passes)
        return cls(
            consistency=consistency(model, held_out, passes=config.passes, window=window, seed=config.seed),
            agreement=agreement(model, targets, held_out, window=window),
            top1_change=changes.top1_change,
            mean_absolute_change=changes.mean_absolute_change,
        )

    def rows(self) -> dict[str, Score]:
        """Return the scores by the names that a table gives them."""
        return {
            "consistency": self.consistency,
            "agreement": self.agreement,
            "P(top-1 change)": self.top1_change,
            "mean absolute change": self.mean_absolute_change,
        }


@dataclass(frozen=True)
class Retrofit(Displayed):
    """What was tried, what was kept and why.

    The scores are those of the images that chose the state, which flatters it a little: for a number to publish,
    measure on images that neither taught nor chose.

    Attributes:
        config: Every choice.
        start: Measurement of the network as it was handed in.
        history: The same measurement of every state that could be kept, in order.
        chosen: Measurement of the state that was kept; `None` if the network is unchanged.
        before: Scores of the network as it was handed in.
        after: Scores of the network as it is now.
        images: Number of images that were learned from.
        stopped: Why it stopped early, empty if it did not.
    """

    config: RetrofitConfig
    start: ValidationStep
    history: tuple[ValidationStep, ...]
    chosen: ValidationStep | None
    before: Scores
    after: Scores
    images: int
    stopped: str = field(default="")

    @property
    def changed(self) -> bool:
        """Whether the network is another one than before."""
        return self.chosen is not None

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        stopped, margin = f"Stopped early: {self.stopped}. " if self.stopped else "", 100 * self.config.margin
        flips = self.start.flips
        if self.chosen is None:
            steadier, was = (
                ("was more consistent", self.start.consistency) if flips is None else ("flipped less often", flips)
            )
            return (
                f"{stopped}The network is unchanged: none of {len(self.history)} states {steadier} than it "
                f"({100 * was:.1f} %) with an agreement within {margin:g} points of its "
                f"{100 * self.start.agreement:.1f} %."
            )
        consistency = self.after.consistency.value - self.before.consistency.value
        agreement = self.after.agreement.value - self.before.agreement.value
        return (
            f"{stopped}Kept {self.chosen} of {self.config.steps}: "
            + ("" if flips is None else f"flips {100 * ((self.chosen.flips or 0) - flips):+.1f} points, ")
            + f"consistency {100 * consistency:+.1f} points, "
            f"agreement {100 * agreement:+.1f} points (margin {margin:g})."
        )

    def display(self) -> Display:
        """Show the verdict and the scores before and after."""
        rows, bars, after = [], [], self.after.rows()
        for name, before in self.before.rows().items():
            change = difference(after[name], before)
            low, high = (f"{100 * bound:+.1f}" for bound in change.interval)
            values = (f"{100 * score.value:.1f}" for score in (before, after[name]))
            rows.append((name, *values, f"{100 * change.value:+.1f} ({low} to {high})"))
            bars.append((*bars_on_one_scale([(one.value, *one.interval, ()) for one in (before, after[name])]), None))
        headings = ("score, %", "before", "after", "difference (95 % interval)")
        return Display(self.verdict, (TextTable(headings=headings, rows=rows, bars=bars),))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "recipe": asdict(self.config),
            "history": [step._asdict() for step in self.history],
            "start": self.start._asdict(),
            "chosen": None if self.chosen is None else self.chosen._asdict(),
            "before": {name: score.to_dict() for name, score in self.before.rows().items()},
            "after": {name: score.to_dict() for name, score in self.after.rows().items()},
            "images": self.images,
            "stopped": self.stopped,
        }


def choose(start: ValidationStep, history: tuple[ValidationStep, ...], margin: float) -> ValidationStep | None:
    """Return the steadiest step whose agreement is within `margin` of the start's; `None` for the start itself.

    The steadiest has the fewest flips where they were measured, else the highest consistency. Of equals the one of
    higher agreement wins, then the earlier one.

    Example:
        >>> start, late = ValidationStep(0, 0.0, 0.60, 0.80), ValidationStep(9, 0.1, 0.70, 0.79)
        >>> choose(start, (ValidationStep(5, 0.1, 0.90, 0.50), late), margin=0.02).step
        9
    """

    def steadiness(step: ValidationStep) -> float:
        return step.consistency if step.flips is None else -step.flips

    # Shares of a few hundred images are float32 means: a difference below 1e-6 is no image.
    within = [step for step in history if step.agreement >= start.agreement - margin - 1e-6]
    better = [step for step in within if steadiness(step) > steadiness(start) + 1e-6]
    return max(better, key=lambda step: (steadiness(step), step.agreement, -step.step), default=None)
