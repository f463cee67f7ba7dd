"""Find the operations of a network that make maps larger, and leave copies of their spectrum there."""

from __future__ import annotations

from torch import nn

from antialias._torch import Convolution

from ..dataflow import Graph, Op
from ._find import Candidate, filter_around, grouped, module_of


def find_upsampling(graph: Graph) -> list[Candidate]:
    """List what upsamples in `graph`, in order of first use.

    A larger grid holds a map and shifted copies of its spectrum, images, which the operation's own kernel takes away
    more or less. Repeating samples leaves some, and a transposed convolution what its weights happen to leave, down to
    a checkerboard from a constant map. Linear interpolation is a low-pass filter itself: at factor 2 its taps are 1, 3,
    3, 1, the binomial filter of four.

    Source: Odena, Dumoulin, Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016; Crochiere and Rabiner,
    "Multirate Digital Signal Processing", 1983, section 2.3.
    """
    others = (op for op in graph.ops if filter_around(op) is None)
    candidates = grouped(candidate for op in others if (candidate := _candidate(op)) is not None)
    for candidate in candidates:
        if len(widths := {op.output.shape[1] for op in candidate.ops}) > 1:
            channels = " and ".join(map(str, sorted(widths)))
            candidate.leave = f"makes maps of {channels} channels, and a filter has one width: use a module for each"
    return candidates


def _candidate(op: Op) -> Candidate | None:
    if op.name == "convolution" and op.settings["transposed"] and max(op.settings["stride"]) > 1:
        module, kind = module_of(op, Convolution), "transposed convolution"
        name = op.module_name if module is not None else f"{op.module_name}:conv_transpose"
        candidate = Candidate(name, kind, tuple(op.settings["stride"]), [op], module)
        if module is None:
            candidate.leave = f"called as a function at {op.source}: let a module, such as nn.ConvTranspose2d, do it"
        return candidate
    if op.name == "pixel_shuffle":
        module, factor = module_of(op, nn.PixelShuffle), int(op.settings["upscale_factor"])
        name = op.module_name if module is not None else f"{op.module_name}:pixel_shuffle"
        leave = "" if module is not None else "pixel_shuffle is called as a function: let nn.PixelShuffle do it"
        return Candidate(name, "pixel shuffle", (factor, factor), [op], module, leave)
    if "upsample_" not in op.name:
        return None
    before, after = op.input.shape[2:], op.output.shape[2:]
    factors = tuple(max(-(-large // small), 1) for small, large in zip(before, after, strict=True))
    if max(factors) == 1:
        return None
    module = module_of(op, nn.Upsample)
    name = op.module_name if module is not None else f"{op.module_name}:interpolate"
    candidate = Candidate(name, "interpolation", factors, [op], module)
    if "nearest" not in op.name:
        mode = op.name.removeprefix("_").removeprefix("upsample_").removesuffix("_aa").rstrip("123d")
        candidate.leave = f"{mode} interpolation is a low-pass filter itself"
    return candidate
