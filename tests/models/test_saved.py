"""Files that older code saved are read bit by bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import saved
import torch
from safetensors.torch import load_file
from torch import nn

from antialias.models import load, save
from antialias.surgery import conversion_of

FILES = Path(__file__).parent / "files"


def _loaded(name: str) -> nn.Module:
    model = saved.small()
    if name == "tied":
        model.bn3.weight = model.bn2.weight
    return load(FILES / f"{name}.safetensors", model)


@pytest.mark.parametrize("name", saved.NETWORKS)
def test_a_file_of_older_code_is_read_bit_by_bit(name: str, tmp_path: Path) -> None:
    model = _loaded(name)
    stored, state = load_file(FILES / f"{name}.safetensors"), model.state_dict()
    assert stored.keys() == state.keys() - ({"bn3.weight"} if name == "tied" else set())
    assert all(torch.equal(value, state[key]) and value.dtype == state[key].dtype for key, value in stored.items())
    assert model.conv2.weight.is_contiguous() is (name != "channels_last")
    if name != "plain":
        filters = conversion_of(model).filters()
        assert len(filters) == 3
    save(model, tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    assert again.keys() == stored.keys()
    assert all(torch.equal(value, again[key]) for key, value in stored.items())
    torch.testing.assert_close(saved.answers(model.float()), load_file(FILES / "answers.safetensors")[name])


def test_the_networks_are_made_as_they_were() -> None:
    for name, make in saved.NETWORKS.items():
        torch.testing.assert_close(saved.answers(make().float()), load_file(FILES / "answers.safetensors")[name])
