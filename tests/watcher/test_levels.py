"""Chance and metrics are the same in whatever layout a loop shows its outputs and targets."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from failmap.watcher.levels import Targets

ROWS, STEPS = 5, 7
LAYOUTS = ("flat", "flat in the loss", "classes second", "one-hot")


def laid_out(layout: str, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return outputs, targets and the loss of scores (rows, steps, classes) and labels (rows, steps)."""
    flat = scores.flatten(0, 1)
    if layout == "flat":
        return flat, labels.flatten(), functional.cross_entropy(flat, labels.flatten())
    if layout == "flat in the loss":
        return flat, labels, functional.cross_entropy(flat, labels.flatten())
    outputs = scores.transpose(1, 2)
    targets = labels
    if layout == "one-hot":
        targets = functional.one_hot(labels, scores.shape[2]).float().transpose(1, 2)
    return outputs, targets, functional.cross_entropy(outputs, targets)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), num_classes=st.integers(2, 6), layout=st.sampled_from(LAYOUTS))
def test_classes_in_every_layout(seed: int, num_classes: int, layout: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(ROWS, STEPS, num_classes, generator=generator, requires_grad=True)
    labels = torch.randint(num_classes, (ROWS, STEPS), generator=generator)
    labels[0, :2] = torch.arange(2)
    outputs, targets, loss = laid_out(layout, scores, labels)
    seen = Targets(nn.CrossEntropyLoss())
    seen.see(loss, outputs, targets, validates=False)

    metric = seen.metric_of(outputs, targets)
    assert metric is not None
    assert float(metric) == pytest.approx(float((scores.argmax(2) == labels).double().mean()))
    shares = torch.bincount(labels.flatten()).double() / labels.numel()
    levels = seen.levels()
    assert (levels.metric, levels.chance_metric) == ("accuracy", pytest.approx(float(shares.max())))
    # Of classes that never occur, the loss at chance takes a little more.
    assert levels.chance_loss == pytest.approx(float(torch.special.entr(shares).sum()), abs=1e-2)


def test_classes_that_the_loss_ignores_do_not_count() -> None:
    labels = torch.tensor([1, 2, 1, 0, 0, 0, 0, 0])
    outputs = functional.one_hot(torch.tensor([1, 2, 2, 1, 1, 1, 1, 1]), 3).float().requires_grad_()
    loss_fn = nn.CrossEntropyLoss(ignore_index=0)
    seen = Targets(loss_fn)
    seen.see(loss_fn(outputs, labels), outputs, labels, validates=False)
    metric = seen.metric_of(outputs, labels)
    assert metric is not None
    assert float(metric) == pytest.approx(2 / 3)
    assert seen.levels().chance_metric == pytest.approx(2 / 3)


def test_outputs_of_another_number_have_no_metric() -> None:
    outputs, targets = torch.randn(6, 3), torch.randint(3, (6,))
    seen = Targets(nn.CrossEntropyLoss())
    seen.see(functional.cross_entropy(outputs, targets), outputs, targets, validates=False)
    assert seen.metric_of(outputs[:4], targets) is None


def test_weighed_classes_are_judged_by_their_loss() -> None:
    outputs, targets = torch.randn(60, 2), (torch.arange(60) % 10 == 0).long()
    loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.9]))
    seen = Targets(loss_fn)
    seen.see(loss_fn(outputs, targets), outputs, targets, validates=False)
    levels = seen.levels()
    assert levels.metric == ""
    assert math.isfinite(levels.chance_loss)


@given(values=st.lists(st.floats(-100, 100), min_size=4, max_size=40))
def test_numbers_have_their_variance_as_chance(values: list[float]) -> None:
    targets = torch.tensor(values, dtype=torch.float64)[:, None]
    outputs = torch.zeros_like(targets)
    seen = Targets(nn.MSELoss())
    seen.see((outputs - targets).square().mean(), outputs, targets, validates=False)
    levels = seen.levels()
    assert levels.chance_metric == pytest.approx(float(targets.var(correction=0)), rel=1e-6, abs=1e-9)
    assert levels.chance_loss == pytest.approx(levels.chance_metric, rel=1e-4, abs=1e-6)
