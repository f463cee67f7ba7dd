"""A training config is a value that can be written and read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from antialias.nn import Adaptive, Filter, Fixed
from antialias.tasks import TrainConfig, read_settings


@pytest.mark.parametrize("filter", [None, Fixed(kernel_size=5), Adaptive(groups=4, init="identity")], ids=str)
def test_it_survives_toml(filter: Filter | None, tmp_path: Path) -> None:
    config = TrainConfig(
        filter=filter,
        weights='a "path"\\ü',
        devices=2,
        schedule="step",
        milestones=(3, 5),
        learning_rate=1e-5,
        ema=0.99,
        scales=(0.5, 2),
        views=2,
        agreement=5.0,
    )
    config.write(tmp_path / "deep" / "config.toml")
    assert TrainConfig.read(tmp_path / "deep" / "config.toml") == config
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_file_need_not_name_everything(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('epochs = 2\n[filter]\nfilter = "Fixed"\n')
    assert TrainConfig.read(tmp_path / "x.toml") == TrainConfig(epochs=2, filter=Fixed())


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="x.toml is not a file. Use a TOML file such as those in recipes."):
        TrainConfig.read(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text("epochs: 2")
    with pytest.raises(ValueError, match="x.toml is not TOML .*Write one setting a line, such as epochs = 8"):
        TrainConfig.read(tmp_path / "x.toml")


def test_a_runs_file_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    config = TrainConfig(data="images:photographs", train_length=640, filter=Adaptive(groups=2))
    config.write(path, comment="began as 1f")
    assert TrainConfig.read(path) == config
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"train_length = 640", b"train_length = 64"))
    assert TrainConfig.read(path) == replace(config, train_length=64)
    for length in range(len(whole) - 1):  # without the last line's end it is whole
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"is not TOML|config\.toml: |ends early|names no setting"):
            TrainConfig.read(path)


def test_files_of_runs_from_before_there_were_views_still_say_that_nothing_filtered(tmp_path: Path) -> None:
    TrainConfig().write(tmp_path / "x.toml")
    lines = (tmp_path / "x.toml").read_text().splitlines()
    older = [line for line in lines if line.split(" ")[0] not in ("views", "agreement", "filter")]
    assert len(older) == len(lines) - 3
    (tmp_path / "x.toml").write_text("\n".join(older))
    assert read_settings(tmp_path / "x.toml")["filter"] == "none"


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot assign to field 'epochs'"):
        TrainConfig().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs=0 is too small. Use 1 or more."),
        ({"learning_rate": 0}, "learning_rate=0 is too small. Use a number above 0."),
        ({"workers": -1}, "workers=-1 is too small. Use 0 or more."),
        ({"epochs": "8"}, "epochs='8' is a str. Use int."),
        ({"batch_size": True}, "batch_size=True is a bool. Use int."),
        ({"devices": 1.5}, "devices=1.5 is a float. Use int or str."),
        ({"ema": 1.0}, "ema=1.0 never forgets. Use less than 1."),
        ({"schedule": "cosine"}, "schedule='cosine' is unknown. Use one of: onecycle, poly, step, constant."),
        ({"size": 32, "window": 40}, "window=40 does not fit pictures of size=32. Use window<=32."),
        ({"momentum": 0.0}, "nesterov=True needs momentum, which is 0. Use nesterov=False or momentum=0.9."),
        ({"schedule": "step"}, r"schedule='step' does not go with milestones=\[\]. Use schedule='step' with one"),
        ({"milestones": (3,)}, r"schedule='onecycle' does not go with milestones=\[3\]"),
        ({"schedule": "step", "milestones": (6, 3)}, r"milestones=\[6, 3\] do not rise. Use whole numbers such as"),
        ({"scales": (2.0, 0.5)}, r"scales=\[2.0, 0.5\] is no range of factors. Use two such as 0.5, 2."),
        ({"scales": (0.0, 2.0)}, r"scales=\[0.0, 2.0\] is no range of factors."),
        ({"scales": (1.0,)}, r"scales=\[1.0\] is no range of factors."),
        (
            {"weights": "default", "backbone": "b.pt"},
            "weights='default' and backbone='b.pt' both say where to start. Use",
        ),
        ({"views": 0}, "views=0 is too small. Use 1 or more."),
        ({"views": 2, "agreement": -1.0}, "agreement=-1.0 is too small. Use 0 or more."),
        (
            {"agreement": 5.0},
            "agreement=5.0 compares views of an image, of which views=1 gives too few. Use views=2 or",
        ),
        ({"warmup": 2}, "warmup=2, but schedule='onecycle' rises by itself. Use warmup=0 or 'poly'."),
        ({"warmup": 8, "schedule": "poly"}, "warmup=8 is as long as the run, 8. Use a shorter one."),
    ],
)
def test_impossible_settings_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**arguments)


def test_masked_pictures_may_be_smaller_than_the_window() -> None:
    assert TrainConfig(task="semantic", size=375, window=513).window == 513


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ValueError, match="epoch is no setting. Use some of: task, data, size"):
        TrainConfig.from_dict({"epoch": 3})


def test_pictures_are_a_quarter_larger_than_the_window_unless_told() -> None:
    assert (TrainConfig().image_side, TrainConfig(size=96).image_side) == (80, 96)
