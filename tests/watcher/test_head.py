"""Heads that do not fit their loss are seen in the graph, and their repaired twins raise no alarm."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.watcher.loops import Spy, watch_updates

Head = Callable[[Tensor], Tensor]

CLASSES, UNITS = 4, 3


def identity(outputs: Tensor) -> Tensor:
    return outputs


def fired(head: Head, loss_fn: Callable[[Tensor, Tensor], Tensor], targets: Tensor) -> set[str]:
    """Return what is found in a loop with one linear layer of as many outputs as the targets need."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    width = targets.shape[1] if targets.is_floating_point() else CLASSES
    model = nn.Linear(UNITS, width)
    inputs = torch.randn(len(targets), UNITS)

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = head(model(inputs))
        return loss_fn(outputs, targets), {"inputs": inputs, "outputs": outputs, "targets": targets}

    return watch_updates(model, update).fired()


LABELS = torch.arange(12) % CLASSES
BITS = (torch.arange(12) % 2).float()[:, None]
BITS_OF_FOUR = (torch.arange(48) % 3 == 0).float().reshape(12, 4)
ONE_HOT = functional.one_hot(LABELS, CLASSES).float()
NUMBERS = torch.linspace(-2, 2, 12)[:, None]


@pytest.mark.parametrize(
    ("head", "loss_fn", "targets", "rule"),
    [
        (lambda out: out.softmax(1), functional.cross_entropy, LABELS, "head_misfits_loss"),
        (torch.sigmoid, functional.cross_entropy, LABELS, "head_misfits_loss"),
        (torch.sigmoid, functional.binary_cross_entropy_with_logits, BITS, "head_misfits_loss"),
        (lambda out: out.softmax(1), functional.binary_cross_entropy, BITS, "head_misfits_loss"),
        (lambda out: out.softmax(0), functional.binary_cross_entropy, BITS_OF_FOUR, "head_misfits_loss"),
        (lambda out: out.log_softmax(0), functional.nll_loss, LABELS, "head_misfits_loss"),
        (lambda out: out.log_softmax(0), functional.cross_entropy, LABELS, "head_misfits_loss"),
        (lambda out: out.softmax(0).log(), functional.nll_loss, LABELS, "head_misfits_loss"),
        (lambda out: out.softmax(0), functional.mse_loss, ONE_HOT, "head_misfits_loss"),
        (lambda out: out.softmax(1), functional.nll_loss, LABELS, "head_misfits_loss"),
        (identity, functional.nll_loss, LABELS, "head_misfits_loss"),
        (torch.sigmoid, functional.mse_loss, NUMBERS, "targets_outside_head"),
        (torch.relu, functional.mse_loss, NUMBERS, "targets_outside_head"),
        (torch.tanh, lambda out, to: (out - to).square().mean(), NUMBERS, "targets_outside_head"),
        (identity, functional.binary_cross_entropy_with_logits, 3 * BITS, "targets_no_probabilities"),
    ],
)
def test_misfit_is_seen(
    head: Head, loss_fn: Callable[[Tensor, Tensor], Tensor], targets: Tensor, rule: str
) -> None:
    assert fired(head, loss_fn, targets) == {rule}


@pytest.mark.parametrize(
    ("head", "loss_fn", "targets"),
    [
        (identity, functional.cross_entropy, LABELS),
        # A logarithm of a softmax twice is the same as once.
        (lambda out: out.log_softmax(1), functional.cross_entropy, LABELS),
        (lambda out: out.log_softmax(1), functional.nll_loss, LABELS),
        (lambda out: out.softmax(1).log(), functional.nll_loss, LABELS),
        (identity, functional.binary_cross_entropy_with_logits, BITS),
        (torch.sigmoid, functional.binary_cross_entropy, BITS),
        (lambda out: out.softmax(1), functional.mse_loss, functional.one_hot(LABELS, CLASSES).float()),
        (torch.sigmoid, functional.mse_loss, BITS),
        (torch.tanh, functional.mse_loss, NUMBERS / 2),
        (torch.relu, functional.mse_loss, NUMBERS.abs()),
        (identity, functional.mse_loss, NUMBERS),
    ],
)
def test_repaired_head_raises_no_alarm(
    head: Head, loss_fn: Callable[[Tensor, Tensor], Tensor], targets: Tensor
) -> None:
    assert fired(head, loss_fn, targets) == set()


@pytest.mark.parametrize(
    ("trained", "shown", "found"),
    [
        (lambda out: out.softmax(1), lambda out: out.softmax(1), {"head_misfits_loss"}),
        (identity, identity, set()),
        # Probabilities that are only shown did not go into the loss.
        (identity, lambda out: out.softmax(1), set()),
    ],
)
def test_detached_loss_is_computed_again(trained: Head, shown: Head, found: set[str]) -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(UNITS, CLASSES), nn.CrossEntropyLoss()
    inputs = 3 * torch.randn(12, UNITS)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer, loss_fn)
    for update in spy.steps(4):
        logits = model(inputs)
        loss = loss_fn(trained(logits), LABELS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss.detach(), outputs=shown(logits), targets=LABELS)
    assert spy.fired() == found


@pytest.mark.parametrize(("axis", "found"), [(1, {"head_misfits_loss"}), (2, set())])
def test_softmax_over_time_is_seen_by_the_axis_of_the_targets(axis: int, found: set[str]) -> None:
    torch.manual_seed(0)
    model = nn.Linear(UNITS, CLASSES)
    inputs, targets = torch.randn(6, 5, UNITS), functional.one_hot(torch.randint(CLASSES, (6, 5)), CLASSES)

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = model(inputs).softmax(axis)
        wanted = targets.float()
        loss = functional.mse_loss(outputs, wanted)
        return loss, {"inputs": inputs, "outputs": outputs, "targets": wanted}

    assert watch_updates(model, update).fired() == found


@pytest.mark.parametrize(
    ("head", "loss_fn", "targets", "found"),
    [
        (lambda out: out.softmax(1), nn.CrossEntropyLoss(), LABELS, True),
        (lambda out: out.softmax(0), nn.CrossEntropyLoss(), LABELS, True),
        (identity, nn.CrossEntropyLoss(), LABELS, False),
        (lambda out: out.softmax(1), nn.NLLLoss(), LABELS, True),
        (lambda out: out.log_softmax(0), nn.NLLLoss(), LABELS, True),
        (lambda out: out.log_softmax(1), nn.NLLLoss(), LABELS, False),
        (lambda out: out[:, :1].softmax(1), nn.BCELoss(), BITS, True),
        (lambda out: out[:, :1].sigmoid(), nn.BCELoss(), BITS, False),
        (lambda out: out.softmax(0), nn.MSELoss(), ONE_HOT, True),
        (lambda out: out.softmax(1), nn.MSELoss(), ONE_HOT, False),
        (identity, nn.MSELoss(), ONE_HOT, False),
    ],
)
def test_numbers_are_read_where_there_is_no_graph(
    head: Head, loss_fn: nn.Module, targets: Tensor, found: bool
) -> None:
    torch.manual_seed(0)
    model = nn.Linear(UNITS, CLASSES)
    inputs = 3 * torch.randn(12, UNITS)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer, loss_fn)
    for update in spy.steps(4):
        outputs = head(model(inputs))
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, torch.tensor(loss.item()), outputs=outputs.detach(), targets=targets)
    assert spy.fired() == ({"head_misfits_loss"} if found else set())


def test_probabilities_that_are_only_shown_raise_no_alarm() -> None:
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(UNITS, CLASSES), nn.CrossEntropyLoss()
    inputs = 3 * torch.randn(12, UNITS)
    spy = Spy(model, torch.optim.SGD(model.parameters(), 0.01), loss_fn)
    for update in spy.steps(4):
        logits = model(inputs)
        loss = loss_fn(logits, LABELS).item()
        spy.see(update, torch.tensor(loss), outputs=logits.detach().softmax(1), targets=LABELS)
    assert spy.fired() == set()


@pytest.mark.parametrize(("axis", "found"), [(1, set()), (2, {"head_misfits_loss"})])
def test_one_hot_targets_along_another_axis_than_the_classes(axis: int, found: set[str]) -> None:
    torch.manual_seed(0)
    model = nn.Linear(UNITS, CLASSES)
    inputs = torch.randn(6, 5, UNITS)
    shares = functional.one_hot(torch.arange(30).reshape(6, 5) % CLASSES, CLASSES).float()
    targets = shares.movedim(2, axis)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer, nn.CrossEntropyLoss())
    for update in spy.steps():
        outputs = model(inputs).movedim(2, axis)
        loss = functional.cross_entropy(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss, inputs=inputs, outputs=outputs, targets=targets)
    assert spy.fired() == found
