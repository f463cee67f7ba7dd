"""What the numbers mean: stable codes, each with one of four results, so that silence never means two things."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from antialias.metrics import Score

if TYPE_CHECKING:
    from ._result import SiteDiagnosis

Result = Literal["problem", "hint", "fine", "not applicable"]
"""Mending helps, by an interval above zero; something speaks for it; nothing does; or it could not be measured."""

LARGE = 0.1
"""Alias share from which a site whose mending does not measurably help is a hint."""


@dataclass(frozen=True)
class Code:
    """A stable name of something that can be wrong, with a section of its own in docs/diagnosis.md.

    Attributes:
        code: Such as `"AA001"`; it never means anything else.
        title: What is wrong, in a few words.
        subject: What it is of, such as `"strided stem"`.
        kinds: The kinds of sites that it is of; none of the network as a whole.
        explanation: The section in docs/diagnosis.md, without its heading.
    """

    code: str
    title: str
    subject: str
    kinds: tuple[str, ...] = ()
    explanation: str = ""

    @property
    def page(self) -> str:
        """Where it is explained."""
        return f"docs/diagnosis.md#{self.code.lower()}"


CODES = (
    Code(
        "AA001",
        "stem aliases",
        "strided stem",
        ("stem",),
        "The first strided convolution reads pixels and decides what the rest ever sees. Averaging its phases "
        "is averaging the answers for shifted copies of the image, at as many times the cost. It is often the "
        "dearest place to mend and seldom the best one: compare its row with those below it. A stem of "
        "patches that do not overlap has no map to filter; its phases can be averaged.",
    ),
    Code(
        "AA002",
        "strided convolution aliases",
        "strided convolution",
        ("convolution",),
        "The convolution keeps every s-th position of a map that holds more detail than the new grid can. "
        "Average its phases (`aa.convert_(model, aa.PhaseAverage(), where=...)`), or filter (`aa.Fixed()`, "
        "`aa.Adaptive()`) and let the network learn (`aa.retrofit_`). A large alias share without an effect "
        "says that what follows does not listen to the detail.",
    ),
    Code(
        "AA003",
        "strided shortcut aliases",
        "strided shortcut",
        ("shortcut",),
        "A 1x1 convolution with a stride does not look at what it skips: three quarters of the map are thrown "
        "away unseen, so that its alias share is often larger than that of the branch beside it. Both meet in "
        "a sum and share a phase, and so the effect.",
    ),
    Code(
        "AA004",
        "max pool aliases",
        "max pool",
        ("max pool",),
        "Taking the maximum makes detail, which the stride then folds. The maximum at stride 1 followed by a "
        "filter keeps the network's function and removes the fold: `aa.convert_` does so.",
    ),
    Code(
        "AA005",
        "average pool aliases",
        "average pool",
        ("average pool",),
        "An average over a window is a poor low-pass filter: a 2x2 mean leaves half of the amplitude at the "
        "limit. A wider filter behind the average at stride 1 helps where this does.",
    ),
    Code(
        "AA006",
        "filtered site still aliases",
        "filtered site",
        ("filter",),
        "There is a filter of this package already, and what it lets through still aliases. A short filter "
        "leaves some of it; an adaptive one starts as an identity and filters nothing until it has learned.",
    ),
    Code(
        "AA007",
        "subsampling without a layer aliases",
        "subsampling by slices, views or sizes",
        (),
        "A slice with a step, a resize without antialiasing, a pool of a view or a function that no layer "
        "owns. The row says which line of code; the remedy is a layer there, or `antialias=True` in "
        "`interpolate`.",
    ),
    Code(
        "AA008",
        "borders change the answer",
        "borders",
        (),
        "Flips that the move brings and the sites do not: content that enters and leaves, and zeros that "
        "padding puts beside it. No filter mends them. Larger windows, circular or reflected padding, or less "
        "weight on the border do.",
    ),
    Code(
        "AA009",
        "resizing changes the answer",
        "resizing",
        (),
        "A detector resizes its images by a factor that is no whole number, so that a move by one pixel "
        "samples them elsewhere. The share is flips as it is minus flips of moves made after resizing, by the "
        "nearest whole number of the network's own pixels. Resize once, outside, with antialiasing.",
    ),
    Code(
        "AA010",
        "suppression changes the answer",
        "suppression",
        (),
        "Non-maximum suppression keeps one of several overlapping instances, and after a move another one. "
        "The share is flips as it is minus those that are left where an instance may be found again among the "
        "suppressed ones. Fusing instead of suppressing mends it.",
    ),
)
OF_NETWORK = {"borders": CODES[7], "resizing": CODES[8], "suppression": CODES[9]}


@dataclass(frozen=True)
class Check:
    """What was found under one code.

    Attributes:
        code: Which.
        result: Problem, hint, fine or not applicable.
        reason: In a few words.
        sites: Names of the sites it is of; none if it is of the network, or there is none.
    """

    code: Code
    result: Result
    reason: str
    sites: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.code.code} {self.code.title}: {self.result}; {self.reason}"


def code_of(kind: str) -> Code:
    """Return the code of a kind of site.

    Example:
        >>> code_of("stem").code, code_of("pool of a view").code
        ('AA001', 'AA007')
    """
    return next((code for code in CODES if kind in code.kinds), CODES[6])


def judge_site(site: SiteDiagnosis) -> tuple[Result, str]:
    """Say what the numbers of a site mean, and why.

    A problem is what mending measurably helps: the interval of the effect of averaging its phases lies above zero, or
    that of an ideal filter where phases cannot be averaged. A hint is an ideal filter that helps where averages do not,
    or a map with more than a tenth of its energy above the limit.
    """
    remedy, effect = "averaging its phases", site.effect
    if effect is None:
        remedy, effect = "an ideal filter", site.ideal
    if effect is not None and effect.interval[0] > 0:
        return "problem", f"{remedy} lowers one-pixel flips"
    if site.effect is not None and site.ideal is not None and site.ideal.interval[0] > 0:
        return "hint", "an ideal filter lowers one-pixel flips, averaging its phases not measurably"
    if site.alias_share is not None and site.alias_share.interval[0] > LARGE:
        measured = f"{remedy} does not measurably help" if effect is not None else "its effect could not be measured"
        return "hint", f"{100 * site.alias_share.value:.0f} % of its map's energy is above the limit; {measured}"
    if effect is not None:
        return "fine", f"{remedy} does not measurably lower one-pixel flips"
    if site.alias_share is not None:
        return "fine", f"little of its map's energy is above the limit; effect: {site.reasons.get('effect', '')}"
    return "not applicable", "; ".join(dict.fromkeys(site.reasons.values()))


def judge_network(subject: str, share: Score | None, reason: str) -> Check:
    """Say what a share of the flips that comes from around the sites means.

    Args:
        subject: `"borders"`, `"resizing"` or `"suppression"`.
        share: Flips as they are minus those without it; `None` if that could not be measured.
        reason: Why not.
    """
    code = OF_NETWORK[subject]
    if share is None:
        return Check(code, "not applicable", reason)
    amount = f"{100 * share.value:+.1f} points of one-pixel flips"
    if share.interval[0] > 0:
        return Check(code, "problem", amount)
    if share.interval[1] > 0.01 and share.value > 0:
        return Check(code, "hint", f"{amount}, not more than chance")
    return Check(code, "fine", amount)


def judge_sites(sites: Iterable[SiteDiagnosis]) -> list[Check]:
    """Sum up the sites of each code: the worst result counts; a code without a site is not applicable."""
    order: tuple[Result, ...] = ("problem", "hint", "fine", "not applicable")
    checks, sites = [], list(sites)
    for code in CODES[:7]:
        own = [site for site in sites if site.code == code.code]
        if not own:
            checks.append(Check(code, "not applicable", f"the network has no {code.subject}"))
            continue
        worst = min((site.result for site in own), key=order.index)
        of_worst = [site for site in own if site.result == worst]
        checks.append(Check(code, worst, of_worst[0].reason, tuple(site.name for site in of_worst)))
    return checks
