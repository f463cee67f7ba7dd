"""Filters give the same answers in threads, forked and spawned processes, and while the number of threads changes."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from antialias.models import TinyResNet
from antialias.nn import Adaptive, Fixed
from antialias.surgery import convert_


def _network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = TinyResNet(num_classes=4).eval()
    convert_(network, Adaptive(groups=4) if seed % 2 else Fixed(), example=torch.zeros(1, 3, 32, 32))
    return network


def _answers(seed: int) -> Tensor:
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return _network(seed)(images)


class _Answers(Dataset[Tensor]):
    """Answers of filters that a loader's workers compute."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Tensor:
        return _answers(index)


def test_networks_answer_and_learn_in_threads_as_they_do_alone() -> None:
    networks = [_network(seed) for seed in range(4)]
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def work(network: nn.Module) -> list[Tensor]:
        results = []
        for _ in range(3):
            answers = network(images)
            gradients = torch.autograd.grad(answers.square().sum(), [*network.parameters()], allow_unused=True)
            results += [answers.detach(), *(gradient for gradient in gradients if gradient is not None)]
        return results

    alone = [work(network) for network in networks]
    with ThreadPoolExecutor(4) as pool:
        together = [*pool.map(work, networks)]
    for ours, theirs in zip(alone, together, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_one_network_answers_many_threads() -> None:
    network = _network(1)
    batches = [torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) for seed in range(16)]
    with torch.inference_mode(), ThreadPoolExecutor(4) as pool:
        alone = [network(batch) for batch in batches]
        torch.testing.assert_close([*pool.map(network, batches)], alone)


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_of_a_loader_call_filters(start: str, single_thread: None) -> None:
    alone = [_answers(index) for index in range(6)]
    loader = DataLoader(_Answers(), batch_size=None, num_workers=2, multiprocessing_context=start, timeout=120)
    torch.testing.assert_close([*loader], alone)


def test_a_pool_forked_after_filters_ran_answers(single_thread: None) -> None:
    alone = [_answers(seed) for seed in range(3)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        torch.testing.assert_close([*pool.map(_answers, range(3), timeout=120)], alone)


def test_the_number_of_threads_may_change_between_calls() -> None:
    before, network = torch.get_num_threads(), _network(1)
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    try:
        answers = []
        for threads in (1, 4, 2, 1):
            torch.set_num_threads(threads)
            images.grad = None
            answers.append(network(images.requires_grad_()))
            answers[-1].sum().backward()
    finally:
        torch.set_num_threads(before)
    for answer in answers[1:]:
        torch.testing.assert_close(answer, answers[0])


def test_a_program_that_ends_while_a_thread_filters_ends_in_peace() -> None:
    """A daemon's thread is not waited for: there torch's own convolutions end the process too (Python 3.11)."""
    lines = """
import threading, torch, antialias as aa
network = aa.models.TinyResNet(num_classes=4).eval()
aa.convert_(network, aa.Adaptive(groups=4), example=torch.zeros(1, 3, 32, 32))
started = threading.Event()
def work():
    left = 5
    while left:
        left -= not threading.main_thread().is_alive()
        network(torch.rand(1, 3, 64, 64)).sum().backward()
        started.set()
threading.Thread(target=work).start()
assert started.wait(60)
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
