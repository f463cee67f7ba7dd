"""Networks saved and loaded: weights as safetensors, how to rebuild the network as JSON beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from antialias._tensors import write_tensors
from antialias.metrics import TransformersNetwork, normalization_of
from antialias.models._class_names import class_names, name_classes_
from antialias.models._origin import LIBRARIES, Origin
from antialias.models.backbones import freeze_as_
from antialias.nn import Filter
from antialias.surgery import conversion_of, replay_, unchanged_on_error

from ._folder import open_folder
from ._header import Header, mean_std_of, unreadable
from ._promise import build_as_promised
from ._unlike import name_of

_KEY = "antialias"


def save(model: nn.Module, path: str | Path) -> None:
    """Write a network to a safetensors file that says how to rebuild it, conversion included.

    The file holds tensors and JSON and nothing that runs, so it is safe to open. A network made by `models.build` is
    rebuilt from its name; of any other, and of one that was changed since, `load` needs the unconverted network passed
    in.

    Args:
        model: The network, converted or not. Tensors that are shared are stored once and shared again by `load`.
        path: Where to write; `.safetensors` by custom. Its folder is made.

    Raises:
        ValueError: A tensor has no data (meta device), or a filter config holds what JSON cannot say.

    Warns:
        UserWarning: An activation, a pool or the like is another one than the network's name builds.

    Example:
        >>> from antialias.models import build, load
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/tiny.safetensors"
        >>> save(build("antialias:TinyResNet", num_classes=3), path)
        >>> load(path).fc.out_features
        3
    """
    name, num_classes = name_of(model) or (None, None)
    write_network(model, Path(path), name, num_classes)


def load(path: str | Path, model: nn.Module | None = None, *, filters: Sequence[type[Filter]] = ()) -> nn.Module:
    """Read a network from what `save` or `save_pretrained` wrote, in evaluation mode on the CPU.

    Fetches nothing and unpickles nothing: a name in the file is resolved only if it begins with `timm:`,
    `torchvision:`, `smp:` or `antialias:`, or `transformers:` with a folder that is there, of which its config alone is
    read. Folders of networks of transformers are built from their own `config.json`.

    Args:
        path: The file, or a folder that `save_pretrained` wrote.
        model: The network to fill, unconverted (the file's conversion is applied to it) or converted the same way;
            changed in place. Needed for a network that `models.build` did not make.
        filters: Filter configs of your own, as classes, that the network may have been converted with.

    Returns:
        The network, bit-identical to the saved one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a safetensors file, does not say what it holds, names a filter that is neither this
            package's nor in `filters`, or does not fit `model`, which is then what it was.
    """
    path = Path(path)
    origin = None
    if path.is_dir():
        origin, path = open_folder(path)
    header, tensors = _read(path)
    if model is None:
        if origin is None and (header.name is None or header.name.partition(":")[0] not in LIBRARIES):
            raise ValueError(
                f"{path} holds a network of your own. Use load(path, model=...) with the unconverted network."
            )
        model = build_as_promised(origin or Origin(str(header.name), header.num_classes), header, tensors, path)
    part = model
    if isinstance(model, TransformersNetwork) and not all(name.startswith("network.") for name in tensors):
        part = model.network  # what was saved is the network of transformers itself
    stored = tensors | {tied: tensors[name] for tied, name in header.ties.items()}
    with unchanged_on_error(part):
        freeze_as_(part, stored.keys())
        if header.conversion is not None and conversion_of(part) is None:
            try:
                replay_(part, header.conversion, filters, stored)
            except Exception as error:  # whatever values that nobody vouches for provoke in filters and edits
                raise unreadable(path, f"conversion: {str(error)[:500] or type(error).__name__}") from error
        _fill_(part, stored, path)
    for tied, name in header.ties.items():  # to the very object that the first name refers to
        owner, _, attribute = tied.rpartition(".")
        source, _, source_attribute = name.rpartition(".")
        setattr(part.get_submodule(owner), attribute, getattr(part.get_submodule(source), source_attribute))
    if header.channels_last:  # other kernels run then, which round otherwise
        part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if header.classes:
        name_classes_(part, header.classes)
    says: Any = mean_std_of(header.normalization)
    if says is not None and says != normalization_of(model):
        model.normalization = says
    return model.eval()


def write_network(
    model: nn.Module, path: Path, name: str | None, num_classes: int | None = None, prefix: str = ""
) -> None:
    """Write a network as `save` does.

    Args:
        model: The network.
        path: Where to write.
        name: What it is built from; `None` for a network of the user's own.
        num_classes: The number of outputs that it was given.
        prefix: What is left out of the beginnings of names.

    Raises:
        ValueError: As `save`.
    """
    first: dict[int, str] = {}
    tensors: dict[str, Tensor] = {}
    ties: dict[str, str] = {}
    for full, tensor in model.state_dict(keep_vars=True).items():
        key = full.removeprefix(prefix)
        if tensor.is_meta:
            raise ValueError(f"{full} is on the meta device and has no data. Use a network with weights.")
        if id(tensor) in first:
            ties[key] = first[id(tensor)]
        else:
            first[id(tensor)] = key
            tensors[key] = tensor
    conversion, names = conversion_of(model), class_names(model)
    try:
        pixels = normalization_of(model)
    except (TypeError, ValueError):  # an attribute of that name that means something else keeps nobody from saving
        pixels = None
    header = Header(
        name=name,
        num_classes=num_classes,
        conversion=None if conversion is None else conversion.to_dict(),
        ties=ties,
        channels_last=any(_is_channels_last(parameter) for parameter in model.parameters()),
        classes=None if names is None else list(names),
        prefix=prefix,
        normalization=None if pixels is None else [list(each) for each in pixels],
    )
    try:
        metadata = {_KEY: header.to_json(), "format": "pt"}
    except TypeError as error:
        raise ValueError(
            f"the conversion of {type(model).__name__} cannot be written ({error}). "
            "Use filters whose fields are numbers, words or tuples of them."
        ) from error
    write_tensors(tensors, path, metadata)


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)


def _read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Read what a file says and its tensors; nobody vouches for either."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file. Use a path written by antialias.save.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file ({str(error)[:300]}). Use a path written by antialias.save."
        ) from error
    if _KEY not in metadata:
        raise ValueError(f"{path} does not say what it holds. Use models.build(NAME, weights={str(path)!r}).")
    header = Header.from_json(metadata[_KEY], path)
    if unknown := set(header.ties.values()) - tensors.keys():
        raise ValueError(f"{path} shares {min(unknown)}, which it does not hold. Use a file of antialias.save.")
    ties = {header.prefix + tied: header.prefix + first for tied, first in header.ties.items()}
    return replace(header, ties=ties), {header.prefix + name: tensor for name, tensor in tensors.items()}


def _fill_(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Copy tensors into a network's own, which take the file's dtype."""
    own = model.state_dict(keep_vars=True)
    wrong = {
        "missing": own.keys() - tensors.keys(),
        "unexpected": tensors.keys() - own.keys(),
        "of another shape": {name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape},
    }
    reasons = [f"{len(names)} {kind} (such as {min(names)})" for kind, names in wrong.items() if names]
    if reasons:
        raise ValueError(
            f"{path} does not fit {type(model).__name__}: {', '.join(reasons)}. Use the network it was saved from."
        )
    for name, tensor in tensors.items():
        own[name].data = tensor.to(own[name].device)
