"""The filter configs that people use: filters, weights and choices of samples, and averages without a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, Literal

from antialias.nn._checks import check_binomial, check_groups, check_odd, check_one_of, largest_divisor
from antialias.nn.layers import (
    PHASES,
    TAPS,
    AdaptiveBlurPool1d,
    AdaptiveBlurPool2d,
    AdaptiveBlurPool3d,
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    ImportancePool2d,
    Init,
    Phase,
    PhaseSplit2d,
    Taps,
    check_init,
    check_period,
)
from antialias.nn.predictor import PREDICTORS, PredictorKind
from antialias.ops import Normalize, PaddingMode

from ._filter import Filter, Place

_BLURS = {1: BlurPool1d, 2: BlurPool2d, 3: BlurPool3d}
_ADAPTIVE = {1: AdaptiveBlurPool1d, 2: AdaptiveBlurPool2d, 3: AdaptiveBlurPool3d}


@dataclass(frozen=True, kw_only=True, repr=False)
class Fixed(Filter):
    """The fixed binomial blur of Zhang (ICML 2019), of sequences, maps and volumes.

    Along a dimension that is not subsampled while the other is, such as the first of stride `(1, 2)`, it does not
    filter: there is nothing to alias.

    Attributes:
        kernel_size: Taps of the filter, 1 to 7.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.

    Example:
        >>> Fixed(kernel_size=5).build(8, (2, 2)).kernel_size
        (5, 5)
    """

    dims: ClassVar[tuple[int, ...]] = (1, 2, 3)

    kernel_size: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_binomial(self.kernel_size)

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> BlurPool1d | BlurPool2d | BlurPool3d:
        sizes, blur_pool = place.sizes(self.kernel_size), _BLURS[len(stride)]
        return blur_pool(place.channels, sizes, stride, self.padding_mode, device=place.device, dtype=place.dtype)


@dataclass(frozen=True, kw_only=True, repr=False)
class Adaptive(Filter):
    """The content-adaptive filter of Zou et al. (BMVC 2020), of sequences, maps and volumes.

    In a volume, where taps are dear, a dimension that is not subsampled while another is gets one.

    Attributes:
        kernel_size: Side of the filters in samples, odd.
        groups: Channel groups with filters of their own. Where it does not divide the channels of a place, the
            largest divisor not above it is used there.
        normalize: `"group"` or `"joint"`, see `AdaptiveBlurPool2d`.
        init: `"paper"`, `"binomial"`, `"identity"`, or `None`: identity when a trained network is converted.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.
        predictor: `"full"` or, each several times cheaper than the one before, `"separable"` and `"bottleneck"`, see
            `AdaptiveBlurPool2d`. `None`: bottleneck where a depthwise convolution loses its stride, which costs
            less than a full predictor, and full elsewhere.

    Example:
        >>> Adaptive(groups=8).build(12, (2, 2)).groups
        6
    """

    dims: ClassVar[tuple[int, ...]] = (1, 2, 3)

    kernel_size: int = 3
    groups: int = 8
    normalize: Normalize = "group"
    init: Init | None = None
    predictor: PredictorKind | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.kernel_size)
        check_init(self.init, self.normalize)
        if self.predictor is not None:
            check_one_of("predictor", self.predictor, PREDICTORS)
        check_groups(self.groups)

    def at_depthwise(self) -> Adaptive:
        """Return the config with the bottleneck, where it names no predictor."""
        return self if self.predictor is not None else replace(self, predictor="bottleneck")

    def groups_for(self, channels: int) -> int:
        """Return the number of groups used at a place with `channels` channels."""
        return largest_divisor(self.groups, channels)

    def _low_pass(
        self, place: Place, stride: tuple[int, ...]
    ) -> AdaptiveBlurPool1d | AdaptiveBlurPool2d | AdaptiveBlurPool3d:
        return _ADAPTIVE[len(stride)](
            place.channels,
            self.kernel_size if len(stride) == 2 else place.sizes(self.kernel_size),
            stride,
            self.groups_for(place.channels),
            self.normalize,
            self.init or ("paper" if self.normalize == "joint" else place.init),
            self.padding_mode,
            self.predictor or "full",
            frozen_norm=place.frozen_norm,
            device=place.device,
            dtype=place.dtype,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Importance(Filter):
    """Local importance pooling of Gao et al. (ICCV 2019): a window's average, weighted by what the content says.

    It starts as its window's average, also in a trained network, whose function that changes.

    Attributes:
        kernel_size: Side of the window in samples, odd.
        groups: Channel groups with an importance of their own; `None`: each channel, as published. Where it does not
            divide the channels of a place, the largest divisor not above it is used there.
        taps: How samples of a window count beside their importance: `"equal"`, as published, or `"binomial"`, which
            starts as `Fixed` does.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.

    Example:
        >>> Importance(groups=8).build(12, (2, 2)).groups
        6
    """

    kernel_size: int = 3
    groups: int | None = None
    taps: Taps = "equal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.kernel_size)
        check_one_of("taps", self.taps, TAPS)
        if self.groups is not None:
            check_groups(self.groups)

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> ImportancePool2d:
        return ImportancePool2d(
            place.channels,
            place.sizes(self.kernel_size),
            stride,
            None if self.groups is None else largest_divisor(self.groups, place.channels),
            self.taps,
            self.padding_mode,
            frozen_norm=place.frozen_norm,
            device=place.device,
            dtype=place.dtype,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Polyphase(Filter):
    """Adaptive polyphase sampling of Chaman and Dokmanic (CVPR 2021), or its learned form, without a filter.

    A low-pass filter in front of it is `Fixed(phase=...)` or `Adaptive(phase=...)`.

    Attributes:
        padding_mode: How borders are continued; with `"circular"`, a converted network's convolutions and pools
            continue theirs in the same way, which makes it exactly invariant to circular shifts.
        phase: `"norm"` or `"learned"`, see `PolyphasePool2d`.

    Raises:
        ValueError: `phase` is `None`, which leaves nothing to do, `"input_norm"`, which needs a filter, or unknown.

    Example:
        >>> Polyphase().build(8, (2, 2))
        PolyphasePool2d(8, stride=(2, 2), phase='norm', padding_mode='circular')
    """

    padding_mode: PaddingMode = "circular"
    phase: Phase | None = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_of("phase", self.phase, PHASES)
        if self.phase == "input_norm":
            raise ValueError("phase='input_norm' chooses before a filter, and Polyphase has none. Use phase='norm'.")

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> None:
        return None


@dataclass(frozen=True, kw_only=True, repr=False)
class PhaseAverage(Filter):
    """No filter: several sampling phases run through the rest of the network, and its answers are averaged.

    It raises the sampling rate where a blur would lower the bandwidth. Nothing has to be learned; what follows the
    place runs once for each phase. At the first strided operation it averages the answers for shifted copies of the
    image, further down it costs less.

    Attributes:
        phases: 1 leaves the network as it is; 2 are (0, 0) and, half a stride on in both directions, (s // 2, s // 2);
            4 are all pairs of 0 and s // 2; `"all"` are the `s * s` phases of stride s.
        until: Names of modules whose maps are averaged over the phases that run there; what follows runs once, on a map
            of which the rest of the network knows the kind. Phases that meet none are averaged in the answers.
        padding_mode: How a map is continued where a phase has a sample more than it.
        phase: Refused: nothing is chosen.

    Raises:
        ValueError: `phases` is something else, `until` holds no names, `phase` is not `None`, or the padding mode is
            unknown.

    Example:
        >>> PhaseAverage(phases=2).offsets((2, 2))
        ((0, 0), (1, 1))
        >>> len(PhaseAverage(phases="all").offsets((4, 4)))
        16
    """

    padding_mode: PaddingMode = "replicate"
    phases: Literal[1, 2, 4, "all"] = 4
    until: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        names = (self.until,) if isinstance(self.until, str) else tuple(self.until)
        if not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"until={self.until!r} holds no names of modules. Use such as 'layer1', or several.")
        object.__setattr__(self, "until", names)
        if isinstance(self.phases, bool) or self.phases not in (1, 2, 4, "all"):
            raise ValueError(f"phases={self.phases!r} is not offered. Use 1, 2, 4 or 'all'.")
        if self.phase is not None:
            raise ValueError(f"phase={self.phase!r}: PhaseAverage keeps its phases and chooses none. Leave phase out.")

    def offsets(self, stride: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """Return the first row and column of each phase that runs, at a place of this stride."""
        rows, columns = stride
        half = (rows // 2, columns // 2)
        if self.phases == 1:
            return ((0, 0),)
        if self.phases == 2:
            return tuple(dict.fromkeys([(0, 0), half]))
        if self.phases == 4:
            return tuple(dict.fromkeys(product((0, half[0]), (0, half[1]))))
        return tuple(product(range(rows), range(columns)))

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> PhaseSplit2d:
        return PhaseSplit2d(place.channels, stride, self.offsets((stride[0], stride[1])), self.padding_mode)


@dataclass(frozen=True, kw_only=True, repr=False)
class PhaseAlignment(Filter):
    """No filter: a classifier sees each image in a window that is aligned with what the image shows.

    A network with strides of `s` in all answers an image that moved by `s` as it did before, but for borders. Here the
    window moves, by `period / 2` pixels at most, so that what the image shows always meets the strides alike, at the
    cost of no further run of the network. See `PhaseAlign2d` for how, and for when the window jumps.

    Attributes:
        period: Pixels of the grid that windows are aligned with, 2 to 64. The larger, the more of the strides are met
            alike and the rarer are jumps, and the more of an image's border is moved out or continued.
        padding_mode: How an image is continued.
        phase: Refused: nothing is chosen inside.

    Raises:
        ValueError: `period` is out of range, `phase` is not `None`, or the padding mode is unknown.

    Example:
        >>> PhaseAlignment(period=16)
        PhaseAlignment(padding_mode='reflect', period=16)

    Source: See `PhaseAlign2d`.
    """

    padding_mode: PaddingMode = "reflect"
    period: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_period(self.period)
        if self.phase is not None:
            raise ValueError(
                f"phase={self.phase!r}: PhaseAlignment moves the image and chooses no samples. Leave it out."
            )

    def why_not(self, dims: int) -> str:
        """Say why it is no layer at a site."""
        return "it moves the input of a whole network, no map: use convert_(network, PhaseAlignment())"

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> None:
        return None


_LATTICE = ((0, 0), (3, 1), (-3, -1), (1, 3), (-1, -3), (2, -2), (-2, 2), (-4, -4))


@dataclass(frozen=True, kw_only=True, repr=False)
class ShiftAverage(Filter):
    """No filter: a classifier's answers to shifted copies of an image are averaged, as many as that image needs.

    One copy after another is answered until the two best classes of the logits' sum lie `threshold` apart. Logits are
    log-likelihoods up to a constant, so this is Wald's sequential test between the two: an image far from a decision
    costs one run, and the runs go where a shift would change the answer. Without a threshold every image is answered
    in all copies, which costs `copies` times the network.

    Copies are moved by at most four pixels, along the points of a lattice of which every row and every column has one,
    so that few of them stand for all ways in which strides of up to eight can meet an image.

    Attributes:
        copies: Most copies of an image, 2 to 8, itself among them.
        threshold: How far apart the two best classes have to be in the sum of logits; `None`: all copies are averaged.
        padding_mode: How a copy is continued beyond the image.
        phase: Refused: nothing is chosen.
        most: The most copies that there are.

    Raises:
        ValueError: `copies` is out of range, `threshold` is not positive, `phase` is not `None`, or the padding mode is
            unknown.

    Example:
        >>> ShiftAverage(copies=3, threshold=1.0).offsets
        ((0, 0), (3, 1), (-3, -1))

    Source: Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16, 1945; Son & Kang,
        "Efficient improvement of classification accuracy via selective test-time augmentation", Information Sciences
        642, 2023, run more copies of uncertain images alone.
    """

    most: ClassVar[int] = len(_LATTICE)

    padding_mode: PaddingMode = "replicate"
    copies: int = most
    threshold: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.copies, bool) or self.copies not in range(2, self.most + 1):
            raise ValueError(f"copies={self.copies!r} is not offered. Use 2 to {self.most}.")
        if self.threshold is not None and not self.threshold > 0:
            raise ValueError(f"threshold={self.threshold!r} is not above 0. Use such as 1.0, or None for all copies.")
        if self.phase is not None:
            raise ValueError(f"phase={self.phase!r}: ShiftAverage chooses no samples. Leave phase out.")

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns that the window of each copy is moved by, the image itself first."""
        return _LATTICE[: self.copies]

    def why_not(self, dims: int) -> str:
        """Say why it is no layer."""
        return "it averages the answers of a whole network, which a layer cannot: use convert_(network, ShiftAverage())"

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> None:
        return None
