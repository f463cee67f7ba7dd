from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from antialias.metrics import difference, measure_classifier
from antialias.retrofit import Retrofit, RetrofitConfig, ValidationStep, retrofit_
from antialias.retrofit._student import Student
from antialias.surgery import unconverted_copy

SHORT = RetrofitConfig(steps=6, evaluate_every=2, strength=0.5, learning_rate=1e-3, passes=1, margin=1.0, shares=())
State = dict[str, Tensor]


def state_of(network: nn.Module) -> State:
    return copy.deepcopy(network.state_dict())


def equal(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(value.equal(b[name]) for name, value in a.items())


@contextmanager
def stopping_after(steps: float) -> Iterator[list[int]]:
    """Interrupt a retrofit once so many steps are learnt; yields the numbers of those that were."""
    learnt, learn = [], Student.learn

    def interrupted(self: Student, step: int, *batch: Tensor) -> float:
        loss = learn(self, step, *batch)
        learnt.append(step)
        if step + 1 == steps:
            raise KeyboardInterrupt
        return loss

    with mock.patch.object(Student, "learn", interrupted):
        yield learnt


def test_filters_make_an_aliasing_network_steadier_and_keep_its_answers(
    converted: nn.Module, pictures: Tensor, more_held_out: Tensor
) -> None:
    config = RetrofitConfig(steps=10, evaluate_every=5, strength=1.0, margin=0.1, passes=2)
    done = retrofit_(converted, pictures, held_out=more_held_out, config=config)
    gain = difference(done.after.consistency, done.before.consistency)
    assert gain.interval[0] > 0.05
    assert done.after.agreement.value >= done.before.agreement.value - 0.1


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    converted: nn.Module, pictures: Tensor, held_out: Tensor
) -> None:
    def weights(seed: int) -> State:
        network = copy.deepcopy(converted)
        config = RetrofitConfig(steps=6, evaluate_every=6, strength=0.5, margin=1.0, passes=1, shares=(), seed=seed)
        assert retrofit_(network, pictures, held_out=held_out, config=config).changed
        return state_of(network)

    before = torch.get_rng_state()
    first = weights(0)
    assert equal(first, weights(0))
    assert not equal(first, weights(1))
    assert torch.get_rng_state().equal(before)


def test_local_views_make_a_plain_network_flip_less_often(
    plain: nn.Module, pictures: Tensor, more_held_out: Tensor
) -> None:
    config = RetrofitConfig(
        steps=30, evaluate_every=15, batch_size=8, views=4, radius=3, agreement=5.0, hflip=True, learning_rate=2e-3,
        average=0.9, choose_by="flips", margin=0.1,
    )  # fmt: skip
    before = measure_classifier(plain, more_held_out, passes=config.passes)["flips"].score()
    done = retrofit_(plain, pictures, held_out=more_held_out, config=config)
    after = measure_classifier(plain, more_held_out, passes=config.passes)["flips"].score()
    assert done.chosen is not None
    assert done.start.flips == pytest.approx(before.value)
    assert done.chosen.flips == pytest.approx(after.value)
    assert difference(after, before).interval[1] < 0
    assert done.chosen.agreement >= done.start.agreement - 0.1


def test_local_answers_are_not_asked_of_whole_pictures(
    plain: nn.Module, pictures: Tensor, held_out: Tensor, tmp_path: Path
) -> None:
    config = RetrofitConfig(steps=4, evaluate_every=2, views=2, radius=3, batch_size=4, margin=1.0, passes=1, shares=())
    whole, stopped, path = plain, copy.deepcopy(plain), tmp_path / "run.pt"
    expected = retrofit_(whole, pictures, held_out=held_out, config=config)

    with pytest.raises(KeyboardInterrupt), stopping_after(3):
        retrofit_(stopped, pictures, held_out=held_out, config=config, checkpoint=path)
    resumed = retrofit_(stopped, pictures, held_out=held_out, config=config, checkpoint=path)
    assert equal(state_of(stopped), state_of(whole))
    assert repr(resumed.history) == repr(expected.history)
    assert len(torch.load(path)["prepared"][0]) == 1


def test_progress_counts_from_the_first_question_to_the_last_score(
    converted: nn.Module, pictures: Tensor, held_out: Tensor
) -> None:
    calls: list[tuple[int, int]] = []
    with stopping_after(math.inf) as steps:

        def progress(done: int, total: int) -> None:
            calls.append((done, total))
            moments.append(len(steps))

        moments: list[int] = []
        retrofit_(converted, pictures, held_out=held_out, config=SHORT, progress=progress)
    assert calls == sorted(calls)
    assert len({total for _, total in calls}) == 1
    # The bar moves while the original is asked and while measurements are taken, and is full only at the end.
    assert moments.count(0) > len(pictures)
    assert moments.count(SHORT.steps) > len(held_out)
    assert [done for done, total in calls if done == total] == [calls[-1][0]]


@pytest.mark.parametrize("stop_at", [1, 3, 6])
def test_an_interrupted_run_ends_where_one_never_stopped_does(
    converted: nn.Module, pictures: Tensor, held_out: Tensor, tmp_path: Path, stop_at: int
) -> None:
    whole, stopped = converted, copy.deepcopy(converted)
    start, path = state_of(converted), tmp_path / "run.pt"

    expected = retrofit_(whole, pictures, held_out=held_out, config=SHORT)
    with pytest.raises(KeyboardInterrupt), stopping_after(stop_at):
        retrofit_(stopped, pictures, held_out=held_out, config=SHORT, checkpoint=path)
    assert equal(state_of(stopped), start)
    calls: list[tuple[int, int]] = []
    with stopping_after(math.inf) as steps:
        resumed = retrofit_(
            stopped,
            pictures,
            held_out=held_out,
            config=SHORT,
            checkpoint=path,
            progress=lambda *call: calls.append(call),
        )
    assert steps[:1] == [(stop_at - 1) // 2 * 2]
    assert calls == sorted(calls)
    assert calls[-1][0] == calls[-1][1]
    assert equal(state_of(stopped), state_of(whole))
    assert not equal(state_of(stopped), start)
    assert repr(resumed.history) == repr(expected.history)


def test_a_checkpoint_of_another_config_is_refused(
    converted: nn.Module, pictures: Tensor, held_out: Tensor, tmp_path: Path
) -> None:
    path, other = tmp_path / "run.pt", copy.deepcopy(converted)
    retrofit_(other, pictures, held_out=held_out, config=RetrofitConfig(steps=0, passes=1, shares=()), checkpoint=path)
    with pytest.raises(ValueError, match="belongs to another run: recipe differ"):
        retrofit_(converted, pictures, held_out=held_out, config=RetrofitConfig(steps=1, passes=1), checkpoint=path)


def test_no_labels_are_used(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    def weights(labels: Tensor) -> State:
        network = copy.deepcopy(converted)
        loader = DataLoader(TensorDataset(pictures, labels), batch_size=16)
        retrofit_(network, loader, held_out=held_out, config=SHORT)
        return state_of(network)

    assert equal(weights(torch.zeros(64)), weights(torch.randn(64)))


def test_a_loss_that_is_no_number_stops_and_keeps_what_was_good(
    converted: nn.Module, pictures: Tensor, held_out: Tensor
) -> None:
    wild = RetrofitConfig(steps=6, evaluate_every=6, passes=1, strength=0.0, learning_rate=1e30, warmup=0, margin=0.0)
    before = state_of(converted)
    done = retrofit_(converted, pictures, held_out=held_out, config=wild)
    assert equal(state_of(converted), before)
    assert done.stopped.startswith("the loss was nan at step ")
    assert "Stopped early: the loss was nan" in str(done)
    assert "The network is unchanged" in str(done)


def test_nothing_within_the_margin_leaves_the_network_bit_for_bit(
    converted: nn.Module, pictures: Tensor, held_out: Tensor
) -> None:
    config = RetrofitConfig(steps=5, evaluate_every=5, passes=1, shares=(), strength=0.0, learning_rate=1.0, warmup=0)
    before = state_of(converted)
    done = retrofit_(converted, pictures, held_out=held_out, config=config)
    assert done.chosen is None
    assert done.after is done.before
    assert equal(state_of(converted), before)


def test_flags_types_gradients_and_modes_are_kept(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    converted.to(torch.bfloat16).train()
    converted.get_submodule("bn1").eval()
    converted.get_parameter("conv1.weight").requires_grad_(False)
    converted.get_parameter("fc.bias").grad = torch.ones(4, dtype=torch.bfloat16)
    frozen, parameters = converted.get_parameter("conv1.weight").clone(), dict(converted.named_parameters())
    modes = [module.training for module in converted.modules()]
    assert retrofit_(converted, pictures, held_out=held_out, config=SHORT).changed
    assert modes == [module.training for module in converted.modules()]
    assert all(parameters[name] is p for name, p in converted.named_parameters())
    assert {p.dtype for p in converted.parameters()} == {torch.bfloat16}
    assert [name for name, p in converted.named_parameters() if not p.requires_grad] == ["conv1.weight"]
    assert converted.get_parameter("conv1.weight").equal(frozen)
    gradients = {name: p.grad for name, p in converted.named_parameters() if p.grad is not None}
    assert list(gradients) == ["fc.bias"]
    assert gradients["fc.bias"].eq(1).all()


def test_the_original_teaches_and_stays(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    original = unconverted_copy(converted).train()
    before, given = state_of(original), copy.deepcopy(converted)
    retrofit_(converted, pictures, held_out=held_out, original=original, config=SHORT)
    assert equal(state_of(original), before)
    assert all(module.training for module in original.modules())
    retrofit_(given, pictures, held_out=held_out, config=SHORT)
    assert equal(state_of(given), state_of(converted))


def test_a_network_without_filters_is_the_control(plain: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    names = set(plain.state_dict())
    done = retrofit_(plain, pictures, held_out=held_out, config=SHORT)
    assert set(plain.state_dict()) == names
    # Without filters nothing is started, so that the first state is the network itself.
    assert done.history[0].consistency == done.start.consistency
    assert [step.step for step in done.history] == [0, 2, 4, 6]


def test_states_on_the_way_are_tried_too(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    config = RetrofitConfig(steps=1, passes=1, shares=(0.2, 0.6), margin=1.0)
    done = retrofit_(converted, pictures, held_out=held_out, config=config)
    assert [(step.step, step.share) for step in done.history] == [(0, 1.0), (1, 1.0), (1, 0.2), (1, 0.6)]


def test_what_is_kept_is_the_state_that_was_chosen(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    config = RetrofitConfig(steps=4, evaluate_every=4, learning_rate=1.0, warmup=0, passes=2, shares=(), margin=0.2)
    done = retrofit_(converted, pictures, held_out=held_out, config=config)
    assert done.chosen is not None
    assert done.chosen.step == 0
    assert done.history[-1].agreement < done.chosen.agreement
    assert done.after.consistency.value == done.chosen.consistency
    assert done.after.agreement.value == done.chosen.agreement


def test_a_quarter_of_the_pictures_is_held_out(converted: nn.Module, more_held_out: Tensor) -> None:
    config = RetrofitConfig(steps=0, passes=1, shares=(), margin=0.05)
    done: Retrofit = retrofit_(converted, more_held_out, config=config)
    assert (done.images, done.before.consistency.images) == (75, 25)


def test_seventeen_pictures_are_too_few(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    with pytest.raises(ValueError, match="17 pictures are too few to learn from.*Pass at least 64"):
        retrofit_(converted, pictures[:17], held_out=held_out)


def test_former_names_go_on_working_and_say_so(converted: nn.Module, pictures: Tensor, held_out: Tensor) -> None:
    from antialias import retrofit

    with pytest.warns(DeprecationWarning, match="Recipe is RetrofitConfig now. Use antialias.retrofit.RetrofitConfig."):
        assert retrofit.Recipe is RetrofitConfig
    with pytest.warns(DeprecationWarning, match="Moment is ValidationStep now."):
        assert retrofit.Moment is ValidationStep
    with pytest.raises(AttributeError, match="has no attribute 'Lesson'"):
        _ = retrofit.Lesson
    short = RetrofitConfig(steps=0, passes=1, shares=(), margin=1.0)
    with pytest.warns(DeprecationWarning, match=r"recipe= is config= now. Use retrofit_\(..., config=...\)."):
        done = retrofit_(converted, pictures, held_out=held_out, recipe=short)
    assert done.config == short
