"""Curves of a loop: the numbers of numpy, evenly spaced, in bounded memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from failmap.watcher.curves import NUM_EVALUATIONS, Curves


@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_evaluations_are_the_means_and_maxima_of_evenly_spaced_steps(num_steps: int, seed: int) -> None:
    losses = np.random.default_rng(seed).exponential(size=num_steps).tolist()
    curves = Curves()
    for update, loss in enumerate(losses, start=1):
        curves.add(update, torch.tensor(loss, dtype=torch.float64))
    is_validated, evaluations = curves.evaluations(4)
    assert not is_validated
    assert len(evaluations) <= 2 * NUM_EVALUATIONS
    ends = [one.update for one in evaluations]
    assert ends[-1] == len(losses)
    sizes = np.diff([0, *ends])
    assert len(set(sizes[:-1])) <= 1
    assert sizes[-1] <= sizes[0]
    parts = np.split(np.array(losses), ends[:-1])
    for one, part in zip(evaluations, parts, strict=True):
        assert one.loss == pytest.approx(part.mean())
        assert (one.loss_first, one.loss_max) == (part[0], part.max())
        # A variance as the difference of two means keeps half of the digits.
        assert one.loss_spread == pytest.approx(part.std(), abs=1e-6 * (1 + part.max()))


@given(st.integers(4, 200), st.integers(1, 7))
def test_validations_make_the_evaluations(num_validations: int, num_batches: int) -> None:
    curves = Curves()
    for number in range(num_validations):
        for step in range(3):
            curves.add(3 * number + step + 1, torch.tensor(float(number)))
        for batch in range(num_batches):
            curves.add_validation(torch.tensor(float(number + batch)), torch.tensor(0.25))
    is_validated, evaluations = curves.evaluations(4)
    assert is_validated
    assert len(evaluations) <= 2 * NUM_EVALUATIONS
    assert evaluations[-1].update == 3 * num_validations
    shift = (num_batches - 1) / 2
    for one in evaluations:
        assert one.validation_loss == pytest.approx(one.loss + shift)
        assert one.validation_metric == pytest.approx(0.25)
