"""Options that several verbs share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, Literal, get_type_hints

import torch
from cyclopts import Parameter
from docstring_parser import parse
from torch import Tensor, nn

from antialias.data import open_data
from antialias.models import OnnxOptions, build, load_onnx
from antialias.nn import Adaptive, Filter, Fixed, Polyphase
from antialias.surgery import input_size, random_input

FILTERS: dict[str, Any] = {
    kind.__name__.lower(): kind for kind in (Adaptive, Fixed, Polyphase, *Filter.__subclasses__())
}
"""The filter configs by their words on the command line."""


@dataclass(frozen=True, kw_only=True)
class FilterChoice:
    """Which low-pass filter, in the words of its config; what is not given is the filter's own default.

    Attributes:
        filter: The filter that follows each downsampling.
    """

    filter: Literal[*FILTERS] = "adaptive"  # type: ignore[valid-type]

    def config(self) -> Filter:
        """Return the filter config that the options name.

        Raises:
            ValueError: An option is not one of this filter's.
        """
        kind = FILTERS[self.filter]
        known = [each.name for each in fields(kind)]
        given = {name: value for name, value in vars(self).items() if name != "filter" and value is not None}
        if unknown := sorted(given.keys() - set(known)):
            flag, flags = unknown[0].replace("_", "-"), [f"--{name.replace('_', '-')}" for name in known]
            raise ValueError(f"--{flag} is no option of the {self.filter} filter. Use some of: {', '.join(flags)}.")
        return kind(**given)


def _filter_flags() -> list[tuple[str, Any, Any]]:
    """Make a flag of each field of each filter config, in the config's own words; `None` is one that was not given."""
    flags = []
    for name in dict.fromkeys(each.name for kind in FILTERS.values() for each in fields(kind)):
        kinds = {word: kind for word, kind in FILTERS.items() if name in {each.name for each in fields(kind)}}
        first = next(iter(kinds.values()))
        words = {each.arg_name: each.description for kind in (first, Filter) for each in parse(kind.__doc__).params}
        whose = "" if len(kinds) == len(FILTERS) else f" ({', '.join(kinds)})"
        shown = Parameter(help=f"{str(words[name]).rstrip('.')}{whose}.", negative_iterable=(), consume_multiple=True)
        flags.append((name, Annotated[get_type_hints(first)[name] | None, shown], field(default=None)))  # type: ignore
    return flags


FilterOptions = Parameter(name="*")(
    make_dataclass(
        "FilterOptions",
        _filter_flags(),
        bases=(FilterChoice,),
        namespace={"__doc__": FilterChoice.__doc__, "__module__": __name__},
        frozen=True,
        kw_only=True,
    )
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainedFilterOptions(FilterOptions):  # type: ignore[misc, valid-type]
    """Which low-pass filter, or none.

    Attributes:
        filter: The filter that follows each downsampling; `none` trains a plain network.
    """

    filter: Literal[*FILTERS, "none"] = "adaptive"  # type: ignore[assignment, valid-type]

    def config_or_none(self) -> Filter | None:
        """Return the filter config that the options name, if they name one."""
        return None if self.filter == "none" else self.config()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SurgeryOptions:
    """What is replaced and where the filters go.

    Attributes:
        placement: `exact` keeps pooling windows and so the network's function; `paper` is as published.
        stem: Antialias the first convolution too; by default only where the samples to keep are chosen.
        where: Names of sites, with wildcards, such as `layer3.*`; all if none is given.
        sites: `down` is what subsamples, `up` what upsamples: transposed convolutions and the like.
        size: Side of the square example picture or of a clip's frames in pixels, or length of the signal, that is shown
            to the network; the network's own if none.
    """

    placement: Literal["exact", "paper"] = "exact"
    stem: bool | None = None
    where: Annotated[list[str] | None, Parameter(negative=())] = None
    sites: Literal["down", "up"] = "down"
    size: int | None = None

    def keywords(self) -> dict[str, Any]:
        """Return the arguments of `inspect` and `convert_`."""
        return {"placement": self.placement, "stem": self.stem, "where": self.where, "sites": self.sites}

    def example(self, model: nn.Module) -> Tensor:
        """Return an example batch of one picture, clip or signal."""
        return random_input(model, self.size)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OnnxFlags(OnnxOptions):
    """What ONNX files do not say of themselves.

    Attributes:
        mean: Of an ONNX file's input, one number or one a channel, in the range of --scale.
        std: Of an ONNX file's input, likewise.
        scale: What white is for an ONNX file: 1, or 255 if it takes pixels from 0 to 255.
        channels: Their order in an ONNX file's input.
        layout: Where an ONNX file's input has its channels, if its shape does not say.
        side: Height and width that windows are resized to for an ONNX file that takes any.
        multiple_of: An ONNX file takes heights and widths that are multiples of this.
        output: Which of an ONNX file's outputs is scored.
        kind: What an ONNX file's output is, if its shape does not say.
        threshold: From where on an ONNX file's probabilities are of the second of two classes (--kind labels).
    """

    side: Annotated[tuple[int, int] | None, Parameter(negative_iterable=())] = None
    mean: Annotated[tuple[float, ...] | None, Parameter(negative_iterable=(), consume_multiple=True)] = None
    std: Annotated[tuple[float, ...] | None, Parameter(negative_iterable=(), consume_multiple=True)] = None


def built(names: Mapping[str, str], weights: str | None, onnx: OnnxFlags | None = None) -> dict[str, nn.Module]:
    """Build networks, with the options of ONNX files where they are ones.

    Args:
        names: What `build` takes, by what the networks are called.
        weights: Of the others.
        onnx: What the files do not say.

    Raises:
        ValueError: An option is given and no file is there that it could be of, or a name is unknown.
    """
    options = {} if onnx is None else {each.name: getattr(onnx, each.name) for each in fields(OnnxOptions)}
    options = {name: value for name, value in options.items() if value != getattr(OnnxOptions(), name)}
    files = [name for name in names.values() if name.endswith(".onnx")]
    if options and not files:
        flag = next(iter(options)).replace("_", "-")
        raise ValueError(f"--{flag} is of ONNX files, and {', '.join(names.values())} is none. Leave it out.")
    return {
        called: load_onnx(name, **options) if name in files else build(name, weights=weights)
        for called, name in names.items()
    }


def input_side(model: nn.Module) -> int:
    """Return the side in pixels of the pictures a network is meant for: what it says itself, else 224."""
    return (input_size(model) or (3, 224, 224))[-1]


def part_of(name: str, of_scenes: str) -> str:
    """Return which part of data is taken where none is named: all of a folder, `of_scenes` of scenes."""
    return of_scenes if name == "scenes" else "all"


def images_of(name: str, split: str, size: int, limit: int, classes: Sequence[str] | None = None) -> list[Any]:
    """Return batches of square images of data, as floats in [0, 1], with labels only where all are of known classes.

    Args:
        name: Of the data.
        split: Which part of it.
        size: Side in pixels.
        limit: How many at most, evenly from the data.
        classes: Names whose numbers labels are; without them no labels are read.
    """
    opened, labelled = open_data(name, split, size=size), False
    if classes is not None:
        with suppress(ValueError), warnings.catch_warnings(action="ignore"):  # labels are welcome, not needed
            named = open_data(name, split, size=size, classes=classes)
            if labelled := len(named.classes) == len(classes):
                opened = named
    chosen = torch.arange(0, len(opened), -(-len(opened) // limit))
    batches = [opened.labelled(some) for some in chosen.split(32)]
    return [(pixels.float() / 255, labels) if labelled else pixels.float() / 255 for pixels, labels in batches]
