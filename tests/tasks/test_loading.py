"""Who reads: nobody for pictures in memory, a process a core for files, and always the same batches."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from antialias.data import LabelledImages
from antialias.tasks import TrainConfig, fit, task_named
from antialias.tasks.batches import batch_loader, workers_for


def _pictures() -> LabelledImages:
    images = torch.randint(256, (10, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return LabelledImages(images, torch.arange(10), [str(i) for i in range(10)])


def test_files_are_read_by_a_process_a_core_and_memory_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    config = TrainConfig()
    assert workers_for(_pictures(), config) == 0
    assert [workers_for(object(), config, processes) for processes in (1, 2, 4, 16)] == [8, 6, 3, 1]
    assert workers_for(object(), TrainConfig(workers=0)) == 0
    assert workers_for(_pictures(), TrainConfig(workers=2)) == 2
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert workers_for(object(), config) == 1


def test_workers_give_the_same_batches_in_the_same_order() -> None:
    config = TrainConfig(size=8, window=5, batch_size=4)
    batches = task_named("classification").training_batches(_pictures(), config, 0)
    before = torch.get_rng_state()
    alone, helped = (list(batch_loader(batches, config, [1, 0, 7], workers=workers)) for workers in (0, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert alone[2] is helped[2] is None
    for (images, labels), (same, numbers) in zip(alone[:2], helped[:2], strict=True):
        assert torch.equal(images, same)
        assert torch.equal(labels, numbers)
    assert torch.equal(alone[0][0], batches[1][0])


def test_a_run_that_reads_files_ends_the_same_however_many_read(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("val", 2)):
        for number in range(count):
            file = tmp_path / split / str(number % 2) / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((60, 50), 20 + 30 * number).save(file)
    config = TrainConfig(data=f"images:{tmp_path}", crop="resized", window=32, epochs=1, batch_size=2)
    config = replace(config, accelerator="cpu", devices=1)
    runs = [fit(replace(config, workers=workers, out=str(tmp_path / f"{workers}"))) for workers in (0, 1)]
    alone, helped = (run.model.state_dict().values() for run in runs)
    assert all(map(torch.equal, alone, helped))
