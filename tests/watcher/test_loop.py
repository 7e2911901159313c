"""Faults of a loop's order and modes are seen, and their repaired twins raise no alarm."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from failmap.watcher.parts import unregistered
from tests.watcher.loops import Spy

INPUTS = torch.linspace(-1, 1, 24).reshape(8, 3)
TARGETS = INPUTS.sum(1, keepdim=True)


def make_model(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return nn.Sequential(nn.Linear(3, 4), *layers, nn.Linear(4, 1))


def loss_of(model: nn.Module) -> Tensor:
    return nn.functional.mse_loss(model(INPUTS), TARGETS)


def fired(
    order: str, *, backwards: int = 1, model: nn.Module | None = None, part: bool = False, lower: bool = False
) -> set[str]:
    """Return what is found in a loop of the order z (zero_grad), b (backward) and s (step)."""
    model = model or make_model()
    held = list(model.parameters())
    if part:
        held = held[2:] if lower else held[:2]
    optimizer = torch.optim.SGD(held, 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        for action in order:
            if action == "z":
                optimizer.zero_grad()
            if action == "s":
                optimizer.step()
            if action == "b":
                for _ in range(backwards):
                    loss = loss_of(model)
                    loss.backward()
        spy.see(update, loss)
    return spy.fired()


def test_missing_zero_grad_is_seen() -> None:
    assert fired("bs") == {"gradients_never_zeroed"}


def test_zero_grad_before_step_is_seen() -> None:
    assert fired("bzs") == {"gradients_zeroed_early"}


@pytest.mark.parametrize("order", ["zbs", "bsz"])
@pytest.mark.parametrize("backwards", [1, 3])
def test_right_order_and_accumulation_raise_no_alarm(order: str, backwards: int) -> None:
    assert fired(order, backwards=backwards) == set()


def test_accumulation_over_steps_of_the_watcher_raises_no_alarm() -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = loss_of(model)
        loss.backward()
        if update % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
        spy.see(update, loss)
    assert spy.fired() == set()


def test_parameters_that_the_optimizer_lacks_are_seen() -> None:
    assert fired("zbs", part=True) == {"parameters_not_held", "layers_not_held"}


def test_lower_layers_that_the_optimizer_lacks_are_no_certain_fault() -> None:
    assert fired("zbs", part=True, lower=True) == {"layers_not_held"}


def test_two_optimizers_raise_no_alarm() -> None:
    model = make_model()
    parameters = list(model.parameters())
    first, second = torch.optim.SGD(parameters[:2], 0.01), torch.optim.SGD(parameters[2:], 0.01)
    spy = Spy(model, first)
    for update in spy.steps():
        loss = loss_of(model)
        model.zero_grad()
        loss.backward()
        first.step()
        second.step()
        spy.see(update, loss)
    assert spy.fired() == set()


def test_a_closure_erases_no_gradient() -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)

    def closure() -> torch.Tensor:
        loss = loss_of(model)
        loss.backward()
        return loss

    for update in spy.steps():
        # Here gradients are gone when the step begins, and the closure gives others.
        optimizer.zero_grad()
        loss = optimizer.step(closure)
        spy.see(update, loss)
    assert spy.fired() == set()


def test_optimizer_that_never_steps_is_seen() -> None:
    assert fired("zb") == {"optimizer_never_steps"}


def test_steps_by_other_means_raise_no_alarm() -> None:
    model = make_model()
    spy = Spy(model, torch.optim.SGD(model.parameters(), 0.01))
    for update in spy.steps():
        loss = loss_of(model)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.01 * parameter.grad
        spy.see(update, loss)
    assert spy.fired() == set()


@pytest.mark.parametrize(("part", "found"), [("", {"everything_frozen"}), ("0.", set())])
def test_network_that_is_frozen_as_a_whole_is_seen(part: str, found: set[str]) -> None:
    model = make_model()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(part)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        # Without a trainable parameter backward needs this, as scripts do that meet the error.
        loss = loss_of(model) if part else loss_of(model).requires_grad_()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() == found


@pytest.mark.parametrize(("rate", "found"), [(0.0, {"rate_is_zero"}), (1e-8, set())])
def test_rate_of_zero_is_seen(rate: float, found: set[str]) -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), rate)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() == found


@pytest.mark.parametrize(("decay", "found"), [(1.0, {"regularised_away"}), (1e-4, set())])
def test_weight_decay_that_takes_all_weights_is_seen(decay: float, found: set[str]) -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.2, weight_decay=decay)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = 0 * loss_of(model) + 1 / 6  # It stays at chance.
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() - {"optimizer_never_steps"} == found


@pytest.mark.parametrize(("gamma", "found"), [(0.1, {"rate_ended_early"}), (0.9, set())])
def test_schedule_that_ends_early_is_seen(gamma: float, found: set[str]) -> None:
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        spy.see(update, loss)
    assert spy.fired() == found


@pytest.mark.parametrize(
    ("layer", "trained", "found"),
    [
        (nn.BatchNorm1d(4), 0, {"trains_in_eval_mode"}),
        (nn.BatchNorm1d(4), 4, {"trains_in_eval_mode"}),
        (nn.BatchNorm1d(4), 12, set()),
        (nn.BatchNorm1d(4), 16, set()),
        (nn.Dropout(0.5), 4, {"dropout_off_in_training"}),
        (nn.Dropout(0.5), 12, set()),
        (nn.Dropout(0.1), 4, set()),
        (nn.Tanh(), 0, set()),
    ],
)
def test_training_in_evaluation_mode_is_seen(layer: nn.Module, trained: int, found: set[str]) -> None:
    """The evaluation mode of a validation is not undone after some steps of 16."""
    model = make_model(layer)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        model.train(update <= trained)
        loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() == found


def test_evaluation_mode_that_is_left_again_and_again_raises_no_alarm() -> None:
    model = make_model(nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = loss_of(model.train(update % 4 == 0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() == set()


def test_evaluation_mode_that_is_undone_raises_no_alarm() -> None:
    model = make_model(nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        loss = loss_of(model.train())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
        spy.validate(update, loss_of(model.eval()))
    assert spy.fired() == set()


@pytest.mark.parametrize(
    ("layer", "evaluates", "found"),
    [
        (nn.Dropout(0.5), False, {"validates_in_training_mode"}),
        (nn.BatchNorm1d(4), False, {"validates_in_training_mode"}),
        (nn.Tanh(), False, set()),
        (nn.Dropout(0.5), True, set()),
        (nn.BatchNorm1d(4), True, set()),
    ],
)
def test_validation_in_training_mode_is_seen(layer: nn.Module, evaluates: bool, found: set[str]) -> None:
    model = make_model(layer)
    spy = Spy(model, torch.optim.SGD(model.parameters(), 0.01))
    for update in range(3):
        model.train(not evaluates)
        spy.validate(update, loss_of(model))
    assert spy.fired() == found


def test_hooks_are_removed() -> None:
    model = make_model(nn.GRU(4, 4))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for one in spy.observers:
        one.before_look()
        one.remove()
    assert not optimizer._optimizer_step_pre_hooks
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())
    assert not any(one._backward_hooks for one in model.parameters())


@pytest.mark.parametrize(("part", "found"), [("0.", {"recurrence_frozen"}), ("1.", set())])
def test_a_recurrent_layer_that_is_not_trained_is_seen(part: str, found: set[str]) -> None:
    torch.manual_seed(0)
    layer = nn.GRU(3, 4, batch_first=True)
    head = nn.Linear(4, 1)
    model = nn.ModuleList([layer, head])
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(part)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        inputs = torch.randn(8, 5, 3)
        loss = head(layer(inputs)[0][:, -1]).square().mean() * 0 + 1 / 6
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss, inputs=inputs)
    assert spy.fired() & {"recurrence_frozen"} == found


@pytest.mark.parametrize(("kind", "found"), [(list, {"modules_unregistered"}), (nn.ModuleList, set())])
def test_modules_in_a_plain_list_are_seen(kind: Callable[..., Any], found: set[str]) -> None:
    model = make_model(nn.Tanh())
    model.extra = kind([nn.Linear(1, 1)])
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    spy = Spy(model, optimizer)
    for update in spy.steps():
        # Not the whole sequence, which would call the extra module.
        loss = model[2](model[1](model[0](INPUTS))).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spy.see(update, loss)
    assert spy.fired() & {"modules_unregistered"} == found


def test_modules_in_a_list_that_the_optimizer_has_raise_no_alarm() -> None:
    model = make_model()
    extra = [nn.Linear(1, 1)]
    model.extra = extra  # type: ignore[assignment]
    optimizer = torch.optim.SGD([*model.parameters(), *extra[0].parameters()], 0.01)
    assert unregistered(model, optimizer) is None
