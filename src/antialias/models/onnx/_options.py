"""What an ONNX file does not say of itself."""

# No postponed annotations: the command line reads these from a class that inherits them in another module.

from dataclasses import dataclass
from typing import Literal

from ._image_input import Layout
from ._outputs import KINDS, Kind


@dataclass(frozen=True, kw_only=True)
class OnnxOptions:
    """What an ONNX file does not say of itself.

    Attributes:
        mean: Of each channel, in the range of `scale`; an ONNX file alone.
        std: Of each channel, in the range of `scale`; an ONNX file alone.
        scale: What white is: 1, or 255 for networks that take pixels from 0 to 255; an ONNX file alone.
        channels: Their order; an ONNX file alone.
        layout: Where the channels are, if the input's shape does not say; an ONNX file alone.
        side: Height and width that windows are resized to, if any size is taken; an ONNX file alone.
        multiple_of: Heights and widths are multiples of this, if any size is taken; an ONNX file alone.
        output: Name of the output that is scored, of several; an ONNX file alone.
        kind: What the output is, if its shape does not say; an ONNX file alone.
        threshold: From where on a map of probabilities is of the second of two classes; an ONNX file alone.

    Raises:
        ValueError: An option cannot be.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float = 1.0
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Layout | None = None
    side: tuple[int, int] | None = None
    multiple_of: int = 1
    output: str | None = None
    kind: Kind | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is unknown. Use one of: {', '.join(KINDS)}.")
        if self.channels not in ("rgb", "bgr"):
            raise ValueError(f"channels={self.channels!r} is unknown. Use 'rgb' or 'bgr'.")
        if self.layout not in (None, "nchw", "nhwc"):
            raise ValueError(f"layout={self.layout!r} is unknown. Use 'nchw' or 'nhwc'.")
        if self.scale <= 0 or self.multiple_of < 1:
            raise ValueError(
                f"scale={self.scale:g} and multiple_of={self.multiple_of} do not fit. Use scale=1 or 255, and a "
                "multiple of 1 or more."
            )

    @property
    def says_pixels(self) -> bool:
        """Whether anything is said of the range of pixels."""
        return self.mean is not None or self.std is not None or self.scale != 1
