"""The network as it is, and what the page's switches make of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from antialias.mend import Remedy, group_name, macs_of, price
from antialias.metrics import Adapter, ClassScores, DenseValues, Instances, LabelMaps, adapter_for
from antialias.models import class_names, imagenet_labels
from antialias.nn import Adaptive, AdaptiveBlurPool2d, Filter, Fixed
from antialias.surgery import conversion_of, phase_groups, unconverted_copy

AS_IT_IS = "as it is"
FILTERS: Mapping[str, tuple[str, Filter | None]] = {
    "none": ("none", None),
    "fixed": ("fixed, 3 x 3 binomial", Fixed(kernel_size=3)),
    "adaptive": ("adaptive, which start as identities", Adaptive(kernel_size=3)),
}
"""By the word of the switch: what the page calls it, and the filter that all sites get."""
_PHASES = (2, 4)
_HELD = 4


@dataclass(frozen=True)
class Choice:
    """What the switches of the page say about the second network.

    Attributes:
        filter: `"none"`, `"fixed"`, `"adaptive"`, or `"mended"` for the file that was given.
        phases: Number of the offer of averages over phases, from 1; 0 for none.
    """

    filter: str = "none"
    phases: int = 0


@dataclass(frozen=True)
class Offer:
    """One way to average over phases that a network can split for.

    Attributes:
        phases: How many.
        sites: Where.
        cost: Multiply-adds relative to the network as it is.
    """

    phases: int
    sites: tuple[str, ...]
    cost: float

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"{self.phases} phases at {group_name(self.sites)}"


@dataclass(frozen=True)
class Network:
    """A network as the page shows it.

    Attributes:
        name: What the page calls it.
        adapter: Shows it images.
        cost: Multiply-adds relative to the network as it is.
        macs: Multiply-adds of a run for one window.
    """

    name: str
    adapter: Adapter
    cost: float
    macs: int

    @property
    def predicts_filters(self) -> bool:
        """Whether it predicts its filters."""
        model = self.adapter.model
        return isinstance(model, nn.Module) and any(isinstance(one, AdaptiveBlurPool2d) for one in model.modules())


class Networks:
    """The network as it is, beside others that are made of it when they are first chosen.

    Args:
        model: The network, or an adapter where an image cannot tell what it answers.
        window: What it is shown at first, pixels `(3, h, w)` in [0, 1]; costs are of windows of this size.
        mended: Another network of the same answers to put beside it.
        classes: Names of its classes; by default what it says itself, or ImageNet's where there are 1000.

    Attributes:
        first: The network as it is.
        offers: The averages over phases that it can split for, the cheapest first.
        refused: Why it cannot be split, where it cannot.

    Raises:
        ValueError: The mended network gives another kind of answer.
        TypeError: The network's answer is of no known kind.
    """

    def __init__(
        self,
        model: nn.Module | Adapter,
        window: Tensor,
        *,
        mended: nn.Module | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        adapter = adapter_for(model, window)
        network, self.window, self.mended = adapter.model, window, None
        assert isinstance(network, nn.Module)
        self.example: Any = self.input_of(adapter)
        macs = self.macs_with_filters(network)
        self.first = Network(AS_IT_IS, adapter, 1.0, macs)
        if mended is not None:
            self.mended = adapter_for(mended, window)
            if type(self.mended) is not type(adapter):
                raise ValueError(
                    f"The mended network gives {type(self.mended).__name__}, the other {type(adapter).__name__}. "
                    "Give two of one kind."
                )
        known = classes or class_names(network)
        if known is None and isinstance(adapter, ClassScores) and adapter(window[None]).shape[1] == 1000:
            known = imagenet_labels()
        self.classes = tuple(known) if known is not None else None
        self.offers, self.refused = self._offers(network)
        self._built: OrderedDict[Choice, Network] = OrderedDict()

    def input_of(self, adapter: Adapter) -> Any:
        """Return what a network is given for the first window."""
        inputs = adapter.inputs(self.window[None])
        return [inputs[0]] if isinstance(adapter, Instances) else inputs

    def macs_with_filters(self, network: nn.Module) -> int:
        """Return the multiply-adds of a run for a window: those of the network without its filters, and what these add.

        Where a network answers as many shifted copies as an image needs, `runs_of` says how many runs that were.
        """
        conversion = conversion_of(network)
        if conversion is None:
            return macs_of(network, self.example)
        return macs_of(unconverted_copy(network), self.example) + sum(
            site.macs for site in conversion.changed if site.kind != "input"
        )

    def _offers(self, network: nn.Module) -> tuple[tuple[Offer, ...], str]:
        offers: list[Offer] = []
        refused = "no site was found whose phases could be averaged"
        try:
            for sites in phase_groups(network, self.example):
                behind = price(network, self.example, ((2, sites),)) - 1
                offers += [Offer(count, sites, 1 + (count - 1) * behind) for count in _PHASES]
        except (ValueError, RuntimeError) as error:
            refused = str(error)
        return tuple(sorted(offers, key=lambda one: one.cost)), "" if offers else refused.rstrip(".")

    @property
    def filters(self) -> dict[str, str]:
        """What the page's switch offers, by its word."""
        words = {word: words for word, (words, _) in FILTERS.items()}
        return words | ({"mended": "the mended network"} if self.mended is not None else {})

    @cached_property
    def start(self) -> Choice:
        """What the page shows first: the mended network, else two phases as early as they can be, or a fixed filter.

        Of stills, two phases of the input are known to take flips away; cheaper averages do less (docs/mending.md).
        """
        if self.mended is not None:
            return Choice("mended")
        offers = sorted(enumerate(self.offers, 1), key=lambda one: (one[1].phases, -one[1].cost))
        for choice in [*(Choice("none", number) for number, _ in offers), Choice("fixed")]:
            with suppress(ValueError):
                self.shown(choice)
                return choice
        return Choice()

    def checked(self, filter: Any, phases: Any) -> Choice:
        """Return a choice of what there is.

        Raises:
            ValueError: There is no such filter or no such offer.
        """
        if not isinstance(filter, str) or filter not in self.filters:
            raise ValueError(f"filter={filter!r} is not offered. Use one of: {', '.join(self.filters)}.")
        if not isinstance(phases, int) or isinstance(phases, bool) or not 0 <= phases <= len(self.offers):
            raise ValueError(f"phases={phases!r} is not offered. Use 0 for none to {len(self.offers)}.")
        return Choice(filter, phases)

    def shown(self, choice: Choice) -> tuple[Network, ...]:
        """Return the network as it is and, unless nothing is chosen, the one that the switches make of it.

        Raises:
            ValueError: The network cannot be changed so; the message says why.
        """
        if choice == Choice():
            return (self.first,)
        if choice not in self._built:
            self._built[choice] = self._build(choice)
            while len(self._built) > _HELD:
                self._built.popitem(last=False)
        self._built.move_to_end(choice)
        return self.first, self._built[choice]

    def _build(self, choice: Choice) -> Network:
        base = self.mended if choice.filter == "mended" and self.mended is not None else self.first.adapter
        filter = FILTERS[choice.filter][1] if choice.filter in FILTERS else None
        offer = self.offers[choice.phases - 1] if choice.phases else None
        words = [] if choice.filter == "none" else [f"{choice.filter} filters" if filter else "mended"]
        name = ", ".join(words + ([offer.name] if offer else []))
        remedy = Remedy(name=name, filter=filter, phases=((offer.phases, offer.sites),) if offer else ())
        model = base.model
        assert isinstance(model, nn.Module)
        try:
            changed = remedy.on_copy(model, self.example) if remedy.applies else model
        except RuntimeError as error:
            raise ValueError(f"The network does not run with {name}: {error}") from error
        macs = self.macs_with_filters(changed)
        return Network(name, replace(base, model=changed), macs / (self.first.macs or 1), macs)


def kind_of(adapter: Adapter) -> str:
    """Return what a network answers, in the page's word.

    Example:
        >>> kind_of(ClassScores(nn.Identity()))
        'classes'
    """
    kinds = {ClassScores: "classes", LabelMaps: "labels", Instances: "objects", DenseValues: "values"}
    return next(word for kind, word in kinds.items() if isinstance(adapter, kind))
