"""Label signals of informative, uninformative and inverted labels."""

from statistics import mean
from typing import Any

import pytest
import torch
from torch import Tensor

from failmap.datasets.task import Batch, Task
from failmap.search.trial.config import OutputConfig, TrialConfig
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.labels import label_gradient
from failmap.search.trial.probes.passes import (
    MAX_EVALUATED,
    MAX_SOURCES,
    ProbePass,
    evaluating,
    moved_along,
    of_one_length,
    training_batches,
    validation_batches,
)
from failmap.search.trial.probes.probe import probe, signal_to_noise
from failmap.search.trial.training import Training

CPU = torch.device("cpu")
RECALL = {"name": "delayed_recall", "sequence_length": 5, "num_symbols": 2}
PARITY = {"name": "parity", "sequence_length": 10}
ADDING = {"name": "adding", "sequence_length": 5}


def training_of(task: dict[str, Any], seed: int = 0, **parts: Any) -> Training:
    return Training(
        TrialConfig.model_validate(
            {"task": task, "model": {"name": "lstm", "hidden_size": 16}, "seed": seed, **parts}
        ),
        CPU,
    )


class Relabelled(Task):
    """A task whose training labels are changed."""

    def __init__(self, task: Task, relabel: Any) -> None:
        self.__dict__ |= task.__dict__
        self.task, self.relabel = task, relabel

    def train_batch(self, *args: Any, **named: Any) -> Batch:
        batch = self.task.train_batch(*args, **named)
        return batch._replace(targets=self.relabel(batch.targets))

    def validation_set(self) -> Batch:
        return self.task.validation_set()

    def _held_out_set(self, stream: int) -> Batch:
        raise NotImplementedError


def means(training: Training, num_probes: int = 12) -> dict[str, float]:
    probes = [probe(training, training.task.validation_set(), 50 + index) for index in range(num_probes)]
    names = ("label_signal", "label_signal_validation", "label_agreement")
    return {name: mean(one[name] for one in probes) for name in names}


def test_label_signal_of_parity_and_adding() -> None:
    assert all(abs(signal) < 0.12 for signal in means(training_of(PARITY)).values())
    training = training_of(ADDING)
    training.run(0, 100, lambda: False)
    assert all(signal > 0.25 for signal in means(training).values())


def test_inverted_labels_disagree_with_validation() -> None:
    training = training_of(ADDING)
    training.run(0, 100, lambda: False)
    training.task = Relabelled(training.task, lambda targets: 2 - targets)
    signals = means(training)
    assert signals["label_agreement"] < -0.25
    assert signals["label_signal"] > 0.25
    assert signals["label_signal_validation"] > 0.25


def test_shuffled_labels_have_no_training_signal() -> None:
    training = training_of(ADDING)
    training.run(0, 100, lambda: False)
    training.task = Relabelled(training.task, lambda targets: targets.roll(1, 0))
    signals = means(training)
    assert abs(signals["label_signal"]) < 0.15
    assert signals["label_signal_validation"] > 0.25
    assert abs(signals["label_agreement"]) < 0.15


def test_label_share_of_broadcast_loss() -> None:
    training = training_of(ADDING)
    assert probe(training, training.task.validation_set(), 1)["label_share"] > 0.1

    class Broadcast(Objective):
        def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
            return (outputs - batch.targets[None]).square().mean()

    training.objective = Broadcast(OutputConfig(loss="mse"), training.task)
    signals = probe(training, training.task.validation_set(), 1)
    assert signals["label_share"] < 1e-5
    assert "label_signal" not in signals, "what is left is rounding"


def test_label_gradient_of_squared_error() -> None:
    training = training_of(ADDING)
    batch = training.batch(0)
    outputs = torch.randn(len(batch.targets), 1)
    gradient = label_gradient(training.objective, outputs, batch)
    own = batch.targets
    others = (own.roll(1) + own.roll(2)) / 2
    torch.testing.assert_close(gradient.descent[:, 0], 2 * (own - others) / len(own))
    assert gradient.share == pytest.approx(((own - others).norm() / (outputs[:, 0] - own).norm()).item())


def test_signal_to_noise_of_two_halves() -> None:
    training = training_of(ADDING)
    batch = training.task.train_batch(0, 0, 32, 0.0)
    flat = []
    for half in (slice(16), slice(16, 32)):
        part = Batch(batch.inputs[half], batch.targets[half])
        training.backward(training.objective.loss(training.model(part.inputs), part))
        flat.append(torch.cat([one.grad.flatten() for one in training.parameters if one.grad is not None]))
    g, h = flat
    expected = (g @ h) / ((g - h).square().sum() / 2)
    with evaluating(training.model, CPU):
        signals = signal_to_noise(ProbePass.run(training, batch))
    assert signals["gradient_snr"] == pytest.approx(expected.item(), rel=1e-3)


def test_moved_weights_are_restored_bit_by_bit() -> None:
    training = training_of(RECALL)
    before = [parameter.detach().clone() for parameter in training.parameters]
    direction = [torch.randn_like(parameter) for parameter in before]
    with moved_along(training.parameters, direction, 0.1):
        pairs = zip(training.parameters, before, strict=True)
        moved = torch.cat([(now - was).flatten() for now, was in pairs])
        size = torch.cat([was.flatten() for was in before]).norm()
        assert (moved.norm() / size).item() == pytest.approx(0.1, rel=1e-4)
    assert all(torch.equal(now, was) for now, was in zip(training.parameters, before, strict=True))


def rows(batch: Batch) -> set[bytes]:
    return {sequence.numpy().tobytes() for sequence in batch.inputs}


@pytest.mark.parametrize(
    ("batch_size", "train_size"), [(8, None), (200, None), (16, 20), (64, 50), (64, 200), (64, 1000)]
)
def test_training_batches_share_no_sequence(batch_size: int, train_size: int | None) -> None:
    task = {**ADDING, **({} if train_size is None else {"train_size": train_size})}
    training = training_of(task, train={"batch_size": batch_size})
    batches = training_batches(training, 7)
    assert batches.are_disjoint
    assert not rows(batches.source) & rows(batches.evaluated)
    assert len(batches.source.inputs) <= MAX_SOURCES
    assert len(batches.evaluated.inputs) <= MAX_EVALUATED


def test_few_sequences_are_not_split() -> None:
    training = training_of(RECALL)
    validation = training.task.validation_set()
    assert len(validation.inputs) < 16
    batches = validation_batches(validation, seed=0, update=1)
    assert not batches.are_disjoint
    signals = probe(training, validation, 50)
    assert "label_signal_validation" not in signals
    assert signals["label_agreement"] > 0.5


def test_padded_sequences_are_cut_to_median_length() -> None:
    inputs, lengths = torch.arange(12.0).view(4, 3, 1), torch.tensor([3, 1, 2, 3])
    batch = of_one_length(Batch(inputs, inputs[..., 0], lengths))
    assert batch.lengths is None
    assert batch.inputs[:, :, 0].tolist() == [[0.0, 1.0], [6.0, 7.0], [9.0, 10.0]]
    assert batch.targets.tolist() == batch.inputs[:, :, 0].tolist()
