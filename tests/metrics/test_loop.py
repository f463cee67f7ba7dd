from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import consistency, fractional_consistency, one_pixel_changes, worst_of_grid
from antialias.metrics._adapter import Model


class Watched(nn.Module):
    """Remembers how it was called."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(3))
        self.answer = answer
        self.calls: list[tuple[int, torch.dtype, bool, bool]] = []

    def forward(self, images: Tensor) -> Any:
        self.calls.append((len(images), images.dtype, torch.is_grad_enabled(), self.training))
        logits = self.body(images).mean((2, 3))
        return logits if self.answer is None else self.answer(logits)


def test_the_model_runs_in_eval_mode_without_gradients_and_is_given_back_as_it_was(noise: Tensor) -> None:
    model = Watched().train()
    model.body[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    consistency(model, noise)
    assert [module.training for module in model.modules()] == [True, True, True, False]
    assert {call[2:] for call in model.calls} == {(False, False)}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_training_flags_come_back_after_an_error(noise: Tensor) -> None:
    model = Watched(answer=lambda logits: [logits]).train()
    with pytest.raises(TypeError, match="returned a list"):
        consistency(model, noise)
    assert all(module.training for module in model.modules())


def test_pixels_take_the_models_precision(noise: Tensor) -> None:
    model = Watched().to(torch.bfloat16)
    consistency(model, noise)
    assert {call[1] for call in model.calls} == {torch.bfloat16}


def test_forward_passes_are_filled_up_to_the_batch_size(noise: Tensor) -> None:
    model = Watched()
    consistency(model, noise, passes=2, batch_size=12)
    assert [call[0] for call in model.calls] == [12, 12, 4]
    model.calls.clear()
    consistency(model, noise, passes=2, batch_size=3)
    assert [call[0] for call in model.calls] == [3, 1] * 7


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64, 1000])
def test_the_batch_size_never_changes_a_score(network: Model, noise: Tensor, batch_size: int) -> None:
    for score in (consistency, fractional_consistency, worst_of_grid):
        expected, got = score(network, noise), score(network, noise, batch_size=batch_size)
        assert got == expected
        assert torch.equal(got.per_image, expected.per_image)


def test_progress_counts_pictures(network: Model, noise: Tensor) -> None:
    seen: list[tuple[int, int]] = []
    consistency(network, noise, progress=lambda done, total: seen.append((done, total)), batch_size=20)
    assert seen == [(done, 7) for done in range(1, 8)]
    seen.clear()
    consistency(network, iter(noise.split(4)), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (7, 0)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda z: {"out": z}, TypeError, r"the model returned a dict\. Wrap it to return logits \(N, classes\)\."),
        (lambda z: z[..., None, None], ValueError, r"the model returned \(63, 3, 1, 1\) for 63 pictures\. Wrap it"),
        (lambda z: z[:1], ValueError, r"the model returned \(1, 3\) for 63 pictures\."),
        (lambda z: z[:, :1], ValueError, r"top-1 needs 2 classes and there is 1\. Use torch\.cat\(\[-z, z\], -1\)\."),
        (lambda z: z * float("nan"), ValueError, r"24 of 24 logits are NaN\. Check model and normalize=\."),
    ],
)
def test_answers_that_are_no_logits_are_refused(
    noise: Tensor, answer: Any, error: type[Exception], message: str
) -> None:
    model = Watched(answer)
    with pytest.raises(error, match=message):
        one_pixel_changes(model, noise)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, r"batch_size=0 is not positive\. Use batch_size=1 or more\."),
        ({"resize": 0}, r"resize=0 is not positive\. Use resize=1 or more\."),
        ({"passes": 0}, r"passes=0 is not positive\. Use passes=1 or more\."),
        ({"level": 1.0}, r"level=1\.0 is not between 0 and 1\."),
    ],
)
def test_settings_are_checked(constant: Model, noise: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        consistency(constant, noise, **options)


def test_unknown_settings_are_refused(constant: Model, noise: Tensor) -> None:
    options: dict[str, Any] = {"batchsize": 3}
    with pytest.raises(TypeError, match="unexpected keyword argument 'batchsize'"):
        consistency(constant, noise, **options)


def test_the_global_random_state_is_left_alone(network: Model, noise: Tensor) -> None:
    before = torch.get_rng_state()
    consistency(network, noise)
    assert torch.equal(torch.get_rng_state(), before)
