"""Networks in files: weights as safetensors, how to rebuild the network as JSON beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from antialias.surgery import conversion_of, replay_

from ._build import Origin, build_architecture, is_library_name, origin_of
from ._frozen import freeze_as_

_KEY, _FORMAT = "antialias", 1


class _Header(TypedDict):
    """What the file says beside its tensors; `None` where it has nothing to say."""

    format: int
    name: str | None
    num_classes: int | None
    conversion: dict[str, Any] | None
    ties: dict[str, str]
    channels_last: bool


def save(model: nn.Module, path: str | Path) -> None:
    """Write a network to a safetensors file that says how to rebuild it, conversion included.

    The file holds tensors and JSON and nothing that runs, so it is safe to open. A network made by `models.build` is
    rebuilt from its name; of any other, `load` needs the unconverted network passed in.

    Args:
        model: The network, converted or not. Tensors that are shared are stored once and shared again by `load`.
        path: Where to write; `.safetensors` by custom. Its folder is made.

    Raises:
        ValueError: A tensor has no data (meta device).

    Example:
        >>> from antialias.models import build, load
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/tiny.safetensors"
        >>> save(build("antialias:TinyResNet", num_classes=3), path)
        >>> load(path).fc.out_features
        3
    """
    tensors, ties = _untie(model.state_dict(keep_vars=True))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    save_file(stored, path, metadata={_KEY: json.dumps(_describe(model, ties))})


def load(path: str | Path, model: nn.Module | None = None) -> nn.Module:
    """Read a network from a file written by `save`, in evaluation mode on the CPU.

    Fetches nothing and unpickles nothing: a name in the file is resolved only if it begins with `timm:`,
    `torchvision:`, `smp:` or `antialias:`.

    Args:
        path: The file.
        model: The network to fill, unconverted (the file's conversion is applied to it) or converted the same way;
            changed in place. Needed for a network that `models.build` did not make.

    Returns:
        The network, bit-identical to the saved one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a safetensors file, does not say what it holds, or does not fit `model`.
    """
    header, tensors = _read(Path(path))
    model = _rebuild(Path(path), header) if model is None else model
    freeze_as_(model, tensors.keys() | header["ties"].keys())
    if header["conversion"] is not None and conversion_of(model) is None:
        replay_(model, header["conversion"])
    _fill_(model, tensors | {tied: tensors[name] for tied, name in header["ties"].items()}, Path(path))
    _tie_(model, header["ties"])
    if header["channels_last"]:  # other kernels run then, which round otherwise
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


def _describe(model: nn.Module, ties: dict[str, str]) -> _Header:
    origin, conversion = origin_of(model), conversion_of(model)
    name, num_classes = origin or (None, None)
    record = None if conversion is None else conversion.to_dict()
    return {
        "format": _FORMAT,
        "name": name,
        "num_classes": num_classes,
        "conversion": record,
        "ties": ties,
        "channels_last": any(_is_channels_last(parameter) for parameter in model.parameters()),
    }


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)


def _untie(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Split a state dict into distinct tensors, and `{other name: first name}` of those that are the same object."""
    first: dict[int, str] = {}
    tensors: dict[str, Tensor] = {}
    ties: dict[str, str] = {}
    for name, tensor in state.items():
        if tensor.is_meta:
            raise ValueError(f"{name} is on the meta device and has no data. Use a network with weights.")
        if id(tensor) in first:
            ties[name] = first[id(tensor)]
        else:
            first[id(tensor)] = name
            tensors[name] = tensor
    return tensors, ties


def _read(path: Path) -> tuple[_Header, dict[str, Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file. Use a path written by antialias.save.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file ({error}). Use a path written by antialias.save."
        ) from error
    return _parse(path, metadata.get(_KEY)), tensors


def _parse(path: Path, text: str | None) -> _Header:
    if text is None:
        raise ValueError(f"{path} does not say what it holds. Use models.build(NAME, weights={str(path)!r}).")
    header = json.loads(text)
    if header["format"] != _FORMAT:
        raise ValueError(f"{path} has format {header['format']}, this release reads {_FORMAT}. Use a newer antialias.")
    return header


def _rebuild(path: Path, header: _Header) -> nn.Module:
    name = header["name"]
    if name is None or not is_library_name(name):
        raise ValueError(f"{path} holds a network of your own. Use load(path, model=...) with the unconverted network.")
    return build_architecture(Origin(name, header["num_classes"]))


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


def _tie_(model: nn.Module, ties: dict[str, str]) -> None:
    """Make each tied name refer to the very object of its first name."""
    for tied, name in ties.items():
        owner, _, attribute = tied.rpartition(".")
        source, _, source_attribute = name.rpartition(".")
        setattr(model.get_submodule(owner), attribute, getattr(model.get_submodule(source), source_attribute))
