"""Losses, target ranges and metrics against torch's functions and against plain arithmetic."""

import math
from itertools import product
from typing import Any, get_args

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from failmap.datasets import build_task
from failmap.datasets.chance import Chance
from failmap.datasets.config import MovingMnistConfig, TargetKind
from failmap.datasets.task import Batch, Task
from failmap.search.trial.config import Activation, Loss, OutputConfig, TargetRange, TrialConfig
from failmap.search.trial.head import Head
from failmap.search.trial.loss_floor import best_constant_loss
from failmap.search.trial.objective import Objective


class Frames(Task):
    """A task with several shares in each label: three frames of 4 x 4 random pixels."""

    input_size = output_size = 16
    chance = Chance(metric=1 / 12, loss=math.log(2))
    target_metric = 0.01
    perfect_metric = 0.0

    def __init__(self) -> None:
        super().__init__(MovingMnistConfig(frame_size=4, digit_size=3, prediction_length=3))
        pixels = torch.rand(32, 3, 16, generator=torch.Generator().manual_seed(0))
        self.batch = Batch(torch.zeros(32, 10, 16), pixels)

    def train_batch(self, seed: int, update: int, batch_size: int, progress: float) -> Batch:
        return self.batch

    def validation_set(self) -> Batch:
        return self.batch

    def _held_out_set(self, stream: int) -> Batch:
        return self.batch


def config(task: dict[str, Any], **output: object) -> TrialConfig:
    return TrialConfig.model_validate({"task": task, "model": {"name": "lstm"}, "output": output})


def objective(task: str, **output: object) -> Objective:
    trial = config({"name": task}, **output)
    return Objective(trial.output, build_task(trial.task))


def of_frames(**output: Any) -> Objective:
    return Objective(OutputConfig(**{"loss": "bce_with_logits", **output}), Frames())


def labelled(targets: torch.Tensor) -> Batch:
    return Batch(torch.zeros(len(targets), 5, 1), targets)


def test_natural_losses_match_torch() -> None:
    raw = torch.randn(8, 1)
    bits = torch.randint(0, 2, (8,)).float()
    natural = functional.binary_cross_entropy_with_logits(raw[:, 0], bits)
    assert objective("parity").loss(raw, labelled(bits)) == natural
    assert objective("adding").loss(raw, labelled(bits)) == functional.mse_loss(raw[:, 0], bits)
    scores, classes = torch.randn(8, 5, 2), torch.randint(0, 2, (8, 5))
    assert objective("delayed_recall").loss(scores, labelled(classes)) == functional.cross_entropy(
        scores.reshape(-1, 2), classes.reshape(-1)
    )
    pixels, shares = torch.randn(8, 3, 16), torch.rand(8, 3, 16)
    assert of_frames().loss(pixels, labelled(shares)) == functional.binary_cross_entropy_with_logits(
        pixels, shares
    )


@pytest.mark.parametrize("activation", ["none", "scaled"])
@pytest.mark.parametrize("target_range", ["task", "zero_one", "minus_one_one", "standardised"])
def test_metrics_stay_in_task_units(target_range: str, activation: str) -> None:
    adding = objective("adding", target_range=target_range, activation=activation)
    sums = torch.tensor([0.0, 0.5, 2.0])
    outputs = (sums * adding.head.scale + adding.head.offset).unsqueeze(-1)
    if activation == "scaled":
        low, high = adding.head.interval()
        outputs = torch.logit((outputs - low) / (high - low))
    assert adding.loss(outputs, labelled(sums)).item() == pytest.approx(0, abs=1e-12)
    assert adding.metric(outputs, labelled(sums)).item() == pytest.approx(0, abs=1e-12)
    assert adding.metric(outputs, labelled(sums + 0.5)).item() == pytest.approx(0.25)


def test_target_range_maps_its_ends() -> None:
    symmetric = objective("adding", target_range="minus_one_one")
    assert [y * symmetric.head.scale + symmetric.head.offset for y in (0, 1, 2)] == [-1, 0, 1]
    bits = objective("parity", target_range="minus_one_one", loss="mse", activation="tanh")
    assert [y * bits.head.scale + bits.head.offset for y in (0, 1)] == [-1, 1]


@pytest.mark.parametrize(
    ("target_range", "expected"),
    [("task", (-0.2, 2.2)), ("zero_one", (-0.1, 1.1)), ("minus_one_one", (-1.2, 1.2))],
)
def test_scaled_activation_has_a_margin(target_range: str, expected: tuple[float, float]) -> None:
    adding = objective("adding", target_range=target_range, activation="scaled")
    assert adding.head.interval() == pytest.approx(expected)


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"activation": "sigmoid", "loss": "bce"},
        {"activation": "sigmoid", "loss": "mse"},
        {"activation": "scaled", "loss": "mse"},
        {"activation": "tanh", "loss": "mse", "target_range": "minus_one_one"},
        {"loss": "huber", "target_range": "standardised"},
    ],
)
def test_accuracy_under_every_output(output: dict[str, object]) -> None:
    parity = objective("parity", **output)
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0])
    raw = torch.tensor([[-3.0], [3.0], [3.0], [3.0]])
    assert parity.metric(raw, labelled(labels)).item() == 0.75


def test_sigmoid_before_logits_loss_always_predicts_one() -> None:
    doubled = objective("parity", activation="sigmoid", loss="bce_with_logits")
    labels = torch.tensor([0.0, 1.0])
    assert doubled.metric(torch.tensor([[-9.0], [9.0]]), labelled(labels)).item() == 0.5
    assert doubled.loss(torch.tensor([[-9.0], [9.0]]), labelled(labels)).item() > 0.5


@pytest.mark.parametrize("loss", ["cross_entropy", "bce_with_logits", "bce", "mse", "huber"])
def test_elementwise_classes_stay_probabilities(loss: str) -> None:
    activation = "sigmoid" if loss == "bce" else "none"
    recall = objective("delayed_recall", loss=loss, activation=activation)
    raw = torch.tensor([[-4.0, 4.0], [-4.0, 4.0], [-4.0, -4.0]])
    predicted = recall.head.predict(raw)
    assert torch.allclose(predicted.sum(-1), torch.ones(3))
    assert predicted[0, 1] > 0.95
    assert predicted[2].tolist() == pytest.approx([0.5, 0.5])
    assert recall.metric(raw[:2], labelled(torch.tensor([1, 0]))).item() == 0.5
    if loss == "mse":
        assert recall.loss(raw[:1], labelled(torch.tensor([1]))).item() == (4**2 + 3**2) / 2


def test_both_losses_are_returned_whichever_trains() -> None:
    bits, raw = torch.tensor([0.0, 1.0]), torch.tensor([[0.0], [math.log(3)]])  # says 1/2 and 3/4
    expected = {
        "mean_squared_error": (1 / 4 + 1 / 16) / 2,
        "cross_entropy": (math.log(2) + math.log(4 / 3)) / 2,
    }
    for output in ({}, {"activation": "sigmoid", "loss": "bce"}, {"activation": "sigmoid", "loss": "huber"}):
        assert numbers(objective("parity", **output), raw, bits) == pytest.approx(expected)

    classes = numbers(objective("delayed_recall"), torch.tensor([[0.0, math.log(3)]]), torch.tensor([0]))
    assert classes == pytest.approx({"mean_squared_error": 9 / 16, "cross_entropy": math.log(4)})

    grey = numbers(of_frames(), torch.zeros(2, 3, 16), torch.full((2, 3, 16), 0.25))
    assert grey == pytest.approx({"mean_squared_error": 1 / 16, "cross_entropy": math.log(2)})

    sums = numbers(objective("adding", target_range="standardised"), torch.zeros(2, 1), torch.ones(2))
    assert sums == pytest.approx({"mean_squared_error": 0.0}, abs=1e-12), "a sum of 2 has no cross-entropy"


def numbers(objective: Objective, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    return {name: loss.item() for name, loss in objective.losses(outputs, labelled(targets)).items()}


def test_cross_entropy_is_clamped() -> None:
    for raw in (-1e9, 1e9):
        found = numbers(objective("parity"), torch.full((2, 1), raw), torch.tensor([0.0, 1.0]))
        assert found["cross_entropy"] == pytest.approx(-math.log(1e-7) / 2, rel=0.02)
    mistaken = numbers(objective("delayed_recall"), torch.tensor([[-1e9, 1e9]]), torch.tensor([0]))
    assert mistaken["cross_entropy"] == pytest.approx(-math.log(1e-7), rel=0.01)


def test_frame_counts_as_one_label() -> None:
    frames = of_frames()
    assert frames.num_labels(frames.task.validation_set()) == 32 * 3
    recall = objective("delayed_recall")
    assert recall.num_labels(labelled(torch.zeros(8, 5, dtype=torch.int64))) == 40


@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.parametrize("task", ["parity", "adding", "delayed_recall"])
def test_allowed_outputs_can_be_computed(task: str, loss: Loss) -> None:
    built = build_task(config({"name": task}).task)
    targets = built.validation_set().targets
    outputs = torch.randn(len(targets), built.output_size)
    for activation, target_range in product(get_args(Activation), get_args(TargetRange)):
        output = OutputConfig(loss=loss, activation=activation, target_range=target_range)
        if output.misfit(built.config.target_kind) is not None:
            continue
        trained = Objective(output, built)
        assert math.isfinite(trained.loss(outputs, labelled(targets)).item())
        assert trained.floor.loss <= trained.chance_loss + 1e-6
        assert math.isfinite(trained.chance_loss) or trained.floor.loss == -math.inf


@pytest.mark.parametrize("kind", get_args(TargetKind))
def test_number_of_allowed_outputs(kind: TargetKind) -> None:
    choices = product(get_args(Activation), get_args(TargetRange), get_args(Loss))
    heads = [OutputConfig(activation=one, target_range=two, loss=three) for one, two, three in choices]
    possible = [head for head in heads if head.misfit(kind) is None]
    num_losses = {"category": 4 * 4 + 1, "number": 3 * 16 + 1}  # one more with bce, under a sigmoid
    assert len(possible) == num_losses.get(kind, 3 * 16 + 2)


@pytest.mark.parametrize(
    ("task", "output", "advice"),
    [
        ("parity", {"loss": "cross_entropy"}, "binary.* bce_with_logits, bce, mse, huber"),
        ("parity", {"loss": "bce"}, "needs output.activation=sigmoid"),
        ("parity", {"loss": "bce", "activation": "scaled"}, "needs output.activation=sigmoid"),
        ("adding", {"loss": "bce", "activation": "sigmoid"}, "set output.target_range=zero_one"),
        ("delayed_recall", {"target_range": "minus_one_one"}, "set output.target_range=task"),
    ],
)
def test_invalid_output_suggests_a_fix(task: str, output: dict[str, Any], advice: str) -> None:
    with pytest.raises(ValidationError, match=advice):
        config({"name": task}, **output)


def test_score_is_skill() -> None:
    parity, adding = objective("parity"), objective("adding")
    assert [parity.score(accuracy) for accuracy in (0.0, 0.5, 0.75, 1.0)] == [-1, 0, 0.5, 1]
    assert [adding.score(error) for error in (0.0, 1 / 6, 1 / 12)] == pytest.approx([1, 0, 0.5])
    assert [adding.score(error) for error in (1e9, math.inf, math.nan)] == [-1, -1, -1]


def test_chance_loss_of_natural_losses() -> None:
    assert objective("parity").chance_loss == pytest.approx(math.log(2))
    assert objective("parity", activation="sigmoid", loss="bce").chance_loss == pytest.approx(math.log(2))
    assert objective("adding").chance_loss == pytest.approx(1 / 6)
    assert objective("adding", target_range="zero_one").chance_loss == pytest.approx(1 / 24)


@pytest.mark.parametrize(
    ("task", "output"),
    [
        ("parity", {"activation": "sigmoid"}),
        ("parity", {"activation": "tanh", "target_range": "minus_one_one"}),
        ("parity", {"activation": "tanh", "loss": "mse", "target_range": "minus_one_one"}),
        ("adding", {"loss": "huber"}),
        ("adding", {"loss": "huber", "target_range": "standardised", "activation": "sigmoid"}),
        ("adding", {"loss": "mse", "activation": "sigmoid"}),
        ("adding", {"loss": "bce", "activation": "sigmoid", "target_range": "zero_one"}),
        ("delayed_recall", {"activation": "tanh"}),
        ("delayed_recall", {"loss": "huber", "activation": "scaled"}),
        ("delayed_recall", {"loss": "bce_with_logits", "activation": "sigmoid"}),
    ],
)
def test_chance_loss_is_that_of_best_constant(task: str, output: dict[str, Any]) -> None:
    trained = objective(task, **output)
    targets = trained.task.validation_set().targets
    constant = torch.zeros(trained.task.output_size, requires_grad=True)
    optimizer = torch.optim.Adam([constant], lr=0.1)
    for _ in range(300):
        loss = trained.loss(constant.expand(len(targets), -1), labelled(targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() == pytest.approx(trained.chance_loss, abs=1e-3)
    assert loss.item() > trained.chance_loss - 1e-5


def test_best_constant_clips_rare_classes() -> None:
    sigmoid = objective("delayed_recall", activation="sigmoid").head
    seldom = torch.tensor([0] * 9 + [1])
    likely = 1 / (1 + math.exp(-1))
    expected = -0.9 * math.log(likely) - 0.1 * math.log(1 - likely)
    assert best_constant_loss(sigmoid, seldom) == pytest.approx(expected)


def test_best_constant_uses_linear_part_of_huber() -> None:
    far = Head("sigmoid", "huber", "number", 1, scale=1.0, offset=0.0, low=5.0, high=5.5)
    assert best_constant_loss(far, torch.tensor([5.0, 5.5])) == pytest.approx(5.25 - 1 - 0.5)


def test_best_constants_vary_by_step_and_pixel() -> None:
    squared = of_frames(loss="mse")
    pixels = squared.task.validation_set().targets
    assert squared.chance_loss == pytest.approx(pixels.var(0, correction=0).mean().item())
    assert of_frames(loss="huber").chance_loss == pytest.approx(squared.chance_loss / 2)
