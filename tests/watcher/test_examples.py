"""The probes of examples fire on a tiny loop with the fault, and keep silent on its repaired twin."""

import math
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from failmap.analysis.diagnosis.rules.examples import (
    copies_last_value,
    increments_unpredictable,
    labels_independent,
    targets_are_inputs,
    targets_are_later_inputs,
    targets_of_another_row,
    targets_of_later_step,
    validation_in_training,
    window_shorter_than_lag,
)
from failmap.analysis.diagnosis.training_curves import TrainingCurves
from failmap.watcher.examples.host_batch import host_batch
from failmap.watcher.observer import Step, Watched
from failmap.watcher.observers.examples import ExampleObserver
from tests.analysis.diagnosis.conftest import build_training
from tests.watcher.example_loops import Batches, LastStep, observe


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def fires(rule: Callable[[TrainingCurves], Any], signals: dict[str, Any]) -> bool:
    """Return whether a rule observes something in a training at chance with these signals."""
    record, history = build_training(signals=signals)
    return bool(list(rule(TrainingCurves(record, history, is_blind=True))))


def finite(inputs: Tensor, targets: Tensor, *, shuffled: bool = True, size: int = 64) -> Batches:
    """Return batches of a finite set, epoch by epoch."""
    num_batches = len(inputs) // size
    order = torch.randperm(len(inputs)) if shuffled else torch.arange(len(inputs))

    def batch(update: int) -> tuple[Tensor, Tensor]:
        start = (update - 1) % num_batches * size
        rows = order[start : start + size]
        return inputs[rows], targets[rows]

    return batch


def windows(series: Tensor, num_steps: int, *, ahead: int = 1) -> tuple[Tensor, Tensor]:
    """Return windows of a series, (windows, time, 1), and the value after each, (windows, 1)."""
    cut = series.unfold(0, num_steps + ahead, 1)
    return cut[:, :num_steps, None].contiguous(), cut[:, -1:].contiguous()


@pytest.mark.parametrize("is_repaired", [False, True])
def test_labels_without_inputs(is_repaired: bool) -> None:
    inputs = torch.randn(1024, 10, 2)
    labels = (inputs[:, :, 0].sum(dim=1) > 0).long()
    labels = labels if is_repaired else labels[torch.randperm(len(labels))]
    signals = observe(
        ExampleObserver,
        LastStep(2, 2),
        finite(inputs, labels),
        loss_fn=nn.CrossEntropyLoss(),
    )
    test = signals["label_dependence"]
    assert test["examples"] > 600
    assert test["power"] < 0.2
    assert (test["p"] < 0.05) == is_repaired
    assert fires(labels_independent, signals) == (not is_repaired)


@pytest.mark.parametrize(("shift", "num_calls", "is_seen"), [(0, 1, True), (1, 1, False), (0, 2, False)])
def test_words_that_are_their_own_targets(shift: int, num_calls: int, is_seen: bool) -> None:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        words = torch.randint(2, 9, (16, 12))
        return words[:, : 12 - shift], words[:, shift:]

    model = nn.Sequential(nn.Embedding(9, 4), LastStep(4, 9, by_step=True))
    signals = observe(
        ExampleObserver, model, batch, loss_fn=lambda out, words: nn.functional.cross_entropy(out.mT, words)
    )
    layers = {"layers_seen": {"1.recurrence": {"calls": num_calls}}}
    assert (signals["own_input"] == 1) == (shift == 0)
    assert fires(targets_are_inputs, signals | layers) == is_seen


@pytest.mark.parametrize("is_bidirectional", [False, True])
def test_next_words_of_a_network_that_reads_them(is_bidirectional: bool) -> None:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        words = torch.randint(2, 9, (16, 13))
        return words[:, :-1], words[:, 1:]

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(9, 4)
            self.layer = nn.GRU(4, 6, batch_first=True, bidirectional=is_bidirectional)
            self.readout = nn.Linear(12 if is_bidirectional else 6, 9)

        def forward(self, words: Tensor) -> Tensor:
            scores: Tensor = self.readout(self.layer(self.embedding(words))[0])
            return scores

    signals = observe(
        ExampleObserver, Words(), batch, loss_fn=lambda out, words: nn.functional.cross_entropy(out.mT, words)
    )
    assert fires(targets_are_later_inputs, signals) == is_bidirectional


@pytest.mark.parametrize("num_features", [1, 3])
def test_values_that_are_their_own_targets(num_features: int) -> None:
    def batch(_: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(16, 12, num_features)
        return inputs, inputs[:, :, -1:].clone()

    signals = observe(ExampleObserver, LastStep(num_features, by_step=True), batch)
    assert signals["own_input"] == 1


def test_what_is_not_tested_is_not_excluded() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        # The last 2048 numbers are tested.
        inputs = torch.randn(64, 300, 8)
        return inputs, (inputs[:, 0, 0] > 0).long()

    signals = observe(ExampleObserver, LastStep(8, 2), batch, loss_fn=nn.CrossEntropyLoss(), updates=8)
    assert signals["label_dependence"]["power"] == 1.0
    assert not fires(labels_independent, signals)


def test_counts_of_tokens_are_a_dependence() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.network = nn.Embedding(20, 8), LastStep(8, 2)

        def forward(self, inputs: Tensor) -> Any:
            return self.network(self.embedding(inputs))

    inputs = torch.randint(20, (1024, 15))
    labels = ((inputs == 3).sum(dim=1) > 0).long()
    signals = observe(ExampleObserver, Tokens(), finite(inputs, labels), loss_fn=nn.CrossEntropyLoss())
    assert signals["label_dependence"]["p"] < 0.05


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_targets_of_the_next_row(offset: int) -> None:
    inputs = torch.randn(1024, 10, 1)
    targets = inputs[:, -4:].sum(dim=1).roll(-offset, dims=0)
    signals = observe(ExampleObserver, LastStep(), finite(inputs, targets, shuffled=False))
    assert fires(targets_of_another_row, signals) == (offset != 0)
    if offset:
        assert signals["other_row"]["offset"] == offset


def test_next_windows_of_noise_are_no_other_row() -> None:
    inputs, targets = windows(torch.randn(2000), 10)
    signals = observe(ExampleObserver, LastStep(), finite(inputs, targets, shuffled=False))
    assert not fires(targets_of_another_row, signals)


@pytest.mark.parametrize("lag", [-2, 0, 3])
def test_targets_of_later_steps(lag: int) -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(32, 40, 2)
        return inputs, (2 * inputs[:, :, :1] - inputs[:, :, 1:]).roll(-lag, dims=1)

    signals = observe(ExampleObserver, LastStep(2, by_step=True), batch)
    assert fires(targets_of_later_step, signals) == (lag > 0)
    if lag > 0:
        assert signals["later_input"]["lag"] == lag


def test_forecast_of_every_step_is_no_shift() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        series = torch.randn(32, 41, 1)
        return series[:, :-1], series[:, 1:]

    signals = observe(ExampleObserver, LastStep(by_step=True), batch)
    assert signals["later_input"]["is_input"]
    assert not fires(targets_of_later_step, signals)


def test_bidirectional_networks_see_later_steps() -> None:
    class Both(LastStep):
        def __init__(self) -> None:
            super().__init__(1, 1, by_step=True)
            self.recurrence = nn.GRU(1, 8, batch_first=True, bidirectional=True)

    def batch(update: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(32, 40, 1)
        return inputs, 2 * inputs.roll(-3, dims=1)

    assert "later_input" not in observe(ExampleObserver, Both(), batch)


class Persistence(nn.Module):
    """Repeats the last value, with a small error of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.weight * inputs[:, -1]


def test_random_walk_is_not_predictable() -> None:
    inputs, targets = windows(torch.randn(3000).cumsum(0), 10)
    signals = observe(ExampleObserver, Persistence(), finite(inputs, targets), rate=1e-5, updates=24)
    copies = signals["copies_last"]
    assert copies["to_last"] < 0.1 * copies["to_target"]
    assert signals["increment_dependence"]["p"] > 0.1
    assert fires(increments_unpredictable, signals)
    assert not fires(copies_last_value, signals)


def test_last_value_of_a_smooth_series_is_a_partial_solution() -> None:
    series = torch.sin(torch.arange(3000) * 0.3) + 0.01 * torch.randn(3000)
    inputs, targets = windows(series, 10)
    signals = observe(ExampleObserver, Persistence(), finite(inputs, targets), rate=1e-5, updates=24)
    assert fires(copies_last_value, signals)
    assert not fires(increments_unpredictable, signals)


def test_changes_as_targets_are_no_copies() -> None:
    inputs, targets = windows(torch.randn(3000).cumsum(0), 10)
    signals = observe(ExampleObserver, LastStep(), finite(inputs, targets - inputs[:, -1]), updates=24)
    assert "copies_last" not in signals


@pytest.mark.parametrize(("num_steps", "is_repaired"), [(6, False), (30, True)])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_window_shorter_than_the_season(num_steps: int, is_repaired: bool, is_shuffled: bool) -> None:
    pattern = torch.randn(24)
    series = pattern.repeat(50)[:900] + 0.05 * torch.randn(900)
    inputs, targets = windows(series, num_steps)
    # All windows are seen.
    batches = finite(inputs, targets, shuffled=is_shuffled)
    signals = observe(ExampleObserver, LastStep(), batches, updates=14)
    assert fires(window_shorter_than_lag, signals) == (not is_repaired)
    if not is_repaired:
        # The first value before a window that a multiple of the season lies at.
        assert signals["before_window"]["lag"] == 24


def test_window_of_noise_is_long_enough() -> None:
    inputs, targets = windows(torch.randn(900), 6)
    signals = observe(ExampleObserver, LastStep(), finite(inputs, targets), updates=14)
    assert signals["before_window"]["window_error"] > 0.9
    assert not fires(window_shorter_than_lag, signals)


@pytest.mark.parametrize("num_shared", [0, 64, 128])
def test_validation_rows_in_training(num_shared: int) -> None:
    inputs, targets = torch.randn(512, 10, 1), torch.randn(512, 1)
    held_out = torch.cat([inputs[:num_shared], torch.randn(128 - num_shared, 10, 1)])
    validation = finite(held_out, torch.randn(128, 1), size=128)
    batches = finite(inputs, targets)
    signals = observe(ExampleObserver, LastStep(), batches, validation=validation, updates=24)
    assert signals["shared_rows"]["share"] == pytest.approx(num_shared / 128, abs=0.05)
    # Validation on the whole training set is an intention.
    assert fires(validation_in_training, signals) == (num_shared == 64)


def test_bits_repeat_anyway() -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randint(2, (64, 10, 1)).float()
        return inputs, inputs.sum(dim=1)

    signals = observe(ExampleObserver, LastStep(), batch, validation=batch, updates=24)
    assert "shared_rows" not in signals


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_shift_of_validation(level: float) -> None:
    def batch(update: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(64, 10, 1)
        return inputs, inputs[:, -1]

    def validation(update: int) -> tuple[Tensor, Tensor]:
        inputs = level + torch.randn(64, 10, 1)
        return inputs, inputs[:, -1]

    shift = observe(ExampleObserver, LastStep(), batch, validation=validation)
    assert shift["mean_shift"] == pytest.approx(level, abs=0.3)
    assert (shift["target_shift"] > 0.1) == (level > 0)
    assert (shift["input_shift"] > 0.05) == (level > 0)


def test_time_first_is_the_same() -> None:
    class TimeFirst(LastStep):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs.transpose(0, 1))

    inputs, labels = torch.randn(1024, 10, 2), torch.randint(2, (1024,))
    rows = finite(inputs, labels)

    def batch(update: int) -> tuple[Tensor, Tensor]:
        shown, wanted = rows(update)
        return shown.transpose(0, 1), wanted

    tests = []
    for model, batches in ((LastStep(2, 2), rows), (TimeFirst(2, 2), batch)):
        tests.append(
            observe(ExampleObserver, model, batches, loss_fn=nn.CrossEntropyLoss())["label_dependence"]
        )
    assert tests[0] == tests[1]


def test_probes_take_little_time_and_draw_no_global_numbers() -> None:
    inputs = torch.randn(4096, 50, 8)
    targets = inputs[:, -1, :1]
    batches = finite(inputs, targets)
    model = nn.Sequential(nn.Flatten(), nn.Linear(400, 1))
    observer = ExampleObserver(_watched(model))
    for update in range(1, 33):
        observer.after_look(_step(update, *batches(update)))
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    started = time.process_time()
    observer.at_end()
    assert time.process_time() - started < 3
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    assert states[2] == random.getstate()


def test_copies_are_bounded() -> None:
    model = nn.Linear(1, 1)
    targets, logits = torch.randint(9000, (64, 30)), torch.randn(64, 30, 9000)
    step = Step(1, torch.tensor(0.0), torch.randn(64, 30, 8), logits, targets)
    batch = host_batch(step, _watched(model))
    assert batch is not None
    assert (len(batch), batch.outputs) == (64, None)
    assert host_batch(step, _watched(model)) is batch
    assert host_batch(_step(1, torch.randn(2, 500, 500), torch.randn(2)), _watched(model)) is None


def test_store_is_bounded() -> None:
    observer = ExampleObserver(_watched(nn.Linear(1, 1)))
    for update in range(1, 60):
        observer.after_look(_step(update, torch.randn(64, 100, 4), torch.randn(64, 1)))
    examples = observer._train.examples()
    assert examples is not None
    assert examples.inputs.nbytes + examples.targets.nbytes <= 8 << 20
    assert len(examples.inputs) <= 2048


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [((8,), (8,)), ((8, 5, 2), (7,)), ((0, 5, 2), (0,)), ((1, 1, 1), (1,)), ((8, 3, 16, 16), (8,))],
)
def test_odd_shapes_do_not_raise(inputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    observer = ExampleObserver(_watched(nn.Linear(1, 1)))
    for update in range(1, 12):
        observer.after_look(_step(update, torch.randn(inputs), torch.randn(targets)))
        observer.at_validation(_step(update, torch.randn(inputs), torch.randn(targets)))
    for test in observer.at_end().values():
        assert all(math.isfinite(number) for number in (test.values() if isinstance(test, dict) else [test]))


def _watched(model: nn.Module) -> Watched:
    return Watched(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())


def _step(update: int, inputs: Tensor, targets: Tensor) -> Step:
    return Step(update, torch.tensor(0.0), inputs, targets.clone(), targets)
