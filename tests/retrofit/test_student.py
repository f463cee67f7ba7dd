from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import jensen_shannon
from antialias.nn import AdaptiveBlurPool2d
from antialias.retrofit import RetrofitConfig
from antialias.retrofit._start import start_filters_
from antialias.retrofit._student import Student, distillation_loss, first_layers, rate_factor

IMAGES = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
ANSWERS = torch.rand(8, 4, generator=torch.Generator().manual_seed(1)).softmax(1)


def changed(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    return {name for name, value in network.state_dict().items() if not value.equal(before[name])}


def after_steps(network: nn.Module, config: RetrofitConfig, steps: int = 3) -> tuple[Student, set[str]]:
    student = Student(network, config)
    start_filters_(student.network, 0.5, lambda: student.network(student.inputs(IMAGES)))
    before = copy.deepcopy(student.network.state_dict())
    for step in range(steps):
        student.learn(step, IMAGES, ANSWERS)
    return student, changed(before, student.network)


def test_the_loss_is_zero_for_the_answers_themselves_and_the_divergence_otherwise() -> None:
    assert distillation_loss(ANSWERS.log() + 5, ANSWERS, 3.0).item() == pytest.approx(0, abs=1e-6)
    logits = torch.zeros(8, 4)
    divergence = (ANSWERS * (ANSWERS.log() - math.log(0.25))).sum(1).mean()
    torch.testing.assert_close(distillation_loss(logits, ANSWERS, 1.0), divergence)


def test_the_loss_falls(converted: nn.Module) -> None:
    student = Student(converted, RetrofitConfig(steps=30, learning_rate=1e-2))
    losses = [student.learn(step, IMAGES, ANSWERS) for step in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_no_buffer_learns_in_the_whole_network(converted: nn.Module) -> None:
    _, names = after_steps(converted, RetrofitConfig())
    assert names == {name for name, _ in converted.named_parameters()}


def test_only_norms_and_filters_learn(converted: nn.Module) -> None:
    _, names = after_steps(converted, RetrofitConfig(learn="norms"))
    filters = [name for name, module in converted.named_modules() if isinstance(module, AdaptiveBlurPool2d)]
    rest = {name for name in names if not name.startswith(tuple(filters))}
    assert rest == {"bn1.weight", "bn1.bias", "bn2.weight", "bn2.bias"} or all("bn" in name for name in rest)
    assert len(names - rest) == 6


def test_only_filters_learn(converted: nn.Module) -> None:
    _, names = after_steps(converted, RetrofitConfig(learn="filters"))
    filters = [name for name, module in converted.named_modules() if isinstance(module, AdaptiveBlurPool2d)]
    assert len(names) == 6
    assert all(name.startswith(tuple(filters)) for name in names)


def test_the_first_layers_stay_and_filters_learn(plain: nn.Module, converted: nn.Module) -> None:
    assert first_layers(plain, 0.5)[:2] == [plain.get_submodule("conv1"), plain.get_submodule("bn1")]
    _, names = after_steps(converted, RetrofitConfig(frozen=0.5))
    assert {name.split(".")[0] for name in names if ".antialias." not in name} == {"conv3", "fc", "bn2"}
    assert any(".antialias." in name for name in names)
    assert all(parameter.requires_grad for parameter in converted.parameters())


def test_the_divergence_of_views_is_zero_for_equal_answers_and_pulls_others_together(plain: nn.Module) -> None:
    same = torch.randn(3, 1, 4).expand(-1, 2, -1)
    assert jensen_shannon(same).item() == pytest.approx(0, abs=1e-6)
    apart = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0))
    p, q = apart.softmax(-1).unbind(1)
    mean = (p + q) / 2
    expected = ((p * (p / mean).log()).sum(1) + (q * (q / mean).log()).sum(1)).mean() / 2
    torch.testing.assert_close(jensen_shannon(apart), expected)

    def divergence(weight: float) -> float:
        config = RetrofitConfig(steps=30, learning_rate=1e-2, views=2, agreement=weight)
        student = Student(plain, config)
        for step in range(30):
            student.learn(step, IMAGES, ANSWERS)
        with torch.no_grad():
            return jensen_shannon(student.network(student.inputs(IMAGES)).view(4, 2, -1)).item()

    assert divergence(20.0) < 0.5 * divergence(0.0)


def test_frozen_parameters_stay(plain: nn.Module) -> None:
    plain.get_submodule("fc").requires_grad_(False)
    _, names = after_steps(plain, RetrofitConfig())
    assert names == {name for name, p in plain.named_parameters() if p.requires_grad}


def test_nothing_to_learn_is_refused(plain: nn.Module) -> None:
    with pytest.raises(ValueError, match="learn='filters' leaves nothing to learn in this Sampler.*or use learn='all'"):
        Student(plain, RetrofitConfig(learn="filters"))
    with pytest.raises(ValueError, match="10 parameters are frozen"):
        Student(plain.requires_grad_(False), RetrofitConfig())


def test_a_network_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="ReLU has no parameters, so nothing can learn. Pass a network."):
        Student(nn.ReLU(), RetrofitConfig())


def test_the_average_lies_between_the_start_and_the_present(plain: nn.Module) -> None:
    student, _ = after_steps(plain, RetrofitConfig(learning_rate=1e-2), steps=5)
    start, mean, now = (network.get_parameter("fc.weight") for network in (plain, student.average, student.network))
    assert 0 < (mean - start).norm() < (now - start).norm()


def test_a_loss_that_is_no_number_changes_nothing(plain: nn.Module) -> None:
    student = Student(plain, RetrofitConfig())
    before = copy.deepcopy(student.network.state_dict())
    assert math.isnan(student.learn(0, IMAGES * math.nan, ANSWERS))
    assert not changed(before, student.network)


@pytest.mark.parametrize(("dtype", "learns_in"), [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)])
def test_a_network_learns_in_float32_at_least(plain: nn.Module, dtype: torch.dtype, learns_in: torch.dtype) -> None:
    student, names = after_steps(plain.to(dtype), RetrofitConfig())
    assert names
    assert {p.dtype for p in student.network.parameters()} == {learns_in}
    assert {p.dtype for p in plain.parameters()} == {dtype}


def test_pixels_are_normalised_as_the_network_says(plain: nn.Module) -> None:
    config = RetrofitConfig()
    assert Student(plain, config).inputs(torch.ones(1, 3, 2, 2)).eq(1).all()
    assert Student(plain, config).inputs(torch.zeros(1, 3, 2, 2)).eq(-1).all()
    assert Student(nn.Conv2d(3, 1, 1), config).inputs(torch.zeros(1, 3, 2, 2)).eq(0).all()


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    factors = [rate_factor(step, 100, 10) for step in range(100)]
    assert factors.index(max(factors)) in (8, 9, 10)
    assert factors[0] == pytest.approx(0.1)
    assert factors[-1] < 1e-3
