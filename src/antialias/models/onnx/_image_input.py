"""How an ONNX file takes images: recognised by the shape and the type of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Layout = Literal["nchw", "nhwc"]
TYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
}
_LUMA = (0.299, 0.587, 0.114)


class ImageInput(NamedTuple):
    """The input of a network that takes images.

    Attributes:
        name: What the file calls it.
        dtype: Floats, or `torch.uint8` for pixels from 0 to 255.
        layout: `"nchw"` or `"nhwc"`.
        channels: Three, or one for grey images.
        batch: How many images it takes at once, `None` for any number.
        size: Height and width that it takes, `None` for any.
    """

    name: str
    dtype: torch.dtype
    layout: Layout
    channels: int
    batch: int | None
    size: tuple[int | None, int | None]

    @classmethod
    def of(
        cls, inputs: Sequence[Any], path: object, layout: Layout | None = None, side: tuple[int, int] | None = None
    ) -> ImageInput:
        """Recognise the input of an ONNX Runtime session.

        Channels are where the shape says 1 or 3. Anything else than a whole number is any size.

        Args:
            inputs: What `session.get_inputs()` returns.
            path: What messages call the file.
            layout: The layout, where the shape does not say.
            side: Height and width that windows are resized to, where the shape takes any.

        Raises:
            ValueError: There is not one input, or it takes no images; the message says what it takes.
        """
        takes = ", ".join(f"{each.name} {each.type} {_shape(each.shape)}" for each in inputs)
        if len(inputs) != 1:
            raise ValueError(
                f"{path} takes {len(inputs)} inputs: {takes}. Use a file with one input of images, or a "
                "module:callable that runs this one and fills in the others."
            )
        (given,) = inputs
        if len(given.shape) != 4 or given.type not in TYPES:
            raise ValueError(
                f"{path} takes {takes}, which are no images. Use a file whose input is (N, 3, H, W) or (N, H, W, 3), "
                f"of type {', '.join(TYPES)}."
            )
        batch, *sides = (side if isinstance(side, int) and side > 0 else None for side in given.shape)
        if layout is None:
            first, last = (sides[place] in (1, 3) for place in (0, 2))
            if first == last:
                raise ValueError(f"{path} takes {takes}, and where its channels are is not clear. Use layout='nchw'.")
            layout = "nchw" if first else "nhwc"
        channels, height, width = sides if layout == "nchw" else (sides[2], *sides[:2])
        if channels not in (None, 1, 3):
            raise ValueError(f"{path} takes {takes}: {channels} channels as {layout}. Use a network of 1 or 3.")
        if side is not None:
            if any(fixed not in (None, wanted) for fixed, wanted in zip((height, width), side, strict=True)):
                raise ValueError(f"{path} takes {takes}, so side={side} does not fit. Leave it out.")
            height, width = side
        return cls(given.name, TYPES[given.type], layout, channels or 3, batch, (height, width))

    def size_for(self, size: Sequence[int]) -> tuple[int, int]:
        """Return the height and width that the network is given for windows of a size.

        Example:
            >>> ImageInput("x", torch.float32, "nchw", 3, None, (48, None)).size_for((64, 80))
            (48, 80)
        """
        return self.size[0] or size[0], self.size[1] or size[1]

    def prepared(self, images: Tensor, *, bgr: bool) -> Tensor:
        """Return images `(N, 3, H, W)` in the size, channels, type and layout of the input."""
        images, size = images.float().cpu(), self.size_for(images.shape[-2:])
        if tuple(images.shape[-2:]) != size:
            images = F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        if self.channels == 1 and images.shape[1] == 3:
            images = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        images = images.flip(1) if bgr else images
        if self.dtype == torch.uint8:
            images = (images * 255).round().clamp(0, 255)
        images = images.movedim(1, -1) if self.layout == "nhwc" else images
        return images.to(self.dtype).contiguous()

    def protocol(self) -> dict[str, Any]:
        """Say how the network takes images."""
        sides = [self.batch or "any", self.channels, *(side or "any" for side in self.size)]
        fixed = "resized to it where they are of another size, bilinear, anti-aliased; maps and boxes are taken back"
        return {
            "takes": dict(zip(("images", "channels", "height", "width"), sides, strict=True)),
            "type": str(self.dtype).removeprefix("torch."),
            "layout": self.layout,
            "windows": fixed if any(self.size) else "as they are",
        }


def _shape(shape: Sequence[Any]) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"
