"""Mixed axes are seen in shapes, and the repaired twins raise no alarm."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.watcher.loops import watch_updates

BATCH, TIME, UNITS, CLASSES = 6, 5, 3, 4


class Net(nn.Module):
    """A recurrent network whose readout of states a test supplies."""

    def __init__(self, read: Callable[[Tensor, Tensor], Tensor], *, batch_first: bool, width: int) -> None:
        super().__init__()
        self.layer = nn.GRU(UNITS, 7, num_layers=2, batch_first=batch_first)
        self.head = nn.LazyLinear(width)
        self.read = read

    def forward(self, inputs: Tensor) -> Tensor:
        states, last = self.layer(inputs)
        outputs: Tensor = self.head(self.read(states, last))
        return outputs


def fired(
    read: Callable[[Tensor, Tensor], Tensor],
    after: Callable[[Tensor], Tensor],
    targets: Tensor,
    *,
    batch_first: bool,
    time_first: bool = False,
) -> set[str]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    inputs = torch.randn(TIME, BATCH, UNITS) if time_first else torch.randn(BATCH, TIME, UNITS)
    is_class = not targets.is_floating_point()
    model = Net(read, batch_first=batch_first, width=CLASSES if is_class else 1)
    model(inputs)

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = after(model(inputs))
        loss = functional.cross_entropy(outputs, targets) if is_class else (outputs - targets).square().mean()
        return loss, {"inputs": inputs, "outputs": outputs, "targets": targets}

    return watch_updates(model, update).fired()


def same(outputs: Tensor) -> Tensor:
    return outputs


NUMBERS = torch.linspace(-1, 1, BATCH)
LABELS = torch.arange(BATCH) % CLASSES
STEP_LABELS = (torch.arange(BATCH * TIME) % CLASSES).reshape(BATCH, TIME)


def test_broadcast_is_seen() -> None:
    assert fired(lambda states, _: states[:, -1], same, NUMBERS, batch_first=True) == {"outputs_broadcast"}


def test_squeezed_outputs_raise_no_alarm() -> None:
    found = fired(lambda states, _: states[:, -1], lambda out: out.squeeze(-1), NUMBERS, batch_first=True)
    assert found == set()


def test_missing_batch_first_is_seen() -> None:
    found = fired(lambda states, _: states[:, -1], same, LABELS, batch_first=False)
    assert found == {"batch_axis_mistaken"}


def test_superfluous_batch_first_is_seen() -> None:
    found = fired(lambda states, _: states[-1], same, LABELS, batch_first=True, time_first=True)
    assert found == {"batch_axis_mistaken"}


@pytest.mark.parametrize("time_first", [False, True])
def test_right_batch_axis_raises_no_alarm(time_first: bool) -> None:
    def read(states: Tensor, last: Tensor) -> Tensor:
        return last[-1]

    assert fired(read, same, LABELS, batch_first=not time_first, time_first=time_first) == set()


def test_view_of_last_states_of_two_layers_is_seen() -> None:
    found = fired(lambda _, last: last.view(BATCH, -1), same, LABELS, batch_first=True)
    assert found == {"reshape_mixes_axes"}


def test_transposed_last_states_raise_no_alarm() -> None:
    found = fired(lambda _, last: last.transpose(0, 1).reshape(BATCH, -1), same, LABELS, batch_first=True)
    assert found == set()


def test_view_of_time_first_outputs_as_batch_first_is_seen() -> None:
    def flat(outputs: Tensor) -> Tensor:
        return outputs.view(BATCH, TIME, CLASSES).transpose(1, 2)

    found = fired(lambda states, _: states, flat, STEP_LABELS, batch_first=False, time_first=True)
    assert found == {"reshape_mixes_axes"}


def test_transposed_time_first_outputs_raise_no_alarm() -> None:
    def turned(outputs: Tensor) -> Tensor:
        return outputs.permute(1, 2, 0)

    found = fired(lambda states, _: states, turned, STEP_LABELS, batch_first=False, time_first=True)
    assert found == set()


@pytest.mark.parametrize(
    ("turned", "found"),
    [
        (lambda out: out.view(BATCH, CLASSES, TIME), {"reshape_mixes_axes"}),
        (lambda out: out.transpose(1, 2), set()),
    ],
)
def test_classes_in_the_place_of_time(turned: Callable[[Tensor], Tensor], found: set[str]) -> None:
    assert fired(lambda states, _: states, turned, STEP_LABELS, batch_first=True) == found


@pytest.mark.parametrize("is_turned", [False, True])
def test_targets_that_only_the_loss_flattens(is_turned: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(UNITS, CLASSES))
    inputs = torch.randn(TIME, BATCH, UNITS)

    def update(_: int) -> tuple[Tensor, dict[str, Tensor]]:
        outputs = model(inputs)
        outputs = (outputs.transpose(0, 1) if is_turned else outputs).reshape(-1, CLASSES)
        loss = functional.cross_entropy(outputs, STEP_LABELS.flatten())
        return loss, {"inputs": inputs, "outputs": outputs, "targets": STEP_LABELS}

    assert watch_updates(model, update).fired() == (set() if is_turned else {"reshape_mixes_axes"})


def test_labels_by_step_leave_the_batch_axis_open() -> None:
    def turned(outputs: Tensor) -> Tensor:
        return outputs.transpose(1, 2)

    assert fired(lambda states, _: states, turned, STEP_LABELS, batch_first=False) == set()


def fired_by_step(sizes: list[int], *, batch_first: bool, time_first: bool = False) -> set[str]:
    """Return what fires in a loop over batches of these sizes, with targets at every step."""
    torch.manual_seed(0)
    model = nn.GRU(UNITS, 1, batch_first=batch_first)

    def update(number: int) -> tuple[Tensor, dict[str, Tensor]]:
        size = sizes[(number - 1) % len(sizes)]
        inputs = torch.randn(TIME, size, UNITS) if time_first else torch.randn(size, TIME, UNITS)
        outputs = model(inputs)[0]
        targets = torch.zeros_like(outputs)
        return (outputs - targets).square().mean(), {"inputs": inputs, "outputs": outputs, "targets": targets}

    return watch_updates(model, update).fired()


def test_last_batches_show_the_batch_axis() -> None:
    assert fired_by_step([8, 8, 8, 3], batch_first=False) == {"batch_axis_mistaken"}
    assert fired_by_step([8, 8, 8, 3], batch_first=True, time_first=True) == {"batch_axis_mistaken"}


@pytest.mark.parametrize("sizes", [[8], [8, 8, 8, 3], [8, 8, 3, 3], [8, 7, 8, 3], [8, 8, 12]])
def test_right_layers_raise_no_alarm_by_last_batches(sizes: list[int]) -> None:
    assert fired_by_step(sizes, batch_first=True) == set()
    assert fired_by_step(sizes, batch_first=False, time_first=True) == set()


def test_a_long_sequence_read_in_parts_raises_no_alarm() -> None:
    torch.manual_seed(0)
    model = nn.GRU(UNITS, 1)
    state = [torch.zeros(1, BATCH, 1)]

    def update(number: int) -> tuple[Tensor, dict[str, Tensor]]:
        inputs = torch.randn(3 if number % 4 == 0 else 8, BATCH, UNITS)
        outputs, last = model(inputs, state[0])
        state[0] = last.detach()
        targets = torch.zeros_like(outputs)
        return (outputs - targets).square().mean(), {"inputs": inputs, "outputs": outputs, "targets": targets}

    assert "batch_axis_mistaken" not in watch_updates(model, update).fired()


@pytest.mark.parametrize("sizes", [[8], [8, 8, 3, 3], [8, 7, 8, 3], [8, 8, 12]])
def test_lengths_that_vary_raise_no_alarm(sizes: list[int]) -> None:
    assert fired_by_step(sizes, batch_first=False) == set()


@pytest.mark.parametrize(("width", "is_seen"), [(1, True), (2, False)])
def test_a_head_that_sees_one_unit_is_seen(width: int, is_seen: bool) -> None:
    model = nn.Sequential(nn.Linear(3, width), nn.Sigmoid(), nn.Linear(width, 5))
    spy = watch_updates(model, lambda _: (model(torch.ones(2, 3)).square().mean(), {}))
    assert ("passes_one_unit" in spy.fired()) == is_seen
