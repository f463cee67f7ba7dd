"""A folder in which a mending keeps what it measured and learnt, so that an interrupted one goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from antialias._files import parsed, write_whole
from antialias._tensors import write_tensors
from antialias.retrofit import check_made_from

_VERSION = 2


class Folder:
    """What was measured, as JSON, beside the weights of each student; in memory alone if there is no path.

    Args:
        path: The folder; `None` keeps nothing beyond the process.
        fingerprints: Of what a mending depends on, by name: its values mean nothing to another one.

    Raises:
        ValueError: The folder belongs to another mending, or its file is broken.
    """

    def __init__(self, path: str | Path | None, fingerprints: Mapping[str, str]) -> None:
        self.path, self._fingerprints = None if path is None else Path(path), dict(fingerprints)
        self._values: dict[str, Any] = {}
        self._weights: dict[str, dict[str, Tensor]] = {}
        if self.path is None or not (file := self.path / "mend.json").exists():
            return
        fix = "Remove it to start anew, or use another folder."
        content = parsed(file, fix, largest=None)
        if not {"version", "made_from", "values"} <= content.keys():
            raise ValueError(f"checkpoint={str(self.path)!r} holds no mending: {file} has none. {fix}")
        version, theirs, self._values = content["version"], content["made_from"], content["values"]
        ours = {**self._fingerprints, "format": str(_VERSION)}
        check_made_from(self.path, "mending", ours, {**theirs, "format": str(version)})

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep a JSON-able value, in one move: an interruption leaves the last whole file."""
        self._values[key] = value
        if self.path is None:
            return
        content = {"version": _VERSION, "made_from": self._fingerprints, "values": self._values}
        write_whole(self.path / "mend.json", json.dumps(content))

    def file(self, name: str, suffix: str) -> Path | None:
        """Return the file of a student, `None` where nothing is kept."""
        return None if self.path is None else self.path / (re.sub(r"\W+", "-", name).strip("-") + suffix)

    def keep_weights(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Keep a student's weights."""
        self._weights[name] = {key: value.detach().cpu().clone().contiguous() for key, value in weights.items()}
        if (file := self.file(name, ".safetensors")) is not None:
            write_tensors(self._weights[name], file)

    def weights(self, name: str) -> dict[str, Tensor]:
        """Return what was kept of a student.

        Raises:
            ValueError: Its file is torn or gone.
        """
        if name not in self._weights and (file := self.file(name, ".safetensors")) is not None:
            try:
                self._weights[name] = load_file(file)
            except (SafetensorError, FileNotFoundError) as error:
                raise ValueError(
                    f"{file} is torn or gone ({error}). Remove {self.path} to start anew, or use another folder."
                ) from error
        return self._weights[name]
