"""How batches come to the training loop: which processes read them."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from antialias.data import AnnotatedImages, LabelledImages, SegmentedImages

from .._config import TrainConfig
from .._process_group import lost_worker
from .._task import Batches

_MOST = 8


class _PaddedBatches(Dataset[Any]):
    """Batches by number, and `None` beyond the last."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __getitem__(self, index: int) -> Any:
        return self.batches[index] if index < len(self.batches) else None


class _WatchedLoader(DataLoader[Any]):
    """Ends with the cause where a worker died, or gives nothing for so many seconds.

    Torch's own timeout does not reach a worker that hangs while it hands a tensor over. One that hangs behind its last
    batch does not hear that it may go, and Python would wait for it at its end: workers that are left are killed.
    """

    def __init__(self, seconds: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seconds = seconds

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        others = multiprocessing.active_children()
        batches: Iterator[Any] = super().__iter__()
        workers = [process for process in multiprocessing.active_children() if process not in others]
        late = threading.Event()

        def end() -> None:
            late.set()
            for worker in workers:
                worker.kill()

        try:
            while True:
                watch = threading.Timer(self.seconds, end)
                watch.daemon = True
                watch.start()
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                except Exception as error:
                    seconds, lost = self.seconds if late.is_set() else None, True
                    try:
                        watch.cancel()
                        # A dying one is known a little later.
                        lost = bool(wait([worker.sentinel for worker in workers], timeout=1))
                        if lost:
                            end()
                            for worker in workers:
                                worker.join(timeout=1)
                    except RuntimeError:
                        pass  # torch's signal handler says of each death, once: in here, not later in some other place
                    if not lost:
                        raise
                    raise lost_worker(error, seconds) from error
                finally:
                    watch.cancel()
                yield batch
        finally:
            del batches  # torch takes leave of its workers first, or it would report them as dead
            end()


def batch_loader(
    batches: Batches, config: TrainConfig, numbers: Iterable[int], *, workers: int = 0, pin_memory: bool = False
) -> DataLoader[Any]:
    """Return the batches of some numbers, in their order, read ahead by worker processes where there are any.

    Args:
        batches: An epoch's.
        config: Says the seed, and how long to wait for a worker.
        numbers: Those to read; a number beyond the last gives `None`.
        workers: Processes that read.
        pin_memory: Whether batches are put where a GPU can fetch them.
    """
    # The loader takes its base seed from a generator of its own, else it would draw from the global one.
    generator = torch.Generator().manual_seed(config.seed)
    return _WatchedLoader(
        config.timeout,
        _PaddedBatches(batches),
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        generator=generator,
        pin_memory=pin_memory,
    )


def workers_for(data: object, config: TrainConfig, processes: int = 1) -> int:
    """Return how many processes read for one of `processes` that train on this machine.

    Images in memory need none. Files are read and decoded by one process a core, eight at most, unless the config has a
    number.

    Example:
        >>> workers_for(object(), TrainConfig(workers=3))
        3
    """
    if config.workers is not None:
        return config.workers
    if isinstance(data, AnnotatedImages | LabelledImages | SegmentedImages):
        return 0
    return max(1, min(_MOST, (os.cpu_count() or 1) // processes))
