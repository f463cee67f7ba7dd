"""Eight bits: files and programs whose maps and weights are quantised, by the ranges that images give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias._torch import dimension_ranges
from antialias.metrics import Score, agreement, consistency, normalization_of

from ._formats import Run
from ._trace import quiet

# With their activations: a convolution's map has the range behind its ReLU6, not of all that this cuts off.
_OPERATIONS = ["Conv", "Gemm", "MatMul", "Relu", "Clip"]


def quantize(float_file: Path, file: Path, inputs: Sequence[Tensor]) -> None:
    """Write an ONNX file whose convolutions and products run on eight bits, with scales for each channel of weights.

    Other operations stay as they are, such as sums and the products with predicted filters. Both sides of a product are
    unsigned: of signed weights, processors without VNNI saturate the sums.

    Args:
        float_file: The file.
        file: What is written.
        inputs: Batches that the network takes, which give the ranges.
    """
    quantization = require("onnxruntime.quantization", extra="export")
    prepared = file.with_name("prepared.onnx")
    with quiet():
        require("onnxruntime.quantization.shape_inference", extra="export").quant_pre_process(
            float_file, prepared, skip_symbolic_shape=True
        )
        name = require("onnx", extra="export").load(prepared, load_external_data=False).graph.input[0].name
        waiting = iter([{name: batch.numpy()} for batch in inputs])
        methods = {"get_next": lambda self: next(waiting, None)}
        reader = type("Reader", (quantization.CalibrationDataReader,), methods)
        quantization.quantize_static(
            prepared,
            file,
            reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=_OPERATIONS,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QUInt8,
        )
    prepared.unlink()


def quantize_program(program: torch.export.ExportedProgram, inputs: Sequence[Tensor]) -> torch.export.ExportedProgram:
    """Return a program whose convolutions and products run on eight bits, by torchao's static quantisation.

    Scales of weights are one for each channel. The program says where maps become eight bits and back (`quantize`,
    `dequantize`), which Inductor makes kernels of eight bits of; run as it is, it computes the same in float, slowly.

    Args:
        program: The float program.
        inputs: Batches that it takes, which give the ranges.
    """
    pt2e = require("torchao.quantization.pt2e.quantize_pt2e", extra="int8")
    x86 = require("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer", extra="int8")
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    traced_with: Any = program.example_inputs
    (images,), _ = traced_with
    sizes = enumerate(dimension_ranges(program))
    free = {dim: torch.export.Dim.AUTO for dim, size in sizes if not isinstance(size, int)}
    with quiet(), torch.no_grad():
        observed = pt2e.prepare_pt2e(program.module(), quantizer)
        for batch in inputs:
            observed(batch)
        eight = pt2e.convert_pt2e(observed)
        used = {str(node.target) for node in eight.graph.nodes if node.op == "get_attr"}
        for name, _ in [*eight.named_parameters()]:
            if name not in used:  # the float weight of one that has eight bits now
                owner, _, own = name.rpartition(".")
                delattr(eight.get_submodule(owner), own)
        return torch.export.export(eight, (images,), dynamic_shapes=(free,), strict=False)


def windows_of(model: nn.Module, images: Sequence[Tensor], size: tuple[int, int], fixed: bool) -> list[Tensor]:
    """Return the central windows of images in [0, 1] as a network takes them.

    Args:
        model: The network.
        images: Single images `(3, H, W)`.
        size: Height and width of a window at most; of each image where `fixed`.
        fixed: No other size will do.

    Raises:
        ValueError: An image is smaller than a fixed size.
    """
    how, windows = normalization_of(model), []
    for image in images:
        height, width = (min(side, most) for side, most in zip(image.shape[1:], size, strict=True))
        if fixed and (height, width) != size:
            raise ValueError(f"an image of {tuple(image.shape[1:])} is smaller than the fixed size {size}.")
        top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
        window = image[None, :, top : top + height, left : left + width]
        if how is not None:
            mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in how)
            window = (window - mean) / std
        windows.append(window.contiguous())
    return windows


def scores(model: nn.Module, run: Run, images: Sequence[Tensor]) -> tuple[Score, Score, Score] | None:
    """Return agreement of an eight-bit classifier with the float one, and the consistency of that and of itself.

    Args:
        model: The float network.
        run: The eight-bit file as a function.
        images: Single images in [0, 1], larger than what the network sees.
    """
    with torch.no_grad():
        answer = model(windows_of(model, images[:1], (images[0].shape[1], images[0].shape[2]), False)[0])
    if not isinstance(answer, Tensor) or answer.dim() != 2:
        return None
    how, shown = normalization_of(model), [image[None] for image in images]

    def eight(batch: Tensor) -> Tensor:
        return torch.cat([run(one[None].contiguous())[0] for one in batch])

    same = agreement(eight, model, shown, normalize=how)
    return same, consistency(model, shown), consistency(eight, shown, normalize=how)
