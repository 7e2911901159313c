"""A guess that knows a part of the task gets what that part is said to be worth."""

import pytest
import torch
from failmap.datasets.adding import Adding
from failmap.datasets.temporal_order import TemporalOrder

from failmap.datasets.config import AddingConfig, TemporalOrderConfig

NUM_SEQUENCES = 40_000


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("length", [2, 9])
def test_who_knows_the_first_addend_guesses_the_mean_of_the_second(supervision: str, length: int) -> None:
    task = Adding(AddingConfig(sequence_length=length, supervision=supervision))
    [level] = task.partial_solutions
    inputs, targets, _ = task.train_batch(0, 0, NUM_SEQUENCES, 0.0)
    first = (inputs[..., 0] * inputs[..., 1])[:, : length // 2].cumsum(1)
    known = torch.cat((first, first[:, -1:].expand(-1, length - length // 2)), dim=1)
    unknown = targets - (known if supervision == "every_step" else known[:, -1])
    error = (unknown - unknown.mean(0)).square().mean().item()
    assert error == pytest.approx(level.metric, rel=0.03)
    assert level.loss == level.metric


@pytest.mark.parametrize("supervision", ["last", "every_step"])
@pytest.mark.parametrize("num_marks", [2, 3])
@pytest.mark.parametrize("length", [3, 20])
def test_who_knows_the_first_marks_guesses_the_others(supervision: str, num_marks: int, length: int) -> None:
    config = TemporalOrderConfig(sequence_length=length, num_marks=num_marks, supervision=supervision)
    task = TemporalOrder(config)
    targets = task.train_batch(0, 0, NUM_SEQUENCES, 0.0).targets.view(NUM_SEQUENCES, -1)
    for num_known, level in enumerate(task.partial_solutions, start=1):
        rest = 2 ** (num_marks - num_known)
        right, nats = 0.0, 0.0
        for column in targets.unbind(1):
            counts = torch.bincount(column, minlength=2**num_marks).view(-1, rest).double()
            right += counts.max(1).values.sum().item()
            shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
            nats -= (counts * shares.clamp(min=1e-9).log()).sum().item()
        assert right / targets.numel() == pytest.approx(level.metric, abs=0.02)
        assert nats / targets.numel() == pytest.approx(level.loss, abs=0.02)
