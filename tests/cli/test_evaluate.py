"""The verb `evaluate`: what it refuses before it measures, and what it measures of networks that others refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from antialias.cli import _evaluate, main
from antialias.models import TinyResNet
from antialias.results import Evaluation

SMALL = ["--size", "40", "--length", "8", "--accelerator", "cpu"]


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module whose callables make networks of two input sizes, and a frozen one."""

    def sized(side: int) -> nn.Module:
        model = TinyResNet(20)
        model.input_size = side  # type: ignore[assignment]
        return model

    module = ModuleType("sized_networks")
    module.small = lambda: sized(32)  # type: ignore[attr-defined]
    module.large = lambda: sized(40)  # type: ignore[attr-defined]
    module.frozen = lambda: sized(32).requires_grad_(False)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sized_networks", module)
    return "sized_networks"


@pytest.fixture
def segmenters(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module whose callables make segmenters that need sides of multiples of 8 and of 12."""

    def needing(multiple: int) -> nn.Module:
        model = nn.Conv2d(3, 21, 1)
        model.requires_divisible_input_shape = True  # type: ignore[assignment]
        model.encoder = nn.Module()
        model.encoder.output_stride = multiple  # type: ignore[assignment]
        return model

    module = ModuleType("segmenters")
    module.one = lambda: needing(8)  # type: ignore[attr-defined]
    module.two = lambda: needing(12)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "segmenters", module)
    return "segmenters"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Make a module of functions that answer in their own ways, and return flags for a few pictures."""

    def detector(score: float) -> Any:
        one = {"boxes": torch.tensor([[2.0, 2.0, 30.0, 30.0]]), "labels": torch.tensor([1])}
        return lambda images: [{**one, "scores": torch.tensor([score])} for _ in images]

    module = ModuleType("answers")
    module.blind = lambda: detector(0.1)  # type: ignore[attr-defined]
    module.sees = lambda: detector(0.9)  # type: ignore[attr-defined]
    module.named = lambda: lambda images: {"logits": images.mean((2, 3))}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "answers", module)
    for number in range(3):
        (tmp_path / f"data/{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 48), (80 * number, 90, 20)).save(tmp_path / f"data/{number % 2}/{number}.png")
    return ["--data", f"images:{tmp_path}/data", "--size", "48", "--accelerator", "cpu"]


@pytest.mark.filterwarnings(
    "ignore:.*no accuracy is measured, but stability is", "ignore:.*left out, since nothing was"
)
@pytest.mark.parametrize("cost", ["--cost", "--no-cost"])
def test_detectors_that_find_nothing(answers: list[str], cost: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", "answers:blind", *answers, "--task", "instance", cost])
    assert "nothing that a score could be made of" in " ".join(capsys.readouterr().out.split())
    main(["evaluate", "answers:blind", "answers:sees", *answers, "--task", "instance", cost])
    assert "3 test pictures" in " ".join(capsys.readouterr().out.split())


@pytest.mark.filterwarnings("ignore:.*no accuracy is measured, but stability is")
def test_answers_in_other_words_are_told(answers: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "answers:named", *answers, "--window", "40"])
    assert "answers:named: the model returned a dict. Wrap it to return logits" in capsys.readouterr().err


def test_networks_of_different_sizes_are_refused_before_any_is_measured(
    networks: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["evaluate", f"{networks}:small", f"{networks}:large", *SMALL, "--no-cost"]
    with monkeypatch.context() as patch:
        patch.setattr(_evaluate, "measure", lambda *_, **__: pytest.fail("it was measured"))
        with pytest.raises(SystemExit, match="2"):
            main(words)
    error = capsys.readouterr().err
    assert error.startswith(
        "antialias: the networks are meant for inputs of different sizes, in pixels: sized_networks:small for 32, "
        "sized_networks:large for 40. Give them one, such as --window 32"
    )
    main([*words, "--window", "32"])
    assert "Difference from sized_networks:small" in " ".join(capsys.readouterr().out.split())


def test_a_network_of_its_own_size_is_seen_at_it(networks: str, tmp_path: Path) -> None:
    words = ["evaluate", f"{networks}:large", "--size", "50", *SMALL[2:], "--no-cost"]
    main([*words, "--out", str(tmp_path)])
    (written,) = tmp_path.glob("*.json")
    assert Evaluation.read(written).config.window == 40
    assert Evaluation.read(written).training is None


def test_a_frozen_network_has_a_cost(networks: str, tmp_path: Path) -> None:
    main(["evaluate", f"{networks}:frozen", *SMALL, "--out", str(tmp_path)])
    (written,) = tmp_path.glob("*.json")
    cost = Evaluation.read(written).cost
    assert cost is not None
    assert cost.memory == 1


def test_segmenters_that_need_different_multiples_are_refused_before_any_is_measured(
    segmenters: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = [f"{segmenters}:one", f"{segmenters}:two"]
    words = ["evaluate", *names, "--task", "semantic", "--data", "scenes", "--length", "12", "--accelerator", "cpu"]
    words += ["--no-cost", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(_evaluate, "measure", lambda *_, **__: pytest.fail("it was measured"))
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert capsys.readouterr().err.startswith(
            "antialias: the networks take heights and widths that are different multiples: segmenters:one of 8, "
            "segmenters:two of 12. Show them the same with --multiple 24"
        )
        with pytest.raises(SystemExit, match="2"):
            main([*words, "--multiple", "16"])
        assert "--multiple 16 does not fit: segmenters:one of 8, segmenters:two of 12" in capsys.readouterr().err
    main([*words, "--multiple", "24"])
    assert "Difference from segmenters:one" in " ".join(capsys.readouterr().out.split())
    written = [Evaluation.read(path) for path in sorted(tmp_path.glob("*.json"))]
    assert [each.scores["segmentation_consistency"].protocol["multiple"] for each in written] == [24, 24]
    for name in names:
        main(["evaluate", name, *words[3:]])
    capsys.readouterr()
    with pytest.raises(SystemExit, match="2"):
        main(["compare", *map(str, sorted(tmp_path.glob("*.json")))])
    assert "Measure them again with `antialias evaluate --multiple 24`" in capsys.readouterr().err


def test_of_a_run_s_file_only_the_data_are_taken(networks: str, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'model = "nobody"\nwindow = 32\nsize = 40\ntest_length = 8\nseed = 3\nout = "nowhere"\nweights = "default"\n'
    )
    words = ["evaluate", f"{networks}:large", "--config", str(file), "--accelerator", "cpu", "--no-cost"]
    main([*words, "--out", str(tmp_path / "out")])
    (written,) = (tmp_path / "out").glob("*.json")
    assert Evaluation.read(written).config.window == 32
    assert not Path("nowhere").exists()


def test_a_warning_is_one_line(tmp_path: Path) -> None:
    for number in range(4):
        Image.effect_noise((60, 50), 40 + number).convert("RGB").save(tmp_path / f"{number}.png")
    code = "from antialias.cli import main; import sys; main(sys.argv[1:])"
    words = ["evaluate", "antialias:TinyResNet", "--data", f"images:{tmp_path}", "--size", "48", "--window", "32"]
    process = subprocess.run(
        [sys.executable, "-c", code, *words, "--no-cost"], capture_output=True, text=True, check=True
    )
    assert "consistency" in process.stdout
    said = f"images:{tmp_path} has no labels for classification, so no accuracy is measured, but stability is."
    assert process.stderr == f"antialias: {said}\n"
