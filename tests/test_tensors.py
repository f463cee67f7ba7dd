"""What we write, safetensors reads, and lays out alike."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from antialias._tensors import read_pickled, write_tensors
from antialias.models import read_weights

DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.complex64, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16),
    *(torch.uint8, torch.bool),
)


def _tensors() -> dict[str, torch.Tensor]:
    values = torch.arange(12).reshape(3, 4) % 7
    tensors = {f"of {dtype}": values.to(dtype) for dtype in DTYPES}
    return tensors | {"scalar": torch.tensor(2.5), "empty": torch.zeros(2, 0, 3), "ş": torch.ones(1), "t": values.T}


def test_safetensors_reads_every_dtype(tmp_path: Path) -> None:
    tensors, path = _tensors(), tmp_path / "a.safetensors"
    write_tensors(tensors, path, {"b": 'a "word"\t', "a": "ş"})
    read = load_file(path)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(read[name].contiguous().view(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"b": 'a "word"\t', "a": "ş"}
    assert list(tmp_path.iterdir()) == [path]


def test_conjugates_and_negatives_are_written_as_the_numbers_that_they_are(tmp_path: Path) -> None:
    values = torch.tensor([1 + 2j, 3 - 4j])
    write_tensors({"conjugate": values.conj(), "negative": values.conj().imag}, tmp_path / "a")
    assert torch.equal(load_file(tmp_path / "a")["conjugate"], values.conj().resolve_conj())
    assert load_file(tmp_path / "a")["negative"].tolist() == [-2, 4]


def test_the_bytes_are_those_of_safetensors_where_its_own_are_always_the_same(tmp_path: Path) -> None:
    tensors = {"b": torch.rand(3, 5), "a": torch.rand(7), "count": torch.tensor(3), "c": torch.rand(2).half()}
    save_file(tensors, tmp_path / "theirs", metadata={"format": "pt"})
    write_tensors(tensors, tmp_path / "ours", {"format": "pt"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_a_dtype_that_the_format_lacks_is_refused_and_the_former_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors({"a": torch.ones(2)}, path)
    former = path.read_bytes()
    with pytest.raises(ValueError, match=r"a is of torch.complex128, which safetensors does not hold. Use one of"):
        write_tensors({"a": torch.ones(2, dtype=torch.complex128)}, path)
    assert path.read_bytes() == former


def test_the_core_saves_and_fingerprints_without_numpy(tmp_path: Path) -> None:
    lines = """
import sys, warnings
sys.modules["numpy"] = None
warnings.filterwarnings("ignore", "Failed to initialize NumPy")
import torch, antialias as aa
from antialias.retrofit._batches import digest_of
def network():
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 2), torch.nn.BatchNorm2d(4), torch.nn.MaxPool2d(2)).eval()
first = network()
aa.convert_(first, aa.Adaptive(groups=4), example=torch.zeros(1, 3, 32, 32))
aa.save(first, sys.argv[1])
assert digest_of(aa.load(sys.argv[1], network())) == digest_of(first)
"""
    subprocess.run([sys.executable, "-c", lines, str(tmp_path / "a.safetensors")], check=True)


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


LONG = b"\x80\x02c" + b"a" * 300_000 + b"\nb\n."


def hostile(folder: Path) -> dict[str, Path]:
    """Write files that torch takes long for, unpacks, or would run."""
    (old := folder / "old.pth").write_bytes(LONG)
    with tarfile.open(tar := folder / "tar.pth", "w") as file:
        file.add(old, "storages")
    return {
        r"it asks for a{40}..., a name of 300,002 letters": archive(folder / "long.pth", {"a/data.pkl": LONG}),
        r"a name of 300,002 letters": old,
        r"it unpacks to 100,000,002 bytes from 97,\d+$": archive(
            folder / "bomb.pth", {"a/data.pkl": b"N.", "a/data/0": bytes(10**8)}, zipfile.ZIP_DEFLATED
        ),
        r"a tar file": tar,
    }


def test_files_that_would_take_torch_long_are_refused_before(tmp_path: Path) -> None:
    for message, path in hostile(tmp_path).items():
        start = time.perf_counter()
        with pytest.raises(ValueError, match=message):
            read_pickled(path)
        with pytest.raises(ValueError, match=rf"{path.name} holds no weights that can be read \(.*Use a safetensors"):
            read_weights(path)
        assert time.perf_counter() - start < 5


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saved_is_read(zipped: bool, tmp_path: Path) -> None:
    values = {"a": torch.arange(3), "epoch": 3}
    torch.save(values, path := tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    read = read_pickled(path)
    assert read["a"].equal(values["a"])
    assert read["epoch"] == 3


def test_tensors_that_promise_more_than_the_file_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"filt": torch.ones(1, 1, 1, 1).expand(2**40, 1, 3, 3)}, path)
    with pytest.raises(
        ValueError, match=r"a.pth has [\d,]+ bytes, and 'filt' of \(1099511627776, 1, 3, 3\) would take"
    ):
        read_weights(path)
    torch.save({"a": torch.ones(3, device="meta")}, path)
    with pytest.raises(ValueError, match="a.pth has 'a', whose values are not there. Save plain tensors."):
        read_weights(path)
