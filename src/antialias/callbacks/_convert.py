"""A callback of Lightning that converts a network before it is trained, and says how steady it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from antialias._torch import Convolution
from antialias.metrics import (
    STEPS,
    ClassScores,
    DenseValues,
    LabelMaps,
    Model,
    View,
    adapter_for,
    consistency,
    dense_consistency,
    measure_changes,
    segmentation_consistency,
)
from antialias.metrics.inputs import Images, ImageStream, Normalize
from antialias.nn import Filter
from antialias.surgery import Conversion, conversion_of, convert_

if TYPE_CHECKING or find_spec("lightning") is not None:
    import lightning.pytorch as pl
else:
    import pytorch_lightning as pl  # its trainers take callbacks of either

_KEYS = ("image", "images", "pixel_values", "inputs", "x")
_PASSES = 2


class ConvertCallback(pl.Callback):
    """Convert the network of a `LightningModule` before it is trained, and log its consistency after each validation.

    The filters are there before optimizers are configured and before a checkpoint is restored, so that their parameters
    are trained, and runs resume. What is logged are `val_consistency`, the score of the kind of answer that the network
    gives (docs/protocols.md), and `val_flips`, the share of answers that change when the image moves by one pixel; of
    detectors the flips alone, of dense values the consistency.

    Args:
        filter: The filter to place; `Adaptive()` by default.
        network: Name of the network in the module, such as `"model"`. `None`: the only child with convolutions.
        example: As in `convert_`; by default the module's `example_input_array`, where it has one.
        images: What to measure on: floats in [0, 1], a data set, or an iterable of batches, as in `consistency`.
            `None`: the first images of the validation's own batches, shown to the network as they are.
        limit: Number of images of the batches to measure on, in each process; 0 logs nothing.
        normalize: What is done to `images` before the network sees them, as in `consistency`.
        **options: Of `convert_`, such as `where`.

    Raises:
        ValueError: `limit` is negative.

    Example:
        >>> callback = ConvertCallback(network="model", limit=32)
        >>> callback.conversion is None
        True
    """

    def __init__(
        self,
        filter: Filter | None = None,
        *,
        network: str | None = None,
        example: Any = None,
        images: Images | None = None,
        limit: int = 64,
        normalize: Normalize = "model",
        **options: Any,
    ) -> None:
        super().__init__()
        if limit < 0:
            raise ValueError(f"limit={limit} is no number of images. Use 0 to log nothing, or more.")
        self.filter, self.network, self.example, self.options = filter, network, example, options
        self.images, self.limit, self.normalize = images, limit, normalize
        self.conversion: Conversion | None = None
        self._shown: list[Tensor] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Convert the network, unless it is converted already, as in a second fit."""
        model = self.network_of(pl_module)
        self.conversion = conversion_of(model)
        if self.conversion is None:
            example = pl_module.example_input_array if self.example is None else self.example
            self.conversion = convert_(model, self.filter, example=example, **self.options)

    def network_of(self, module: pl.LightningModule) -> nn.Module:
        """Return the network in a module.

        Raises:
            ValueError: There is none of that name, or none or several have convolutions.
        """
        if self.network is not None:
            try:
                return module.get_submodule(self.network)
            except AttributeError as error:
                raise ValueError(
                    f"{type(module).__name__} has no module {self.network!r} when training is set up. Use one of: "
                    f"{', '.join(name for name, _ in module.named_children()) or 'none; make it in __init__'}."
                ) from error
        found = {
            name: child
            for name, child in module.named_children()
            if any(isinstance(layer, Convolution) for layer in child.modules())
        }
        if len(found) != 1:
            raise ValueError(
                f"{type(module).__name__} has {len(found)} children with convolutions when training is set up"
                f"{': ' if found else ''}{', '.join(found)}. Make the network in __init__, and say which it is: "
                "ConvertCallback(network='model')."
            )
        return next(iter(found.values()))

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the images of the validation before."""
        self._shown = []

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first images of the first loader.

        Args:
            trainer: Says whether this is the sanity check, which is left out.
            pl_module: Not used.
            outputs: Not used.
            batch: What the validation step was given.
            batch_idx: Not used.
            dataloader_idx: Which loader it is from.

        Raises:
            ValueError: The batch does not begin with images.
        """
        missing = self.limit - len(self._shown)
        if self.images is None and missing > 0 and dataloader_idx == 0 and not trainer.sanity_checking:
            self._shown += [image.detach().float().cpu() for image in images_of(batch)[:missing]]

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure and log, but for the sanity check, of which nothing is logged."""
        if trainer.sanity_checking or not self.limit or (self.images is None and not self._shown):
            return
        model, images, normalize = self.network_of(pl_module), self.images, self.normalize
        if images is None:
            low, high = (float(bound) for bound in torch.cat([image.flatten() for image in self._shown]).aminmax())
            scale = (high - low) or 1.0
            images = [(image[None] - low) / scale for image in self._shown]  # scores take pixels in [0, 1]
            normalize = ((-low / scale,) * images[0].shape[1], (1 / scale,) * images[0].shape[1])
        values = steadiness(model, images, normalize)
        pl_module.log_dict({f"val_{name}": value for name, value in values.items()}, sync_dist=trainer.world_size > 1)


def images_of(batch: Any) -> Sequence[Tensor]:
    """Return the images of a validation batch: a tensor `(N, C, H, W)` or a list of `(C, H, W)`.

    Raises:
        ValueError: What the batch holds is neither.
    """
    inputs = batch
    if isinstance(batch, Mapping):
        inputs = next((batch[key] for key in _KEYS if key in batch), None)
    elif (
        isinstance(batch, (list, tuple))
        and batch
        and not all(isinstance(each, Tensor) and each.ndim == 3 for each in batch)
    ):
        inputs = batch[0]
    images = list(inputs) if isinstance(inputs, (Tensor, list, tuple)) else []
    if not images or not all(isinstance(each, Tensor) and each.ndim == 3 for each in images):
        kind = (
            f"{type(batch).__name__} of {', '.join(map(str, batch))}"
            if isinstance(batch, Mapping)
            else type(batch).__name__
        )
        raise ValueError(
            f"a validation batch, a {kind}, does not begin with images (N, C, H, W). Pass ConvertCallback(images=...), "
            "or limit=0 to log nothing."
        )
    return images


def steadiness(model: Model, images: Images, normalize: Normalize) -> dict[str, float]:
    """Measure `consistency`, and `flips` by one pixel; without intervals, for a training's curves.

    Args:
        model: The network.
        images: As in `consistency`; they are read three times.
        normalize: As there.

    Returns:
        Both; of instances `flips` alone, of dense values `consistency` alone, which is 0 where they are perfect.

    Example:
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> steadiness(brightness, torch.ones(4, 3, 32, 32), None)
        {'consistency': 1.0, 'flips': 0.0}
    """
    adapter = adapter_for(model, next(iter(ImageStream(images))).pixels, normalize=normalize)
    values = {}
    if isinstance(adapter, ClassScores):
        values["consistency"] = consistency(adapter, images, passes=_PASSES).value
    elif isinstance(adapter, LabelMaps):
        values["consistency"] = segmentation_consistency(adapter, images, passes=_PASSES).value
    elif isinstance(adapter, DenseValues):
        return {"consistency": dense_consistency(adapter, images, passes=_PASSES).value}
    values["flips"] = measure_changes(adapter, [View(adapter, step) for step in STEPS], images).value()
    return values
