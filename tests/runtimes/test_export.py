from __future__ import annotations

import dataclasses
import multiprocessing
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import antialias as aa
from antialias.cli import main
from antialias.runtimes import FORMATS, _export, _trace, _verify

EXAMPLE = torch.rand(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))


class Tiny(nn.Module):
    input_size = (3, 24, 24)

    def __init__(self, head: nn.Module | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.conv = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.head = head or nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x):
        return self.head(self.conv(self.stem(x).relu()))


class Positions(nn.Module):
    """Adds something to each position, as transformers do, so that it takes one size."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(6, 6))

    def forward(self, maps):
        return (maps + self.places).mean((2, 3))


class ByParity(nn.Module):
    """Asks whether a size is odd, which a trace answers once and for all."""

    def forward(self, maps):
        return maps.mean((2, 3)) * (2.0 if maps.shape[3] % 2 else 1.0)


class Instances(nn.Module):
    def forward(self, x):
        return [{"boxes": x[0, 0, :2, :4], "scores": x[0, 0, 0, :2], "labels": torch.ones(2)} for _ in x]


class Segmenter(Tiny):
    def forward(self, x):
        maps = self.conv(self.stem(x).relu())
        return {"out": nn.functional.interpolate(maps, x.shape[2:], mode="bilinear"), "aux": maps}


def network(kind=Tiny, *arguments) -> nn.Module:
    torch.manual_seed(0)
    model = kind(*arguments)
    aa.convert_(model, aa.Adaptive(groups=2, init="paper"), example=EXAMPLE)
    return model


def test_an_export_prints_what_it_is(tmp_path):
    model = network()
    done = aa.export(model, tmp_path / "tiny.pt2", to="program")  # noise of the network's own size
    assert model.training  # it stays as it is
    assert done.path.stat().st_size == done.bytes
    assert done.ranges.keys() == {"batch", "height", "width"}
    assert len(done.differences) == 5
    said = done.text()
    assert said.startswith(f"tiny.pt2 ({done.bytes / 1e6:.1f} MB, torch.export) answers as Tiny does: relative")
    assert "1 of 24 x 24" in said
    assert "Varies: batch from 1, height from" in said
    assert "conv2d.default" in said
    run = torch.export.load(done.path).module()
    images = torch.rand(4, 3, 45, 33)
    torch.testing.assert_close(run(images), model.eval()(images))


@pytest.mark.parametrize("to", ["onnx", "program"])
def test_networks_of_signals_take_any_number_and_length(tmp_path, to):
    torch.manual_seed(0)
    layers = [nn.Conv1d(2, 8, 9, stride=2, padding=4), nn.ReLU(), nn.Conv1d(8, 8, 3, stride=2, padding=1)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3)).eval()
    aa.convert_(model, aa.Adaptive(groups=2, init="paper"), example=torch.rand(1, 2, 200))
    file = tmp_path / f"net{FORMATS[to].suffix}"
    done = aa.export(model, file, to=to, example=torch.rand(1, 2, 200))
    assert done.ranges.keys() == {"batch", "length"}
    assert [each.shape for each in done.differences] == ["1 of 200", "2 of 230", "3 of 175", "1 of 218", "1 of 245"]
    signals = torch.rand(2, 2, 333)
    torch.testing.assert_close(FORMATS[to].load(file)(signals)[0], model(signals))


def test_networks_of_clips_take_any_number_length_and_size(tmp_path):
    torch.manual_seed(0)
    layers = [nn.Conv3d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv3d(4, 4, 3, stride=(1, 2, 2), padding=1)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    aa.convert_(model, aa.Adaptive(groups=2, init="paper"), example=torch.rand(1, 3, 8, 24, 24))
    done = aa.export(model, tmp_path / "net.onnx", example=torch.rand(1, 3, 8, 24, 24))
    assert done.ranges.keys() == {"batch", "depth", "height", "width"}
    assert done.differences[2].size == (7, 19, 21)
    clips = torch.rand(2, 3, 5, 32, 27)
    torch.testing.assert_close(FORMATS["onnx"].load(tmp_path / "net.onnx")(clips)[0], model(clips))
    with pytest.raises(ValueError, match=r"calibrate has images, and the network takes \(1, 3, 8, 24, 24\)"):
        aa.export(model, tmp_path / "net.onnx", example=torch.rand(1, 3, 8, 24, 24), calibrate=torch.rand(8, 3, 24, 24))


def test_the_command_line_shows_a_network_what_its_first_convolution_reads(tmp_path, capsys, monkeypatch):
    (tmp_path / "networks.py").write_text(
        "from torch import nn\n"
        "def signals(): return nn.Sequential(nn.Conv1d(2, 4, 9, stride=2), nn.ReLU(), nn.Conv1d(4, 4, 3, stride=2))\n"
        "def grey(): return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name, said in (("signals", "1 of 64"), ("grey", "1 of 64 x 64")):
        out = str(tmp_path / f"{name}.pt2")
        main(["export", f"networks:{name}", "--to", "program", "--out", out, "--size", "64"])
        assert said in capsys.readouterr().out
        main(["inspect", f"networks:{name}", "--size", "64"])
        assert capsys.readouterr().out.startswith("Sequential: 1 site to filter")


def test_all_outputs_of_a_segmenter_are_compared(tmp_path):
    done = aa.export(network(Segmenter), tmp_path / "model.onnx")
    assert done.fixed == {}
    assert done.difference < 1e-5
    assert done.operations["Resize"] == 1


def test_what_cannot_vary_is_fixed_and_says_why(tmp_path):
    done = aa.export(network(Tiny, Positions()), tmp_path / "model.onnx")
    assert done.ranges == {"batch": (1, None)}
    assert done.fixed.keys() == {"height", "width"}
    assert "the network does not take 88: RuntimeError: The size of tensor" in done.fixed["height"]
    assert {each.size for each in done.differences} == {(24, 24)}
    assert [each.batch for each in done.differences] == [1, 2, 3]
    done = aa.export(network(), tmp_path / "model.onnx", dynamic=False)
    assert done.fixed["batch"] == "dynamic=False was asked for"
    assert done.ranges == {}


def test_a_size_is_fixed_where_the_file_is_wrong_for_others(tmp_path):
    done = aa.export(network(Tiny, ByParity()), tmp_path / "model.onnx")
    assert done.ranges.keys() == {"batch"}
    assert "where it varies, ONNX Runtime differs by more than 0.0001 on 1 x 61 x 42" in done.fixed["width"]
    assert done.difference < 1e-5


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    (tmp_path / "tiny.pt2").write_text("what was there before")
    wrong = dataclasses.replace(FORMATS["program"], load=lambda path: lambda images: [torch.zeros(len(images), 5)])
    monkeypatch.setitem(FORMATS, "program", wrong)
    with pytest.raises(ValueError, match=r"differs by more than 1e-09 on 1 x 24 x 24: .*Nothing was written"):
        aa.export(network(), tmp_path / "tiny.pt2", to="program", tolerance=1e-9)
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.pt2"]
    assert (tmp_path / "tiny.pt2").read_text() == "what was there before"
    done = aa.export(network(), tmp_path / "tiny.pt2", to="program", verify=False)
    assert done.difference is None
    assert "was not compared with Tiny" in str(done)


def test_a_filter_wrong_by_a_tap_is_refused(tmp_path, monkeypatch):
    from antialias.ops.adaptive import _adaptive

    right = _adaptive.exported
    monkeypatch.setattr(_adaptive, "exported", lambda x, logits, *rest: right(x, logits.roll(1, 1), *rest))
    with pytest.raises(ValueError, match="differs by more than 0.0001 on 1 x 24 x 24"):
        aa.export(network(), tmp_path / "tiny.pt2", to="program")
    assert list(tmp_path.iterdir()) == []


def test_detectors_and_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Instances answers with instances, .*export\(model.backbone, ...\)"):
        aa.export(Instances(), tmp_path / "model.onnx", example=EXAMPLE)
    with pytest.raises(ValueError, match=r"to='tensorrt' is unknown. Use one of 'onnx', 'program', 'aoti', 'openvino'"):
        aa.export(network(), tmp_path / "model.onnx", to="tensorrt")
    with pytest.raises(ValueError, match=r"model.bin does not end in .onnx, as files for ONNX Runtime do. Rename it."):
        aa.export(network(), tmp_path / "model.bin")
    with pytest.raises(ValueError, match=r"to='aoti' has no eight-bit files. Use to='onnx' or to='program'"):
        aa.export(network(), tmp_path / "model.pt2", to="aoti", calibrate=torch.rand(8, 3, 28, 28))
    with pytest.raises(
        ValueError, match=r"Tiny does not take an example of shape \(3, 24, 24\) \(.*Pass images \(N, C"
    ):
        aa.export(network(), tmp_path / "model.onnx", example=EXAMPLE[0])
    with pytest.raises(ValueError, match=r"calibrate has images of shape \(28, 28\). Pass batches \(N, 3, H, W\)"):
        aa.export(network(), tmp_path / "model.onnx", calibrate=list(torch.rand(2, 3, 28, 28)))
    with pytest.raises(ValueError, match=r"calibrate has 2 images. Use 4 or more"):
        aa.export(network(), tmp_path / "model.onnx", calibrate=torch.rand(2, 3, 28, 28))
    assert list(tmp_path.iterdir()) == []


def test_no_compiler_and_no_openvino_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr("antialias.runtimes._formats.why_not_compiled", lambda: "g++ is not there")
    with pytest.raises(ImportError, match=r"finds none: g\+\+ is not there. Install g\+\+ or clang, .* CXX"):
        aa.export(network(), tmp_path / "model.pt2", to="aoti")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match=r"openvino is not installed. Run: pip install 'antialias\[openvino\]'"):
        aa.export(network(), tmp_path / "model.xml", to="openvino")


def test_eight_bits_are_smaller_and_say_what_they_took(tmp_path):
    torch.manual_seed(0)
    done = aa.export(network(), tmp_path / "tiny.onnx", calibrate=[torch.rand(8, 3, 28, 28)], timing=True)
    eight = done.quantization
    assert done.operations["QuantizeLinear"] > 0
    assert 0 < eight.differences[0].relative < 0.2
    assert eight.images == 4
    assert eight.agreement.images == eight.consistency.images == 4
    assert done.milliseconds.keys() == {"eager", "runtime", "plain eager", "plain runtime"}
    said = done.text()
    assert "has eight bits" in said
    assert "float: classification consistency" in said
    assert "plain runtime" in said
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.onnx"]


def test_a_program_of_eight_bits_holds_weights_once_and_says_what_it_took(tmp_path, monkeypatch):
    torch.manual_seed(0)
    model, file = network(), tmp_path / "tiny.pt2"
    done = aa.export(model, file, to="program", calibrate=torch.rand(8, 3, 28, 28))
    assert done.operations["dequantize_per_channel.default"] == 3
    assert 0 < done.quantization.differences[0].relative < 0.2
    assert done.quantization.agreement.images == 4
    assert done.ranges["batch"] == (1, None)
    program = torch.export.load(file)
    shapes = [tuple(values.shape) for values in program.state_dict.values() if values.dtype == torch.int8]
    assert sorted(shapes) == [(4, 3, 3, 3), (5, 6), (6, 4, 3, 3)]
    assert {"stem.weight", "conv.weight", "head.2.weight"}.isdisjoint(program.state_dict)
    before = model(torch.rand(5, 3, 40, 52, generator=torch.Generator().manual_seed(1)))
    after = program.module()(torch.rand(5, 3, 40, 52, generator=torch.Generator().manual_seed(1)))
    assert (after - before).norm() < 0.2 * before.norm()
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ImportError, match=r"torchao is not installed. Run: pip install 'antialias\[int8\]'"):
        aa.export(model, file, to="program", calibrate=torch.rand(8, 3, 28, 28))


def test_the_verb_exports_a_saved_and_mended_network(tmp_path, capsys):
    model = aa.models.build("antialias:TinyResNet", num_classes=3)
    aa.convert_(model, aa.PhaseAverage(), example=torch.rand(1, 3, 32, 32), where=["layer2.*"])
    aa.save(model, tmp_path / "mended.safetensors")
    main(["export", str(tmp_path / "mended.safetensors"), "--out", str(tmp_path / "m.onnx"), "--size", "64"])
    said = capsys.readouterr().out
    assert "answers as TinyResNet does: relative difference at most" in " ".join(said.split())
    assert f"Wrote {tmp_path / 'm.onnx'}" in said
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "mended.safetensors"), "--out", str(tmp_path / "m.bin")])
    assert "m.bin does not end in .onnx" in capsys.readouterr().err


def test_nothing_that_writes_files_is_imported_with_the_library():
    code = "import sys, antialias; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"onnx", "onnxruntime", "onnxscript", "openvino", "torch._inductor.compile_fx"} & set(modules)


def test_quiet_gives_logging_back():
    import logging

    with _trace.quiet():
        assert logging.root.manager.disable == logging.WARNING
    assert logging.root.manager.disable == 0


def test_images_of_another_size_are_the_example_moved():
    images = _trace.resized(EXAMPLE, 2, 24, 24)
    assert torch.equal(images[0], EXAMPLE[0])
    assert torch.equal(images[1], EXAMPLE[0].roll((1, 1), (1, 2)))
    assert _export.FORMATS is FORMATS


def _export_where_little_fits(path: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    with pytest.raises(OSError, match=rf"{path.name} cannot be written: File too large. .* Make room there, or use"):
        aa.export(network(), path, to="program", example=EXAMPLE, dynamic=False)


def test_a_disk_that_is_full_is_told_and_ends_no_process(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_export_where_little_fits, args=(tmp_path / "a.pt2",))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert not list(tmp_path.iterdir())


class InPlace(Tiny):
    def forward(self, x):
        return super().forward(x.sub_(0.5).mul_(4))


def test_a_network_that_writes_into_its_images_is_compared_on_the_same_images(tmp_path: Path) -> None:
    before = EXAMPLE.clone()
    done = aa.export(InPlace().eval(), tmp_path / "t.pt2", to="program", example=EXAMPLE)
    assert done.difference < 1e-6
    assert torch.equal(EXAMPLE, before)


def test_imaginary_parts_are_compared() -> None:
    class Complex(nn.Module):
        def forward(self, x):
            return torch.complex(x, x)

    wrong = _verify.compare(Complex(), lambda images: [torch.complex(images, -images)], EXAMPLE, (1, 24, 24))
    assert wrong.relative > 1
