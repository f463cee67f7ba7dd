"""From a network to a file that answers as it does."""

from __future__ import annotations

import copy
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias._files import disk_fault, put_in_place, unfinished_of_the_dead
from antialias._torch import tree_leaves
from antialias.metrics import evaluating
from antialias.surgery import conversion_of, random_input, unconverted_copy

from ._formats import FORMATS, Format, Run, operations_of
from ._int8 import quantize, quantize_program, scores, windows_of
from ._result import Difference, Exported, Quantization
from ._trace import SIDES, Traced, brief, dimensions_of, quiet, trace
from ._verify import compare, eager, milliseconds, shapes_to_compare


def export(
    model: nn.Module,
    path: str | Path,
    *,
    to: str = "onnx",
    example: Tensor | None = None,
    verify: bool = True,
    tolerance: float = 1e-4,
    dynamic: bool = True,
    timing: bool = False,
    calibrate: Iterable[Any] | None = None,
) -> Exported:
    """Write a network to a file for another runtime, run the file, and keep it only if it answers as the network does.

    The file takes any number and size of images that the network takes; what cannot vary is fixed, and the result says
    why. It is written beside its place and moved there once it was compared, so that a refusal leaves nothing, and the
    former file of that name if there was one. The graph has no reflecting pads of this library and no unfolding, which
    runtimes lack or run slowly.

    Args:
        model: The network, converted, mended or plain. It is compared in evaluation mode and on the CPU, and stays as
            it is.
        path: Of the file.
        to: `"onnx"`, `"program"` (of `torch.export`), `"aoti"` (compiled by AOTInductor, needs a C++ compiler) or
            `"openvino"`.
        example: Images `(N, C, H, W)`, clips `(N, C, D, H, W)` or signals `(N, C, L)` as the network takes them; noise
            of its own size if `None`, see `antialias.surgery.random_input`.
        verify: Compare the file with the network at several numbers and sizes of images.
        tolerance: The most that `||file - network|| / ||network||` may be, for each output.
        dynamic: Let number and size of images, clips or signals vary.
        timing: Time the file, the network, and both without filters.
        calibrate: Images in [0, 1], `(N, 3, H, W)` or batches of them, of which the first, third, ... give the ranges
            of an eight-bit file and the others say what that took. ONNX Runtime quantises ONNX files, torchao programs.

    Returns:
        What was written, which prints as a sentence and tables.

    Raises:
        OSError: The file cannot be written; the message says why.
        ValueError: An argument is unknown, the network cannot be exported, or its file differs from it.
        ImportError: What writes or runs the file is not installed; the message says how it can be.

    Example:
        >>> from antialias.models import TinyResNet
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = export(TinyResNet(), f"{folder}/tiny.pt2", to="program", example=torch.rand(1, 3, 32, 32))
        >>> file.difference
        0.0
    """
    if to not in FORMATS:
        raise ValueError(f"to={to!r} is unknown. Use one of {', '.join(map(repr, FORMATS))}.")
    kind, path = FORMATS[to], Path(path)
    if path.suffix != kind.suffix:
        raise ValueError(f"{path.name} does not end in {kind.suffix}, as files for {kind.runtime} do. Rename it.")
    if calibrate is not None and to not in ("onnx", "program"):
        raise ValueError(f"to={to!r} has no eight-bit files. Use to='onnx' or to='program' with calibrate.")
    kind.check()
    if calibrate is not None and to == "program":
        require("torchao", extra="int8")
    if any(parameter.device.type != "cpu" for parameter in model.parameters()):
        model = copy.deepcopy(model).cpu()
    folder = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in [folder, *unfinished_of_the_dead(path)]:
            shutil.rmtree(stale, ignore_errors=True)
        folder.mkdir()
        with evaluating(model):
            example = _example(model, example)
            if calibrate is not None and example.dim() != 4:
                raise ValueError(f"calibrate has images, and the network takes {tuple(example.shape)}. Leave it out.")
            fixed = {} if dynamic else dict.fromkeys(dimensions_of(example), "dynamic=False was asked for")
            limit, file = tolerance if verify else None, folder / path.name
            written = write_verified(model, example, kind, file, fixed, limit)
            plain = None, written.operations
            eight, operations = plain if calibrate is None else _quantized(model, written, kind, file, calibrate)
            times = _times(model, written.traced, kind, file) if timing else {}
        files = sorted((each for each in folder.iterdir() if each.is_file()), key=lambda each: each.name == path.name)
        size = sum(each.stat().st_size for each in files)
        for each in files:  # one after the other: names that a file has for others leave no way to move them together
            put_in_place(each, path.parent / each.name)
    except Exception as error:
        if (fault := disk_fault(error, path)) is not None:
            raise fault from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Exported(
        path=path,
        format=to,
        runtime=kind.runtime,
        network=type(model).__name__,
        bytes=size,
        ranges=written.traced.ranges,
        fixed=written.traced.fixed,
        differences=written.differences,
        tolerance=tolerance,
        operations=dict(operations),
        milliseconds=times,
        quantization=eight,
    )


def _example(model: nn.Module, example: Tensor | None) -> Tensor:
    """Return images, clips or signals as the network takes them: those given, or noise.

    Raises:
        ValueError: They are none of these, or the network answers with what has no fixed form.
    """
    example = (random_input(model) if example is None else example).detach().cpu()
    answer, why = None, "" if example.dim() in SIDES else f"it has {example.dim()} dimensions"
    if not why:
        try:
            with torch.no_grad():
                answer = model(example.clone())  # a network may write into it
        except Exception as error:
            why = brief(error)
    if why:
        raise ValueError(
            f"{type(model).__name__} does not take an example of shape {tuple(example.shape)} ({why}). Pass images "
            "(N, C, H, W), clips (N, C, D, H, W) or signals (N, C, L) that it takes."
        )
    if isinstance(answer, list) and answer and all(isinstance(each, Mapping) for each in answer):
        raise ValueError(
            f"{type(model).__name__} answers with instances, whose number depends on what the images show, and chooses "
            "them by suppression, which no format here holds. Export what it runs on images instead, such as its "
            "backbone (export(model.backbone, ...)), and choose boxes outside."
        )
    if not any(isinstance(leaf, Tensor) for leaf in tree_leaves(answer)):
        raise ValueError(f"{type(model).__name__} answers with a {type(answer).__name__} without tensors.")
    return example


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that was written and compared, not yet at its place."""

    traced: Traced
    operations: Counter[str]
    differences: tuple[Difference, ...]


def write_verified(
    model: nn.Module, example: Tensor, kind: Format, file: Path, fixed: Mapping[str, str], tolerance: float | None
) -> Written:
    """Write a file and compare it, with fewer dimensions free where it cannot be written or is wrong for other sizes.

    Args:
        model: The network, in evaluation mode.
        example: Images, clips or signals as it takes them.
        kind: What to write.
        file: Where to.
        fixed: Dimensions that are not to be free, each with the reason.
        tolerance: The most that it may differ; `None` does not compare.

    Raises:
        ValueError: It cannot be written at all, or differs on the images that it was traced with.
    """
    larger = True
    while True:
        traced = trace(model, example, fixed, larger=larger)
        differences: list[Difference] = []
        operations: Counter[str] = Counter()
        try:
            with quiet(), torch.no_grad():
                operations = kind.write(traced.program, file)
                run = None if tolerance is None else kind.load(file)
        except Exception as error:
            if (fault := disk_fault(error, file)) is not None:
                raise fault from error
            failure = f"{kind.runtime} makes no file of {type(model).__name__}: {brief(error)}"
        else:
            if run is not None:
                differences = [compare(model, run, traced.example, one) for one in shapes_to_compare(model, traced)]
            wrong = [each for each in differences if tolerance is not None and not each.relative <= tolerance]
            if not wrong:
                return Written(traced=traced, operations=operations, differences=tuple(differences))
            verb = "cannot run it" if wrong[0].error else f"differs by more than {tolerance:g}"
            failure = f"{kind.runtime} {verb} on {wrong[0]}"
            if wrong[0] is differences[0] and larger and traced.ranges:
                larger = False
                continue
            if wrong[0] is differences[0]:
                raise ValueError(f"{failure}. Nothing was written; tolerance= says what is let pass.")
        free = [name for name in traced.ranges if name != "batch"] or list(traced.ranges)
        if not free:
            raise ValueError(f"{failure}. Nothing was written.")
        fixed = {**traced.fixed, **dict.fromkeys(free, f"where it varies, {failure}")}


def _times(model: nn.Module, traced: Traced, kind: Format, file: Path) -> dict[str, float]:
    """Time the network and its file, and both without filters, whose file is written for it."""
    one = (traced.example[:1] if "batch" in traced.ranges else traced.example).clone()
    functions: dict[str, Run] = {"eager": eager(model), "runtime": kind.load(file)}
    if conversion_of(model) is not None:
        plain = unconverted_copy(model).eval()
        (plain_folder := file.parent / "plain").mkdir()
        write_verified(plain, traced.example, kind, plain_folder / file.name, traced.fixed, None)
        functions |= {"plain eager": eager(plain), "plain runtime": kind.load(plain_folder / file.name)}
    return milliseconds(functions, one)


def _quantized(
    model: nn.Module, written: Written, kind: Format, file: Path, images: Iterable[Any]
) -> tuple[Quantization, Counter[str]]:
    """Put an eight-bit file in the place of a float one, and say what that took and which operations it has."""
    batches = [images] if isinstance(images, Tensor) else images
    shown = [image for batch in batches for image in (batch if isinstance(batch, Tensor) else batch[0])]
    if any(image.dim() != 3 for image in shown):
        raise ValueError(f"calibrate has images of shape {tuple(shown[0].shape)}. Pass batches (N, 3, H, W).")
    if len(shown) < 4:
        raise ValueError(f"calibrate has {len(shown)} images. Use 4 or more, half of which give the ranges.")
    traced, before = written.traced, file.stat().st_size
    size, fixed = (traced.example.shape[2], traced.example.shape[3]), "height" not in traced.ranges
    count = 1 if "batch" in traced.ranges else len(traced.example)
    inputs = [one.repeat(count, 1, 1, 1) for one in windows_of(model, shown[::2], size, fixed)]
    if kind.name == "onnx":
        float_file = file.rename(file.with_name("float.onnx"))
        quantize(float_file, file, inputs)
        float_file.unlink()
        operations = operations_of(file)
    else:
        with quiet(), torch.no_grad():
            operations = kind.write(quantize_program(traced.program, inputs), file)
    run = kind.load(file)
    shapes = [(each.batch, *each.size) for each in written.differences]
    differences = [compare(model, run, traced.example, shape) for shape in shapes]
    same, first, then = scores(model, run, shown[1::2]) or (None, None, None)
    took = Quantization(
        images=len(inputs),
        float_bytes=before,
        differences=tuple(differences),
        agreement=same,
        consistency_before=first,
        consistency=then,
    )
    return took, operations
