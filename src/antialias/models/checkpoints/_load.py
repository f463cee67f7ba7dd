"""Load other people's checkpoints."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from antialias.models._origin import Origin
from antialias.models.backbones import freeze_as_
from antialias.models.files import Checkpoint, load, read_checkpoint
from antialias.models.libraries import build_architecture
from antialias.ops import NORMALIZATIONS, Normalize
from antialias.surgery import conversion_of, unchanged_on_error

from ._convert import adopt_filters_, convert_as_stored_
from ._fit import compare
from ._layout import layout_of
from ._recognise import fitting_origin, recognise
from ._timm import refuse_arguments, take_pixels_


def load_checkpoint(
    path: str | Path, model: nn.Module | str | None = None, *, normalize: Normalize = "joint"
) -> nn.Module:
    """Load somebody else's checkpoint, with its anti-aliasing filters where it has some, in evaluation mode.

    The network comes out as `convert_` makes it: its filters are this package's, its plain weights have the names of
    the plain network, and `save`, `Conversion.revert_`, scores and reports work on it. Known are the layouts of the
    adaptive filters' authors (`conv`, `bn` in front of a convolution) and of Zhang's antialiased-cnns (`filt`), timm's
    anti-aliased networks, and plain files of torchvision, timm and segmentation_models_pytorch; bare, or inside of what
    a training wrote around them. docs/checkpoints.md says what differs.

    Nothing is unpickled or fetched, and a file that does not fit completely changes nothing.

    Args:
        path: A file of safetensors or of `torch.save`, a folder with a `config.json` beside the weights, or what `save`
            or `save_pretrained` wrote.
        model: The network, plain or converted, which is filled in place; or its name, such as `timm:resnetblur50`.
            `None`: what the file, or its name, says, else what its shapes show: ResNet, ResNeXt, Wide ResNet, VGG,
            AlexNet, DenseNet and MobileNetV2. Files of timm's `resnetblur50` and `resnetaa50` have the very shapes of
            `resnet50`, and need to be named.
        normalize: How a file's adaptive filters were normalised, which no file says: `"joint"`, as in the authors'
            released code, or `"group"`, as in the paper. A network that is converted already keeps its own.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, does not say which network it belongs to, or does not fit it; the message lists
            what is missing, left over, or of another shape.

    Example:
        >>> import tempfile
        >>> from torchvision.models import resnet18
        >>> path = f"{tempfile.mkdtemp()}/theirs.pth"
        >>> torch.save({"epoch": 90, "arch": "resnet18", "state_dict": resnet18(num_classes=10).state_dict()}, path)
        >>> load_checkpoint(path).fc.out_features
        10
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize={normalize!r} is unknown. Use 'joint' or 'group'.")
    if _is_own(Path(path)):
        return load(path, build_architecture(Origin(model, None)) if isinstance(model, str) else model)
    origin = Origin(model, None) if isinstance(model, str) else None
    if isinstance(model, nn.Module):
        checkpoint = read_checkpoint(path)
        _fill_(model, checkpoint, normalize)
        return model.eval()
    return network_with_weights(origin, path, normalize).eval()


def network_with_weights(origin: Origin | None, path: str | Path, normalize: Normalize = "joint") -> nn.Module:
    """Build a network and fill it from a checkpoint.

    Args:
        origin: What to build; without a number of classes, those of the file. `None`: what the file belongs to.
        path: As in `load_checkpoint`.
        normalize: As in `load_checkpoint`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: As in `load_checkpoint`.
    """
    checkpoint = read_checkpoint(path)
    refuse_arguments(checkpoint)
    if origin is None:
        model = recognise(checkpoint, normalize)
    else:
        model = build_architecture(fitting_origin(origin, checkpoint, normalize) or origin)
    _fill_(model, checkpoint, normalize)
    take_pixels_(model, checkpoint)
    return model


def _is_own(path: Path) -> bool:
    """Say whether a file or folder was written by `save` or `save_pretrained`."""
    path = path / "model.safetensors" if path.is_dir() else path
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return "antialias" in (file.metadata() or {})
    except SafetensorError:
        return False


def _fill_(model: nn.Module, checkpoint: Checkpoint, normalize: Normalize) -> None:
    """Convert a network as a file has it, and copy the file's tensors into it: all or nothing.

    Raises:
        ValueError: Something does not fit.
    """
    path = checkpoint.path
    with unchanged_on_error(model):
        layout = layout_of(model, checkpoint.tensors, normalize, path)
        if _is_detector(model):
            freeze_as_(model, layout.plain)
        conversion = conversion_of(model)
        own_filters = () if conversion is None else tuple(conversion.filters())
        if misfit := compare(model, layout.plain, own_filters):
            raise ValueError(
                f"{path} does not fit {type(model).__name__}: {misfit}. Nothing was loaded. Use the network that it "
                "was trained with."
            )
        if layout.filters:
            names = convert_as_stored_(model, layout, path)
            stored = {
                f"{names[each.name]}.{name}": tensor for each in layout.filters for name, tensor in each.tensors.items()
            }
            if misfit := compare(model, layout.plain | stored):
                raise ValueError(
                    f"{path} has filters that do not fit {type(model).__name__}: {misfit}. Nothing was loaded. Use the "
                    "plain network that it was trained with."
                )
        else:
            stored = {}
            if conversion is None:
                adopt_filters_(model)
        own = model.state_dict(keep_vars=True)
        ready: dict[str, Tensor] = {
            name: tensor.to(device=own[name].device, dtype=own[name].dtype)
            for name, tensor in (layout.plain | stored).items()
        }
    with torch.no_grad():
        for name, tensor in ready.items():
            own[name].copy_(tensor)


def _is_detector(model: nn.Module) -> bool:
    """Say whether a network is torchvision's detector, whose norms are frozen where its file counts no batches."""
    return type(getattr(model, "transform", None)).__name__ == "GeneralizedRCNNTransform"
