"""Effects of each fault on a tiny session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.diagnosis.faults import FAULTS
from failmap.datasets.task import Batch
from failmap.run_folder.paths import TrialFolder
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.session import TrialSession

MakeSession = Callable[..., TrialSession]

BATCH_SIZE = 8


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Make a tiny session, with or without a fault."""

    def make(
        fault: str | None = None,
        *,
        task: str = "adding",
        supervision: str = "last",
        model: str = "lstm",
        nonlinearity: str | None = None,
        depth: int = 1,
    ) -> TrialSession:
        network: dict[str, Any] = {"name": model, "hidden_size": 4, "depth": depth}
        if nonlinearity is not None:
            network["nonlinearity"] = nonlinearity
        config = TrialConfig.model_validate(
            {
                "task": {"name": task, "sequence_length": 6, "supervision": supervision, "test_size": 64},
                "model": network,
                "train": {"batch_size": BATCH_SIZE, "max_updates": 4, "evaluate_every": 2},
            }
        )
        path = tmp_path / (fault or "healthy")
        path.mkdir(exist_ok=True)
        session = TrialSession(config, TrialFolder(path), torch.device("cpu"))
        if fault is not None:
            FAULTS[fault](session)
        return session

    return make


def batches(session: TrialSession) -> tuple[Batch, Batch]:
    """Return a training batch and the validation set."""
    return session.training.batch(0), session.validation


def outputs(session: TrialSession, inputs: Tensor | None = None) -> Tensor:
    batch = session.training.batch(0)
    made: Tensor = session.training.model(batch.inputs if inputs is None else inputs)
    return made


def gradients(session: TrialSession) -> dict[str, Tensor | None]:
    """Return the gradient of the training loss by parameter."""
    training = session.training
    batch = training.batch(0)
    training.backward(training.objective.loss(training.model(batch.inputs), batch))
    return {name: parameter.grad for name, parameter in training.model.named_parameters()}


def moved(session: TrialSession) -> set[str]:
    """Return the parameters that two updates change."""
    model = session.training.model
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for update in range(2):
        session.training.update(update)
    return {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}


def parameter(session: TrialSession, name: str) -> Tensor:
    return session.training.model.get_parameter(f"layers.0.recurrence.{name}").detach()


@pytest.mark.parametrize("fault", ["labels_shuffled", "labels_one_row_off", "labels_random"])
def test_labels_are_permuted(make_session: MakeSession, fault: str) -> None:
    (right, held_out), (wrong, held_out_too) = batches(make_session()), batches(make_session(fault))

    assert torch.equal(right.inputs, wrong.inputs)
    assert not torch.equal(right.targets, wrong.targets)
    assert torch.equal(right.targets.sort().values, wrong.targets.sort().values)
    is_validation_right = torch.equal(held_out.targets, held_out_too.targets)
    assert is_validation_right == (fault != "labels_random")


def test_shuffled_labels_are_reproducible(make_session: MakeSession) -> None:
    session = make_session("labels_shuffled")

    assert torch.equal(session.training.batch(3).targets, session.training.batch(3).targets)


@pytest.mark.parametrize(
    ("task", "fault", "wrong"),
    [
        ("adding", "labels_turned", lambda labels: 2 - labels),
        ("temporal_order", "labels_turned", lambda labels: 3 - labels),
        ("temporal_order", "classes_misnumbered", lambda labels: (labels + 1) % 4),
    ],
)
def test_labels_are_mapped_in_training_only(
    make_session: MakeSession, task: str, fault: str, wrong: Callable[[Tensor], Tensor]
) -> None:
    (right, held_out), (mapped, held_out_too) = (
        batches(make_session(task=task)),
        batches(make_session(fault, task=task)),
    )

    assert torch.equal(mapped.targets, wrong(right.targets))
    assert torch.equal(held_out.targets, held_out_too.targets)


@pytest.mark.parametrize(
    ("fault", "changed"),
    [
        ("inputs_x100", lambda inputs: inputs * 100),
        ("inputs_x300", lambda inputs: inputs * 300),
        ("inputs_x1000", lambda inputs: inputs * 1000),
        ("inputs_plus_50", lambda inputs: inputs + 50),
        ("inputs_plus_300", lambda inputs: inputs + 300),
        ("inputs_minus_100", lambda inputs: inputs - 100),
        ("one_input_x1000", lambda inputs: inputs * torch.tensor([1.0, 1000.0])),
    ],
)
def test_inputs_are_scaled_in_training_and_validation(
    make_session: MakeSession, fault: str, changed: Callable[[Tensor], Tensor]
) -> None:
    for right, wrong in zip(batches(make_session()), batches(make_session(fault)), strict=True):
        assert torch.equal(wrong.inputs, changed(right.inputs))
        assert torch.equal(wrong.targets, right.targets)


def test_label_is_in_training_inputs_only(make_session: MakeSession) -> None:
    train, held_out = batches(make_session("label_in_training_inputs"))

    assert torch.equal(train.inputs[:, -1, 0] * 2, train.targets)
    assert torch.equal(held_out.inputs, make_session().validation.inputs)


def test_later_marks_are_removed(make_session: MakeSession) -> None:
    for batch in batches(make_session("later_marks_lost")):
        assert (batch.inputs[:, :, 1].sum(1) == 1).all()
    assert torch.equal(batch.targets, make_session().validation.targets)


def test_detached_readout_leaves_layers_without_gradient(make_session: MakeSession) -> None:
    found = gradients(make_session("readout_detached"))

    assert all((grad is None) == name.startswith("layers") for name, grad in found.items())


@pytest.mark.parametrize(
    ("fault", "depends"), [(None, False), ("recurrence_over_batch", True), ("mean_over_batch", True)]
)
def test_outputs_depend_on_other_sequences(
    make_session: MakeSession, fault: str | None, depends: bool
) -> None:
    inputs = torch.rand(BATCH_SIZE, 6, 2, requires_grad=True)

    outputs(make_session(fault), inputs)[-1].sum().backward()

    assert inputs.grad is not None
    assert bool(inputs.grad[:-1].any()) == depends


@pytest.mark.parametrize(
    ("fault", "sees"), [(None, False), ("mean_over_time", True), ("read_in_reverse", True)]
)
def test_outputs_depend_on_the_future(make_session: MakeSession, fault: str | None, sees: bool) -> None:
    inputs = torch.rand(BATCH_SIZE, 6, 2, requires_grad=True)

    outputs(make_session(fault, supervision="every_step"), inputs)[:, 0].sum().backward()

    assert inputs.grad is not None
    assert bool(inputs.grad[:, 1:].any()) == sees


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_outputs_have_another_activation(make_session: MakeSession, name: str) -> None:
    right, wrong = outputs(make_session()), outputs(make_session(f"outputs_through_{name}"))

    assert torch.equal(wrong, getattr(torch, name)(right))


def test_softmax_makes_probabilities(make_session: MakeSession) -> None:
    made = outputs(make_session("outputs_through_softmax", task="temporal_order"))

    assert torch.allclose(made.sum(-1), torch.ones(BATCH_SIZE))


@pytest.mark.parametrize(
    ("fault", "scaled"),
    [
        ("weights_x10", {"weight_ih_l0": 10, "weight_hh_l0": 10}),
        ("weights_x20", {"weight_ih_l0": 20, "weight_hh_l0": 20}),
        ("weights_x30", {"weight_ih_l0": 30, "weight_hh_l0": 30}),
        ("recurrent_weights_x0.1", {"weight_hh_l0": 0.1}),
        ("recurrent_weights_x2", {"weight_hh_l0": 2}),
        ("recurrent_weights_x3", {"weight_hh_l0": 3}),
    ],
)
def test_initial_weights_are_scaled(make_session: MakeSession, fault: str, scaled: dict[str, float]) -> None:
    right, wrong = make_session(), make_session(fault)

    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        assert torch.allclose(parameter(wrong, name), parameter(right, name) * scaled.get(name, 1))


def test_gates_are_closed_except_the_forget_gate(make_session: MakeSession) -> None:
    biases = parameter(make_session("gates_shut_by_10"), "bias_ih_l0").chunk(4)
    usual = parameter(make_session(), "bias_ih_l0").chunk(4)

    assert [bool((bias == -10).all()) for bias in biases] == [True, False, False, True]
    assert torch.equal(biases[1], usual[1])


def test_relu_units_are_dead(make_session: MakeSession) -> None:
    session = make_session("biases_minus_10", model="rnn", nonlinearity="relu")

    assert not session.training.model.trace(session.validation.inputs).layers[0].states.any()


def test_ascending_optimizer_raises_the_loss(make_session: MakeSession) -> None:
    down, up = (
        [float(session.training.update(0)) for _ in range(20)][-1]
        for session in (make_session(), make_session("optimizer_ascends"))
    )

    assert up > down


def test_negated_loss(make_session: MakeSession) -> None:
    right, wrong = make_session().training, make_session("loss_negated").training
    batch = right.batch(0)
    made = right.model(batch.inputs)

    assert wrong.objective.loss(made, batch) == -right.objective.loss(made, batch)


def test_broadcast_loss_ignores_the_order_of_labels(make_session: MakeSession) -> None:
    training = make_session("loss_broadcast").training
    batch = training.batch(0)
    turned = batch._replace(targets=batch.targets.flip(0))
    made = training.model(batch.inputs)

    pairs = (made - batch.targets).square()
    assert pairs.shape == (BATCH_SIZE, BATCH_SIZE)
    assert torch.allclose(training.objective.loss(made, batch), pairs.mean())
    assert torch.allclose(training.objective.loss(made, batch), training.objective.loss(made, turned))


@pytest.mark.parametrize("fault", ["layers_require_no_grad", "layers_left_out", "layers_replaced_late"])
def test_only_the_readout_is_trained(make_session: MakeSession, fault: str) -> None:
    session = make_session(fault)

    assert torch.equal(outputs(session), outputs(make_session()))
    assert moved(session) == {"readout.weight", "readout.bias"}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_faulty_session_trains_and_keeps_parameter_names(make_session: MakeSession, fault: str) -> None:
    settings: dict[str, Any] = {}
    if fault in ("mean_over_time", "read_in_reverse"):
        settings["supervision"] = "every_step"
    if fault in ("classes_misnumbered", "outputs_through_softmax"):
        settings["task"] = "temporal_order"
    if fault.startswith("biases"):
        settings |= {"model": "rnn", "nonlinearity": "relu"}
    session = make_session(fault, **settings)

    while session.summary is None:
        session.advance()

    names = [name for name, _ in session.training.model.named_parameters()]
    assert names == [name for name, _ in make_session(**settings).training.model.named_parameters()]
    assert session.summary.updates == 4
