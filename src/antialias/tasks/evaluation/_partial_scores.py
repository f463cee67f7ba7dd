"""Parts of scores in a folder, so that what was measured before a crash is not measured again."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from antialias._files import parsed, write_whole
from antialias._tensors import content_of
from antialias.metrics import Measurement
from antialias.models import class_names
from antialias.results import EvaluationConfig


class PartialScores:
    """Parts of scores in a folder, which belong to one network and one set of images.

    Args:
        folder: Where they are; it is made if it is not there.
        fingerprint: Of the network and the images, see `fingerprint`.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, number: int) -> dict[str, Measurement] | None:
        """Return what a part gave, if it is there and whole; of one that is torn it warns.

        Raises:
            ValueError: It belongs to other scores, or an earlier version wrote it.
        """
        path = self._path(number)
        if not path.exists():
            return None
        try:
            stored = parsed(path, "", largest=None)
        except ValueError:
            stored = {}
        if not {"of", "scores"} <= stored.keys():
            warnings.warn(f"{path} is torn, so what it held is measured again.", stacklevel=2)
            return None
        if stored["of"] != self.fingerprint:
            raise ValueError(f"{path} is of another network or other settings. Remove {self.folder}, or use another.")
        try:
            return {name: Measurement.from_dict(values) for name, values in stored["scores"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error} Remove {self.folder}, or use another.") from error

    def write(self, number: int, parts: Mapping[str, Measurement]) -> None:
        """Write what a part gave in one go, so that what is there is whole."""
        values = {name: part.to_dict() for name, part in parts.items()}
        write_whole(self._path(number), json.dumps({"of": self.fingerprint, "scores": values}))

    def remove(self) -> None:
        """Remove the parts, and the folder if nothing else is in it."""
        for path in [*self.folder.glob("part-*.json"), *self.folder.glob("part-*.json.*.part")]:
            path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.json"


def fingerprint(model: nn.Module, config: EvaluationConfig) -> str:
    """Return a hash of a network's tensors and classes and of all settings that a score depends on."""
    settings = [config.task, config.data, config.image_side, config.window, config.test_length, config.on_broken]
    settings += [config.size, config.masked_classes, config.detection_score, config.multiple, class_names(model)]
    result = hashlib.sha256(json.dumps(settings).encode())
    for name, tensor in model.state_dict().items():
        result.update(name.encode())
        result.update(content_of(tensor))
    return result.hexdigest()
