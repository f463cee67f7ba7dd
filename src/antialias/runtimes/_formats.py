"""The files that a program can become, as data: how each is written and run, or why it cannot be."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antialias._extras import require
from antialias._torch import compile_program, load_compiled, tree_leaves, why_not_compiled
from antialias.models.onnx import onnx_session

Run = Callable[[Tensor], list[Tensor]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file, and what runs it.

    Attributes:
        name: What `to=` takes.
        suffix: Ending of the file's name.
        runtime: What runs it.
        check: Raises `ImportError` where something is not installed.
        write: Makes the file of a program, and returns how often it has each operation.
        load: Returns the file as a function of images; of a number of threads, where the runtime lets choose it.
    """

    name: str
    suffix: str
    runtime: str
    check: Callable[[], None]
    write: Callable[[torch.export.ExportedProgram, Path], Counter[str]]
    load: Callable[[Path], Run]


def _require(extra: str, *modules: str) -> None:
    for module in modules:
        require(module, extra=extra)


def _write_onnx(program: torch.export.ExportedProgram, path: Path) -> Counter[str]:
    made: Any = torch.onnx.export(program, dynamo=True, verbose=False, input_names=["images"])
    made.save(path)
    return operations_of(path)


def operations_of(path: Path) -> Counter[str]:
    """Count the operations of an ONNX file, functions and branches included; a `Pad` is named with its mode."""
    counts: Counter[str] = Counter()
    graph = require("onnx", extra="export").load(path, load_external_data=False)
    waiting = [*graph.graph.node, *(node for function in graph.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        modes = [field.s.decode() for field in node.attribute if field.name == "mode" and node.op_type == "Pad"]
        counts[f"Pad({modes[0]})" if modes and modes[0] != "constant" else node.op_type] += 1
        waiting += [inner for field in node.attribute for inner in field.g.node]
    return counts


def _load_onnx(path: Path) -> Run:
    session = onnx_session(path)
    (name,) = (each.name for each in session.get_inputs())
    return lambda images: [torch.from_numpy(answer) for answer in session.run(None, {name: images.numpy()})]


def _program_operations(program: torch.export.ExportedProgram) -> Counter[str]:
    called = (node.target for node in program.graph.nodes if node.op == "call_function")
    names = (getattr(target, "__name__", str(target)) for target in called)
    return Counter(name for name in names if not name.startswith("_assert"))


def _write_program(program: torch.export.ExportedProgram, path: Path) -> Counter[str]:
    with io.BytesIO() as file:  # torch's own writer aborts the process where a disk is full
        torch.export.save(program, file)
        path.write_bytes(file.getbuffer())
    return _program_operations(program)


def tensors_of(function: Callable[[Tensor], Any]) -> Run:
    """Return a function of images that gives the tensors of what another one answers, in their order."""
    return lambda images: [leaf for leaf in tree_leaves(function(images)) if isinstance(leaf, Tensor)]


def _check_compiler() -> None:
    if (reason := why_not_compiled()) is not None:
        raise ImportError(
            f"AOTInductor compiles a network with a C++ compiler, and finds none: {reason}. "
            "Install g++ or clang, or name one in the environment variable CXX; to='program' needs none."
        )


def _write_compiled(program: torch.export.ExportedProgram, path: Path) -> Counter[str]:
    with io.BytesIO() as file:
        compile_program(program, file)
        path.write_bytes(file.getbuffer())
    return _program_operations(program)


def _write_openvino(program: torch.export.ExportedProgram, path: Path) -> Counter[str]:
    openvino = require("openvino", extra="openvino")
    model = openvino.convert_model(program)
    openvino.save_model(model, path, compress_to_fp16=False)
    return Counter(operation.get_type_name() for operation in model.get_ops())


def _load_openvino(path: Path) -> Run:
    openvino = require("openvino", extra="openvino")
    threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", threads)
    return lambda images: [torch.from_numpy(answer.copy()) for answer in compiled(images.numpy()).to_tuple()]


FORMATS = {
    each.name: each
    for each in (
        Format(
            name="onnx",
            suffix=".onnx",
            runtime="ONNX Runtime",
            check=lambda: _require("export", "onnx", "onnxscript", "onnxruntime"),
            write=_write_onnx,
            load=_load_onnx,
        ),
        Format(
            name="program",
            suffix=".pt2",
            runtime="torch.export",
            check=lambda: None,
            write=_write_program,
            load=lambda path: tensors_of(torch.export.load(path).module()),
        ),
        Format(
            name="aoti",
            suffix=".pt2",
            runtime="AOTInductor",
            check=_check_compiler,
            write=_write_compiled,
            load=lambda path: tensors_of(load_compiled(str(path))),
        ),
        Format(
            name="openvino",
            suffix=".xml",
            runtime="OpenVINO",
            check=lambda: _require("openvino", "openvino"),
            write=_write_openvino,
            load=_load_openvino,
        ),
    )
}
"""The formats by the names that `to=` takes."""
