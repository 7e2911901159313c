"""The floor of an output head against known numbers, brute force, and trainings that reach it."""

import math
import re
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from failmap.datasets import build_task
from failmap.datasets.task import Batch
from failmap.search.trial.config import OutputConfig, TrialConfig
from failmap.search.trial.head import Head
from failmap.search.trial.loss_floor import Floor, best_constant_loss, floor
from failmap.search.trial.objective import Objective

BITS = torch.tensor([0.0, 1.0, 1.0, 0.0])
ACTIVATIONS = ["none", "sigmoid", "tanh", "scaled"]
RANGES = ["task", "zero_one", "minus_one_one", "standardised"]


def objective(task: str, **output: object) -> Objective:
    config = TrialConfig.model_validate({"task": {"name": task}, "model": {"name": "lstm"}, "output": output})
    return Objective(config.output, build_task(config.task))


def floor_of(task: str, reach: tuple[float, float] | None = None, **output: object) -> Floor:
    targets = torch.tensor([0, 1]) if task == "delayed_recall" else BITS
    return floor(objective(task, **output).head, targets, reach)


def head_of_classes(num_classes: int, activation: Any, loss: Any = "cross_entropy") -> Head:
    return Head(activation, loss, "category", num_classes, scale=1.0, offset=0.0, low=0.0, high=1.0)


@pytest.mark.parametrize(
    ("activation", "target_range", "loss", "expected"),
    [
        ("none", "task", "bce_with_logits", 0.0),
        ("sigmoid", "task", "bce", 0.0),
        ("sigmoid", "task", "mse", 0.0),
        ("scaled", "minus_one_one", "mse", 0.0),
        ("scaled", "standardised", "huber", 0.0),
        ("sigmoid", "task", "bce_with_logits", (math.log(2) + math.log1p(math.exp(-1))) / 2),
        ("tanh", "task", "bce_with_logits", math.log1p(math.exp(-1))),
        ("sigmoid", "minus_one_one", "mse", 0.5),
        ("sigmoid", "minus_one_one", "huber", 0.25),
        ("tanh", "minus_one_one", "mse", 0.0),
        ("none", "minus_one_one", "bce_with_logits", -math.inf),
        ("none", "standardised", "bce_with_logits", -math.inf),
    ],
)
def test_floors_of_balanced_bits(activation: str, target_range: str, loss: str, expected: float) -> None:
    found = floor_of("parity", activation=activation, target_range=target_range, loss=loss)
    assert found.loss == pytest.approx(expected)
    assert found.is_reachable == (expected == 0)


@pytest.mark.parametrize("num_classes", [2, 10])
def test_floors_of_cross_entropy(num_classes: int) -> None:
    def floor_under(activation: str) -> float:
        return floor(head_of_classes(num_classes, activation), torch.tensor([0, 1])).loss

    assert floor_under("none") == 0
    assert floor_under("sigmoid") == pytest.approx(math.log(1 + (num_classes - 1) / math.e))
    assert floor_under("tanh") == pytest.approx(math.log(1 + (num_classes - 1) / math.e**2))


def test_floor_of_elementwise_classes() -> None:
    doubled = floor(head_of_classes(10, "sigmoid", "bce_with_logits"), torch.tensor([3]))
    assert doubled.loss == pytest.approx((9 * math.log(2) + math.log1p(math.exp(-1))) / 10)
    assert floor(head_of_classes(10, "sigmoid", "mse"), torch.tensor([3])).is_reachable


def test_entropy_of_soft_targets_is_no_gap() -> None:
    grey = torch.tensor([0.25, 0.5])
    entropy = (-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) + math.log(2)) / 2
    found = floor(objective("parity").head, grey)
    assert found.loss == found.best_possible == pytest.approx(entropy)
    assert found.is_reachable
    doubled = floor(objective("parity", activation="sigmoid").head, grey)
    assert doubled.best_possible == pytest.approx(entropy)
    assert doubled.loss == pytest.approx(math.log(2)), "no output means less than one half"


def test_reach_narrows_floor() -> None:
    narrow = floor_of("parity", reach=(-0.1, 0.1))
    assert narrow.loss == pytest.approx(math.log1p(math.exp(-0.1)))
    assert not narrow.is_reachable
    assert "on raw outputs from -0.1 to 0.1" in narrow.explanation
    assert floor_of("adding", reach=(-0.1, 0.1)).loss == pytest.approx(0.9**2 / 2)
    recall = floor_of("delayed_recall", reach=(-0.1, 0.1))
    assert recall.loss == pytest.approx(math.log1p(math.exp(-0.2)))


def test_worst_target() -> None:
    assert floor_of("parity", activation="sigmoid").worst_target == 0
    assert floor(objective("adding", activation="tanh").head, [0.0, 2.0]).worst_target == 2


@pytest.mark.parametrize(
    ("found", "numbers"),
    [
        (floor_of("parity", activation="sigmoid"), "bce_with_logits 0..1 0.5..0.731 0.693 0.313 0.503 0)"),
        (floor_of("delayed_recall", activation="tanh"), "tanh cross_entropy -1..1 2 0.881 0.127 0.127 0)"),
        (
            floor_of("parity", activation="sigmoid", target_range="minus_one_one", loss="mse"),
            "sigmoid mse 0..1 -1 1 1 0 0.5 0)",
        ),
        (floor_of("parity"), "bce_with_logits fall to 0"),
        (floor_of("parity", target_range="minus_one_one"), "bce_with_logits -1 without bound"),
        (
            floor_of("parity", activation="tanh", target_range="minus_one_one"),
            "tanh bce_with_logits -1..1 0.269..0.731 -1 -0.687 1 0.313 -0.187 -1",
        ),
    ],
)
def test_explanation(found: Floor, numbers: str) -> None:
    """The explanation has these numbers in this order."""
    assert re.search(".*".join(map(re.escape, numbers.split())), found.explanation)


PARITY = objective("parity")


@settings(max_examples=60, deadline=None)
@given(
    targets=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=5),
    activation=st.sampled_from(ACTIVATIONS),
    target_range=st.sampled_from(RANGES),
    loss=st.sampled_from(["bce_with_logits", "bce", "mse", "huber"]),
    reach=st.none() | st.tuples(st.floats(-3, 0), st.floats(0.1, 3)),
)
def test_no_output_on_a_grid_is_below_floor(
    targets: list[float], activation: Any, target_range: Any, loss: Any, reach: tuple[float, float] | None
) -> None:
    output = OutputConfig(activation=activation, target_range=target_range, loss=loss)
    assume(output.misfit("share") is None)
    head = Head.of(output, PARITY.task)
    found = floor(head, torch.tensor(targets), reach)
    low, high = reach or (-20.0, 20.0)
    grid = torch.linspace(low, high, 8001, dtype=torch.float64)
    brute_force = sum(losses_by_torch(head, grid, target).min().item() for target in targets) / len(targets)
    assert found.loss <= brute_force + 1e-6
    assert found.loss == -math.inf or brute_force == pytest.approx(found.loss, abs=1e-3)
    assert found.best_possible <= found.loss + 1e-9


def losses_by_torch(head: Head, raw: torch.Tensor, target: float) -> torch.Tensor:
    losses = {
        "mse": functional.mse_loss,
        "huber": functional.huber_loss,
        "bce": functional.binary_cross_entropy,
        "bce_with_logits": functional.binary_cross_entropy_with_logits,
    }
    return losses[head.loss](head.activated(raw), head.wanted(torch.full_like(raw, target)), reduction="none")


@pytest.mark.parametrize(
    ("task", "activation", "target_range", "loss"),
    [
        ("parity", "none", "task", "bce_with_logits"),
        ("parity", "sigmoid", "task", "bce"),
        ("parity", "sigmoid", "task", "bce_with_logits"),
        ("parity", "tanh", "task", "bce_with_logits"),
        ("parity", "scaled", "task", "bce_with_logits"),
        ("parity", "none", "minus_one_one", "bce_with_logits"),
        ("parity", "tanh", "minus_one_one", "bce_with_logits"),
        ("parity", "sigmoid", "minus_one_one", "mse"),
        ("parity", "scaled", "standardised", "huber"),
        ("adding", "tanh", "task", "huber"),
        ("adding", "sigmoid", "zero_one", "bce"),
        ("adding", "sigmoid", "zero_one", "bce_with_logits"),
        ("adding", "tanh", "standardised", "mse"),
        ("delayed_recall", "none", "task", "cross_entropy"),
        ("delayed_recall", "sigmoid", "task", "cross_entropy"),
        ("delayed_recall", "tanh", "task", "cross_entropy"),
        ("delayed_recall", "sigmoid", "task", "bce_with_logits"),
        ("delayed_recall", "tanh", "task", "mse"),
    ],
)
def test_free_outputs_train_down_to_floor(task: str, activation: str, target_range: str, loss: str) -> None:
    trained = objective(task, activation=activation, target_range=target_range, loss=loss)
    targets = {
        "parity": torch.tensor([0.0, 1.0, 1.0, 0.0]),
        "adding": torch.tensor([0.0, 2.0, 0.4, 0.9]),
        "delayed_recall": torch.tensor([0, 1, 1, 0]),
    }[task]
    found = floor(trained.head, targets)
    reached = least_loss_of_free_outputs(trained, Batch(torch.zeros(4, 1, 1), targets))
    if found.loss == -math.inf:
        assert reached < -5
    else:
        assert found.loss - 1e-6 < reached < found.loss + 1e-3


def least_loss_of_free_outputs(trained: Objective, batch: Batch) -> float:
    outputs = torch.zeros(len(batch.targets), trained.task.output_size, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], betas=(0.9, 0.9))
    least = math.inf
    for update in range(400):
        optimizer.param_groups[0]["lr"] = 0.3 * 0.985**update
        value = trained.loss(outputs, batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        least = min(least, value.item())
    return least


def test_objective_floor_uses_validation_targets() -> None:
    adding = objective("adding", activation="sigmoid")
    sums = adding.task.validation_set().targets.double()
    assert adding.floor.loss == pytest.approx((sums - 1).clamp(min=0).square().mean().item())
    at_half = floor(adding.head, sums, reach=(0.0, 0.0))
    assert at_half.loss == pytest.approx((sums - 0.5).square().mean().item())


def test_binned_targets() -> None:
    head = objective("parity", activation="sigmoid").head
    pixels = torch.rand(300_000, generator=torch.Generator().manual_seed(0))
    pixels[:100_000] = 0.0
    wanted = pixels.double()
    logits = torch.logit(wanted).clamp(0, 1)
    exact = functional.binary_cross_entropy_with_logits(logits, wanted).item()
    found = floor(head, pixels)
    assert found.loss == pytest.approx(exact, abs=1e-7)
    assert found.worst_target == 0
    assert floor(head, pixels.reshape(3, 100, 1000)) == found


@pytest.mark.parametrize("loss", ["bce", "bce_with_logits"])
def test_rounding_keeps_targets_proper(loss: Any) -> None:
    low, high = 0.1, 0.7
    scale = 1 / (high - low)
    zero_one = Head("sigmoid", loss, "number", 1, scale=scale, offset=-low * scale, low=0.0, high=1.0)
    ends = torch.nextafter(torch.tensor([low, high]), torch.tensor([-1.0, 1.0]))
    expected = 0.0 if loss == "bce" else (math.log(2) + math.log1p(math.exp(-1))) / 2
    assert floor(zero_one, ends).loss == pytest.approx(expected)
    assert math.isfinite(best_constant_loss(zero_one, ends[1:]))
    assert math.isfinite(zero_one.mean_loss(torch.zeros(2, 1), ends).item())
