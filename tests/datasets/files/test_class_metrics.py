"""Metrics of classes: against scikit-learn."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from failmap.datasets.files.class_metrics import class_metric
from failmap.datasets.files.luck import ClassLuck


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("has_ties", [False, True])
def test_as_scikit_learn(num_classes: int, has_ties: bool) -> None:
    random = np.random.default_rng(num_classes)
    labels = random.integers(0, num_classes, 60)
    scores = random.random((60, num_classes))
    scores[np.arange(60), labels] += 0.3
    scores = np.round(scores, 1) if has_ties else scores
    shares = torch.from_numpy(scores / scores.sum(1, keepdims=True))
    right = torch.from_numpy(labels)
    # The first of two equal scores is the guess.
    guess = shares.argmax(-1).numpy()
    assert class_metric("accuracy", shares, right).item() == pytest.approx((guess == labels).mean())
    balanced = balanced_accuracy_score(labels, guess)
    assert class_metric("balanced_accuracy", shares, right).item() == pytest.approx(balanced)
    assert class_metric("f1", shares, right).item() == pytest.approx(f1_score(labels, guess, average="macro"))
    area = roc_auc_score(
        labels, shares[:, 1] if num_classes == 2 else shares, average="macro", multi_class="ovr"
    )
    assert class_metric("auroc", shares, right).item() == pytest.approx(area)


def test_classes_without_a_label_do_not_count() -> None:
    labels, shares = torch.tensor([0, 0, 1, 1]), torch.eye(4)[[0, 3, 1, 1]].double()
    known = {"labels": [0, 1], "average": "macro", "zero_division": 0}
    guess = shares.argmax(-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = balanced_accuracy_score(labels, guess)
    assert class_metric("balanced_accuracy", shares, labels).item() == pytest.approx(balanced) == 0.75
    assert class_metric("f1", shares, labels).item() == pytest.approx(f1_score(labels, guess, **known))


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "auroc"])
def test_constants_are_no_better_than_chance(metric: str) -> None:
    labels = torch.tensor([0] * 5 + [1] * 20 + [2] * 75)
    for guess in range(3):
        constant = torch.eye(3)[guess].expand(100, 3)
        found = class_metric(metric, constant, labels).item()  # type: ignore[arg-type]
        assert found <= ClassLuck(metric, [5, 20, 75]).chance + 1e-12  # type: ignore[arg-type]
    perfect = torch.eye(3)[labels]
    assert class_metric(metric, perfect, labels).item() == 1  # type: ignore[arg-type]
