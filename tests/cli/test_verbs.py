from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import torch

import antialias as aa
from antialias.cli import VERBS, description, main
from antialias.cli._options import FILTERS, FilterOptions


def test_help_lists_the_verbs_with_a_line_each(capsys):
    main(["--help"])
    out = capsys.readouterr().out
    lines = {verb: re.search(rf"^│ {verb} +(\S.*?) *│$", out, re.MULTILINE)[1] for verb in VERBS}
    assert set(VERBS) >= {"train", "split", "evaluate"}
    for verb in VERBS:
        main([verb, "--help"])
        shown = " ".join(capsys.readouterr().out.split())
        function = getattr(import_module(f"antialias.cli._{verb}"), verb)
        assert lines[verb] in shown
        assert " ".join(description(verb).split()) == " ".join(inspect.getdoc(function).split())


def test_the_readme_names_every_verb():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    assert not [verb for verb in VERBS if not re.search(rf"\bantialias {verb}\b", text)]


def test_help_says_what_is_trained_and_what_goes_on(capsys):
    main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "Its filters are adaptive; --filter none trains a plain network." in shown.replace("`", "")
    main(["evaluate", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "With out, an interrupted call goes on where it stopped." in shown.replace("`", "")  # of every task


def test_help_imports_no_verb():
    code = "import sys; from antialias.cli import main; main(['--help']); print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = process.stdout.splitlines()[-1].split()
    assert not [name for name in modules if name.startswith(("antialias.tasks", "antialias.cli._train", "lightning"))]


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_a_missing_extra_is_one_line(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from antialias.cli import main; main(['--help'])"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr == f"antialias: {missing} is not installed. Run: pip install 'antialias[cli]'\n"


def test_inspect_prints_the_plan(capsys):
    main(["inspect", "antialias:TinyResNet", "--groups", "4"])
    out = capsys.readouterr().out
    assert str(aa.inspect(aa.models.TinyResNet(), filter=aa.Adaptive(groups=4))).splitlines()[1] in out


def test_a_plan_is_readable_in_80_columns(capsys, monkeypatch, tmp_path):
    """In a file or a pipe its lines are as long as they are."""
    words = ["antialias:TinyResNet", "--filter", "polyphase", "--phase", "learned"]
    for verb, *more in (["inspect"], ["convert", "--out", str(tmp_path / "m.safetensors")]):
        shown = []
        for columns in (0, 80):
            monkeypatch.setattr("shutil.get_terminal_size", lambda *_, size=(columns, 0): os.terminal_size(size))
            main([verb, *words, *more])
            shown.append(capsys.readouterr().out.partition("Wrote")[0])
        full, narrow = shown
        assert max(map(len, full.splitlines())) > 120
        assert max(map(len, narrow.splitlines())) <= 80
        assert not {word for word in full.split() if word.strip("─")} - set(narrow.split())


def test_convert_writes_a_network_with_the_same_answers(capsys, tmp_path):
    aa.save(aa.models.build("antialias:TinyResNet"), tmp_path / "plain.safetensors")
    out = tmp_path / "converted.safetensors"
    main(["convert", str(tmp_path / "plain.safetensors"), "--filter", "adaptive", "--out", str(out), "--size", "64"])
    assert f"Wrote {out}" in capsys.readouterr().out
    plain, converted = aa.load(tmp_path / "plain.safetensors"), aa.load(out)
    x = torch.rand(2, 3, 64, 64)
    assert (converted(x) - plain(x)).norm() / plain(x).norm() < 1e-3
    assert any(isinstance(module, aa.nn.AdaptiveBlurPool2d) for module in converted.modules())


def test_backends(capsys):
    main(["backends", "--dtype", "bfloat16", "--channels-last"])
    assert "reference" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["inspect", "timm:resnet5O"], "antialias: timm model='resnet5O' is unknown. Use one of .*resnet50"),
        (["inspect", "nowhere.safetensors"], "antialias: nowhere.safetensors is not a file"),
        (["inspect", "antialias:TinyResNet", "--kernel-size", "4"], "antialias: kernel_size=4 has no centre tap"),
        (["backends", "--dtype", "float31"], "antialias: dtype=float31 is unknown"),
        (["backends", "--dtipe", "float32"], "antialias: Unknown option: --dtipe. Did you mean --dtype"),
        (["bench", "--rounds", "many"], 'antialias: Invalid value for --rounds: unable to convert "many" into int'),
        (["train", "semantics"], "antialias: task='semantics' is unknown. Use one of: classification"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.match(message, error)


def test_every_filter_has_its_word_and_options():
    assert FilterOptions().config() == aa.Adaptive()
    assert FilterOptions(predictor="separable").config() == aa.Adaptive(predictor="separable")
    assert FilterOptions(filter="polyphase").config() == aa.Polyphase()
    assert FilterOptions(filter="fixed", kernel_size=5, phase="norm").config() == aa.Fixed(kernel_size=5, phase="norm")
    assert FilterOptions(filter="gaussian", width="image").config() == aa.nn.Gaussian(width="image")
    for name in FILTERS:
        assert type(FilterOptions(filter=name).config()).__name__.lower() == name
    with pytest.raises(ValueError, match="--groups is no option of the fixed filter. Use some of: --padding-mode, "):
        FilterOptions(filter="fixed", groups=4).config()


def test_every_field_of_every_filter_is_an_option():
    known = {field.name for field in fields(FilterOptions)}
    for name in FILTERS:
        assert known >= {field.name for field in fields(FILTERS[name])}


def test_sizes_to_choose_from(tmp_path):
    words = ["--filter", "attention", "--kernel-sizes", "1", "--kernel-sizes", "3"]
    main(["convert", "antialias:TinyResNet", *words, "--out", str(tmp_path / "m.safetensors")])
    layers = [m for m in aa.load(tmp_path / "m.safetensors").modules() if isinstance(m, aa.nn.AttentionBlurPool2d)]
    assert layers
    assert {layer.kernel_sizes for layer in layers} == {(1, 3)}


def test_inspect_says_what_a_circular_shift_does(capsys):
    main(["inspect", "antialias:TinyResNet", "--filter", "polyphase"])
    out = capsys.readouterr().out
    assert "8 sites to filter with Polyphase" in out
    assert "A circular shift of the picture only shifts what the network computes, exactly." in out
