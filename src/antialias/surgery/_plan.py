"""What surgery would do, or did, in a form people read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from antialias._display import Display, Displayed, TextTable
from antialias.nn import Filter

from .edits import Edit, edit_from_dict

Placement = Literal["exact", "paper"]
UPSAMPLES = ("transposed convolution", "pixel shuffle", "interpolation")


@dataclass(frozen=True, kw_only=True)
class Site:
    """One place of a network that subsamples, and what becomes of it.

    Attributes:
        name: Name of the module that subsamples; with `:function` where it calls a function for that.
        kind: `"stem"`, `"convolution"`, `"shortcut"`, `"max pool"`, `"average pool"`, `"dilated"`,
            `"dilated shortcut"`, or what else subsamples and is left; of what upsamples `"transposed convolution"`,
            `"pixel shuffle"` or `"interpolation"`; of what takes a network as a whole `"input"` (copies) or
            `"alignment"`.
        operation: What runs there, such as `"Conv2d 3x3"`.
        stride: Positions per kept position; `(1, 1)` where a stride was turned into dilation; of what upsamples, new
            positions per position.
        channels: Channels the filter sees.
        input_size: Size of the map before, `(H, W)`.
        output_size: Size of the map after.
        action: `"filter"` or `"leave"`.
        place: Where the filter sits, such as `"input of layer2.0.conv3"`; empty if it is left.
        reason: Why there, or why it is left.
        macs: Multiply-adds that the change adds for the observed input.
        parameters: Parameters that the filter adds.
        edits: The changes, as plain data.
    """

    name: str
    kind: str
    operation: str
    stride: tuple[int, ...]
    channels: int
    input_size: tuple[int, ...]
    output_size: tuple[int, ...]
    action: Literal["filter", "leave"]
    place: str = ""
    reason: str = ""
    macs: int = 0
    parameters: int = 0
    edits: tuple[Edit, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the site as plain values for JSON."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return plain | {"edits": [edit.to_dict() for edit in self.edits]}


def site_from_dict(values: Mapping[str, Any]) -> Site:
    """Read back what `Site.to_dict` wrote, also after JSON made lists of tuples."""
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    plain["edits"] = tuple(edit_from_dict(edit) for edit in values["edits"])
    return Site(**plain)


@dataclass(frozen=True)
class Plan(Displayed):
    """What `convert_` would do to a network.

    Attributes:
        network: Class of the network.
        filter: The filter to be placed.
        placement: `"exact"` or `"paper"`.
        sites: Everything that subsamples, in order of execution.
        macs: Multiply-adds of the network as it is, for the observed input.
        parameters: Parameters of the network as it is.
        edits: Changes to the rest of the network, which only filters with a `phase` need: maps that are added keep the
            same samples, upsampled maps return to where they were taken from, borders close to a circle.
        notes: With such filters, where exactness under circular shifts is lost, and why.
    """

    network: str
    filter: Filter
    placement: Placement
    sites: tuple[Site, ...]
    macs: int
    parameters: int
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[Site, ...]:
        """The sites that get a filter."""
        return tuple(site for site in self.sites if site.action == "filter")

    @property
    def skipped(self) -> tuple[Site, ...]:
        """The sites that are left, each with its reason."""
        return tuple(site for site in self.sites if site.action == "leave")

    def __str__(self) -> str:
        return self.text()

    def display(self) -> Display:
        """Show a sentence, a table of the sites, and what is exact."""
        macs, parameters = (sum(getattr(site, key) for site in self.sites) for key in ("macs", "parameters"))
        sentence = (
            f"{self.network}: {counted(len(self.changed), 'site')} to filter with {self.filter}, "
            f"{len(self.skipped)} left. "
            f"Multiply-adds {self.macs / 1e9:.2f} G + {macs / 1e9:.2f} G, "
            f"parameters {self.parameters / 1e6:.2f} M + {parameters / 1e6:.2f} M."
        )
        return Display(sentence, (table_of(self.sites),), exactness(self.filter, self.notes))


def counted(number: int, noun: str) -> str:
    """Return `number` with `noun` in the right number.

    Example:
        >>> counted(1, "site"), counted(2, "site")
        ('1 site', '2 sites')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table_of(sites: Iterable[Site]) -> TextTable:
    """Return a table with a row for each site, numbers first, so that a narrow terminal breaks it before the words."""
    rows = []
    for site in sites:
        stride = "x".join(map(str, site.stride[:1] if len(set(site.stride)) == 1 else site.stride))
        before, after = (
            f"{size[0]}²" if len(size) == 2 and len(set(size)) == 1 else "x".join(map(str, size))
            for size in (site.input_size, site.output_size)
        )
        cost = ("", "") if site.action == "leave" else (f"+{site.macs / 1e6:.1f} M", f"+{site.parameters / 1e3:.1f} k")
        map_size, place = f"{site.channels} x {before} → {after}", site.place or "left"
        way = "x" if site.kind in UPSAMPLES else "/"
        rows.append((site.name, f"{site.operation} {way}{stride}", map_size, *cost, place, site.reason))
    return TextTable(headings=("site", "operation", "map", "MACs", "params", "filter", "why"), rows=rows)


def exactness(filter: Filter, notes: Sequence[str]) -> tuple[str, ...]:
    """Return lines that say whether a network with polyphase filters moves exactly with circular shifts."""
    if filter.phase is None:
        return ()
    if not notes:
        return ("", "A circular shift of the picture only shifts what the network computes, exactly.")
    return ("", "Not exact under circular shifts:", *(f"  {note}" for note in notes))
