"""A network of any framework as a module: ONNX Runtime runs it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias._extras import require

from ._image_input import ImageInput
from ._options import OnnxOptions
from ._outputs import INSTANCES, found_instances, main_output, plain_answer, resized_maps


class OnnxNetwork(nn.Module):
    """Run an ONNX file by ONNX Runtime, on the CPU, as scores are used to: `(N, 3, H, W)` in, plain answers out.

    It has no parameters, so that it can be measured but neither converted nor taught. Windows of another size than the
    one it takes are resized to it, bilinearly and anti-aliased, and maps and boxes are taken back; `protocol` says so.

    Args:
        path: The file.
        options: What it does not say.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ONNX file, does not take images, or an option does not fit it.
    """

    digest: Tensor
    sealed = (
        "ONNX Runtime runs it as a whole. Convert the network that the file was exported from, and export it again; "
        "what needs no layers works on the file: evaluate, report, flicker."
    )

    def __init__(self, path: str | Path, options: OnnxOptions) -> None:
        super().__init__()
        self.path, self.options = Path(path), options
        if not self.path.is_file():
            raise FileNotFoundError(f"{path} is not a file. Use a path of an ONNX file.")
        self.session: Any = onnx_session(self.path)
        self.input = ImageInput.of(self.session.get_inputs(), path, options.layout, options.side)
        names = [output.name for output in self.session.get_outputs()]
        self.instances = next((each for each in INSTANCES if set(each) <= set(names)), None)
        if options.output is not None or options.kind not in (None, "instances"):
            self.instances = None
        if options.kind == "instances" and self.instances is None:
            wanted = " or ".join("/".join(each) for each in INSTANCES)
            raise ValueError(
                f"{path} has no outputs of instances, but {', '.join(names)}. Use a file with {wanted}, or a "
                "module:callable that makes a list of dictionaries of its answers."
            )
        self.output = None if self.instances else main_output(names, path, options.output)
        # Tells one file from another where a network's tensors do.
        content = hashlib.sha256(self.path.read_bytes()).digest()
        self.register_buffer("digest", torch.tensor([*content], dtype=torch.uint8))
        self._take_pixels()
        self.side_multiple = options.multiple_of
        if None not in self.input.size:
            self.input_size = (3, *self.input.size)

    def _take_pixels(self) -> None:
        options, channels = self.options, self.input.channels
        if self.input.dtype == torch.uint8 and options.says_pixels:
            raise ValueError(
                f"{self.path} takes uint8, pixels from 0 to 255 as they are. Use no mean, std and scale with it."
            )
        if self.input.dtype != torch.uint8 and not options.says_pixels:
            warnings.warn(
                f"{self.path} does not say what it expects of pixels, which are given to it from 0 to 1. Say what it "
                "was trained with by mean=, std= and scale= (--mean, --std, --scale), or mean=0 where this is right.",
                stacklevel=5,
            )
            return
        if options.says_pixels:
            mean, std = options.mean or (0.0,), options.std or (1.0,)
            if {len(mean), len(std)} - {1, channels} or min(std) <= 0:
                raise ValueError(
                    f"mean={mean} and std={std} do not fit {channels} channels. Use one number, or one a channel, and "
                    "std > 0."
                )
            # They are said in the order in which the network takes channels, and applied to red, green and blue.
            order = slice(None, None, -1 if options.channels == "bgr" else 1)
            values = (tuple(value / options.scale for value in each[order]) for each in (mean, std))
            widest = 3 if channels == 3 else 1
            self.normalization = tuple(each * (widest // len(each)) for each in values)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "session": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.session = onnx_session(self.path)

    @property
    def protocol(self) -> dict[str, Any]:
        """What is said of the network beside its scores."""
        runtime = require("onnxruntime", extra="onnx")
        return {
            "file": self.path.name,
            "sha256": bytes(self.digest.tolist()).hex(),
            "runtime": f"ONNX Runtime {runtime.__version__}",
            **self.input.protocol(),
            "order": self.options.channels,
            "output": "/".join(self.instances) if self.instances else self.output,
        }

    def forward(self, images: Tensor | Sequence[Tensor]) -> Any:
        """Return class scores `(N, K)`, label maps `(N, K, H, W)`, values `(N, C, H, W)` or a list of instances.

        Raises:
            ValueError: The file does not run on this size, or what it answers is of no known kind.
        """
        if not isinstance(images, Tensor):
            answers = [self(image[None]) for image in images]
            return [answer[0] for answer in answers] if self.instances else torch.cat(answers)
        window, shown = images.shape[-2:], self.input.size_for(images.shape[-2:])
        inputs = self.input.prepared(images, bgr=self.options.channels == "bgr")
        if self.instances:
            every = [self._run(one, shown) for one in inputs.split(1)]
            return [
                {
                    name: column.to(images.device)
                    for name, column in found_instances(each, self.instances, shown, window).items()
                }
                for each in every
            ]
        parts = [self._run(part, shown)[str(self.output)] for part in inputs.split(self.input.batch or len(inputs))]
        values = torch.cat(parts) if parts[0].ndim else torch.stack(parts)
        last = self.input.layout == "nhwc"
        try:
            kind, answer = plain_answer(values, shown, self.options.kind, self.options.threshold, channels_last=last)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error
        return (answer if kind == "classes" else resized_maps(answer, window)).to(images.device)

    def _run(self, inputs: Tensor, shown: Sequence[int]) -> Mapping[str, Tensor]:
        """Run the file on at most as many images as it takes; to fewer the last one is added again."""
        missing = (self.input.batch or len(inputs)) - len(inputs)
        full = torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])]) if missing else inputs
        names = [output.name for output in self.session.get_outputs()]
        wanted = names if self.instances else [str(self.output)]
        try:
            arrays = self.session.run(wanted, {self.input.name: full.numpy()})
        except Exception as error:  # each of ONNX Runtime's has a class of its own
            reason = " ".join(str(error).split())[:300]
            raise ValueError(
                f"{self.path} does not run on {len(full)} images of {shown[0]}x{shown[1]}: {reason} Use images of a "
                "size that it takes, side= (--side), or multiple_of=32 (--multiple-of 32) or what else it needs."
            ) from error
        answers = {name: torch.as_tensor(array) for name, array in zip(wanted, arrays, strict=True)}
        if missing and not self.instances:
            answers = {name: answer[: len(inputs)] for name, answer in answers.items()}
        return answers


def onnx_session(path: Path) -> Any:
    """Return ONNX Runtime's session of a file, on the CPU, with as many threads as torch has.

    Raises:
        ValueError: It is no file that ONNX Runtime reads.
        ImportError: ONNX Runtime is not installed.
    """
    runtime = require("onnxruntime", extra="onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors are raised
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each of ONNX Runtime's has a class of its own
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{path} is no ONNX file that ONNX Runtime {runtime.__version__} reads ({path.stat().st_size:,} bytes): "
            f"{reason} Use a whole .onnx file, with its .data file beside it if it has one."
        ) from error


def load_onnx(path: str | Path, **options: Any) -> OnnxNetwork:
    """Load an ONNX file, a network of any framework, for everything that measures networks.

    Where the channels are, which sizes and how many images it takes, and whether pixels are floats or bytes is
    recognised by its input; what it answers by names and shapes of its outputs (`kind` says it where these do not).

    Args:
        path: The file.
        **options: The fields of `OnnxOptions`: `mean`, `std`, `scale`, `channels`, `layout`, `side`, `multiple_of`,
            `output`, `kind`, `threshold`. A single number will do for `mean` and `std`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ONNX file, does not take images, or an option does not fit it.
        ImportError: ONNX Runtime is not installed.
    """
    for name in ("mean", "std"):
        if isinstance(options.get(name), int | float):
            options[name] = (float(options[name]),)
        elif options.get(name) is not None:
            options[name] = tuple(float(value) for value in options[name])
    return OnnxNetwork(path, OnnxOptions(**options))
