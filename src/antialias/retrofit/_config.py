"""Every choice of a retrofit, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Learn = Literal["all", "norms", "filters"]
LEARN: tuple[str, ...] = get_args(Learn)
ChooseBy = Literal["consistency", "flips"]
CHOOSE_BY: tuple[str, ...] = get_args(ChooseBy)


@dataclass(frozen=True, kw_only=True)
class RetrofitConfig:
    """How a network is retrofitted.

    The defaults are careful: `benchmarks/retrofit.py` draws what they trade. Faster rates, batch statistics and a full
    blur buy more stability with answers that are no longer the original's.

    Attributes:
        steps: Updates of the weights; 0 only starts the filters and corrects the statistics.
        batch_size: Images an update.
        learning_rate: AdamW's rate of the network's own parameters, reached after `warmup` steps, cosine to 0.
        filter_rate: The same for the parameters of the adaptive filters. A softmax that starts near the identity
            hardly moves at the network's rate.
        warmup: Steps of linear warm-up.
        learn: `"all"` parameters that require gradients, only the `"norms"` and filters, or only the `"filters"`.
        frozen: Share of the layers, counted from the input in the order of definition, that stay as they are; filters
            learn wherever they are. Early layers cost the most time and are the least to blame for large shifts.
        views: Windows of each image in an update.
        radius: `None`: what is taught is the mean over `shifts` windows of the whole image, computed once. A number:
            the views of an update lie within so many pixels of one another, and what is taught in each is the teacher's
            mean over the others, which is nearer to its answer there.
        agreement: Weight of the Jensen-Shannon divergence between the network's own answers to the views of an image.
            It softens answers more than it steadies them.
        hflip: Mirror every other image, at random.
        temperature: Both answers are softened by it before they are compared, so that small probabilities teach too.
        shifts: Windows of each image over which the original's answers are averaged.
        window: Side of the windows in pixels; 7/8 of the images' side if `None`.
        strength: Where adaptive filters that hand their input on start: 0 stays there, 1 is the binomial blur.
        match_statistics: Correct the running statistics of BatchNorm for what the filters took out, before learning.
        least_squares: Before learning, fit the pointwise convolutions that narrow a map in closed form: each to the
            mean of the original's maps over the views of an image (set `views` and `radius`). `steps=0` does no more.
        fit_images: Images of that fit, in whole batches. It takes some 20 MB an image (four views of 224 pixels of
            EfficientNet-Lite0), since all wait at a layer until it is fitted.
        ridge: How strongly it draws weights to what they were; `None` lets images that are left out decide, layer by
            layer.
        average: Decay of the exponential average of the weights; the average is what is kept.
        choose_by: The state kept has the highest `"consistency"` or the fewest `"flips"`, the mean over distances of
            one to three pixels and three directions (`metrics.measure_classifier`).
        margin: How much agreement with the original's shift-averaged answers may fall, as a share of the images.
        evaluate_every: Steps between two measurements on the held-out images.
        passes: Pairs of windows an image in those measurements.
        shares: After the last step, states this far from the start to the end are measured too.
        seed: Chooses batches, windows and the held-out images.

    Raises:
        ValueError: A value is out of range.
    """

    steps: int = 150
    batch_size: int = 16
    learning_rate: float = 2e-5
    filter_rate: float = 1e-3
    warmup: int = 10
    learn: Learn = "all"
    frozen: float = 0.0
    views: int = 1
    radius: int | None = None
    agreement: float = 0.0
    hflip: bool = False
    temperature: float = 3.0
    shifts: int = 8
    window: int | None = None
    strength: float = 0.2
    match_statistics: bool = True
    least_squares: bool = False
    fit_images: int = 256
    ridge: float | None = None
    average: float = 0.98
    choose_by: ChooseBy = "consistency"
    margin: float = 0.02
    evaluate_every: int = 50
    passes: int = 4
    shares: tuple[float, ...] = (0.25, 0.5, 0.75)
    seed: int = 0

    def __post_init__(self) -> None:
        counts = {"steps": 0, "batch_size": 1, "warmup": 0, "shifts": 1, "evaluate_every": 1, "passes": 1, "views": 1}
        counts |= {"agreement": 0, "fit_images": 1} | ({} if self.radius is None else {"radius": 2})
        for name, least in counts.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)} is too small. Use {least} or more.")
        for name in ("radius", "agreement"):
            if getattr(self, name) and self.views < 2:
                raise ValueError(f"{name}={getattr(self, name)} needs several views of an image. Use views=2 or more.")
        for name in ("learning_rate", "filter_rate", "temperature", "ridge"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} is not positive. Use a number above 0.")
        for name in ("strength", "margin", "frozen"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} is no share. Use a number from 0 to 1.")
        if not all(0 < share < 1 for share in self.shares):
            raise ValueError(f"shares={self.shares} are not all between 0 and 1. Use shares such as (0.5,).")
        if not 0 <= self.average < 1:
            raise ValueError(f"average={self.average} is no decay. Use a number from 0 to below 1.")
        if self.learn not in LEARN:
            raise ValueError(f"learn={self.learn!r} is unknown. Use {', '.join(map(repr, LEARN))}.")
        if self.choose_by not in CHOOSE_BY:
            raise ValueError(f"choose_by={self.choose_by!r} is unknown. Use {', '.join(map(repr, CHOOSE_BY))}.")
