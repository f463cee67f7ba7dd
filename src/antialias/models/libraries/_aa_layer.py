"""Filters for the constructors of timm, which take the class of their anti-aliasing layers."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from antialias._extras import require
from antialias.models._origin import Origin
from antialias.nn import (
    LAYERS,
    Adaptive,
    Filter,
    PhaseAlignment,
    PhaseAverage,
    ShiftAverage,
    check_filter,
    filter_from_dict,
)

from ._others import from_smp, from_timm

_INSTEAD = "Leave it out and use aa.convert_(network, filter), which takes any family."


def aa_layer(filter: Filter | str | None = None) -> type[nn.Module]:
    """Return what the constructors of timm take as `aa_layer=`: a class that makes this package's filters.

    `timm.create_model("resnet50", aa_layer=aa_layer(Fixed()))` builds a network with the filter wherever timm has one,
    which is in front of the last convolution of a block and behind the max pool of a stem, but on no shortcut;
    `smp.Unet("tu-resnet50", aa_layer=...)` hands it on to timm. `convert_` finds shortcuts, too, and works on networks
    of any family, trained ones included.

    Args:
        filter: The filter, or its name, such as `"fixed"`; `Adaptive()` by default. What names no start values begins
            as a binomial blur.

    Returns:
        A class; one for each filter, however often it is asked for.

    Raises:
        TypeError: It is neither a filter nor a name.
        ValueError: The name is unknown, or it changes what a whole network is given or answers, which no layer does.
        ImportError: timm is not installed.

    Warns:
        UserWarning: The filter chooses a phase, which timm's shortcuts do not follow.

    Example:
        >>> import timm
        >>> from antialias.nn import Fixed
        >>> network = timm.create_model("resnet18", aa_layer=aa_layer(Fixed(kernel_size=5)))
        >>> network.layer2[0].aa
        BlurPool2d(128, kernel_size=(5, 5), stride=(2, 2), padding_mode='reflect')
    """
    config = filter_from_dict({"filter": filter.title()}) if isinstance(filter, str) else filter or Adaptive()
    check_filter(config)
    if isinstance(config, (PhaseAlignment, PhaseAverage, ShiftAverage)):
        name = type(config).__name__
        raise ValueError(
            f"{name} changes what a whole network is given or answers, which a layer cannot. Build the network without "
            f"aa_layer= and use aa.convert_(network, aa.{name}())."
        )
    if config.phase is not None:
        warnings.warn(
            f"{config} chooses a phase at each layer, and timm's constructors put no layer on the shortcuts beside it, "
            "which keep the first phase. Use aa.convert_ on a network without aa_layer=: there they agree.",
            stacklevel=2,
        )
    return _layer_class(config.from_scratch())


@lru_cache
def _layer_class(config: Filter) -> type[nn.Module]:
    blur_pool: Any = require("timm.layers", extra="tasks").BlurPool2d

    class AntialiasLayer(blur_pool):  # timm tells device and dtype to subclasses of its own layer alone
        __doc__ = f"Makes the layer of {config}."

        def __new__(
            cls, channels: int, *, stride: int, device: torch.device | None = None, dtype: torch.dtype | None = None
        ) -> Any:
            return config.build(channels, (stride, stride), device=device, dtype=dtype)

    return AntialiasLayer


def with_aa_layer(origin: Origin, filter: Filter | str) -> nn.Module:
    """Build an untrained network of timm's, or of smp's on one of timm's, whose constructor places the filters.

    Filters begin as `filter` says, also where the constructor writes start values over all norms, as EfficientNet's and
    DenseNet's do. The network does not remember its name: built by that alone it would have no filters.

    Args:
        origin: What to build.
        filter: As in `aa_layer`.

    Raises:
        ValueError: There is no such network, or its constructor places no filter.
    """
    builder = {"timm": from_timm, "smp": from_smp}.get(origin.library)
    if builder is None:
        raise ValueError(f"aa_layer= is an option of timm's constructors, and {origin.name} is none. {_INSTEAD}")
    try:
        model = builder(origin, False, aa_layer=aa_layer(filter))
    except (TypeError, AssertionError) as error:
        if "aa_layer" not in str(error):
            raise
        raise ValueError(f"the constructor of {origin.name} takes no aa_layer= ({error}). {_INSTEAD}") from error
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LAYERS)]
    if not layers:
        raise ValueError(f"the constructor of {origin.name} took aa_layer= and placed no filter. {_INSTEAD}")
    for layer in layers:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return model
